package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"p2pnode/node"
)

// wall is one firewall program: what it is asked, and how what it prints is read.
type wall struct {
	name   string
	argv   []string
	active func(text string) bool
	parse  func(text string, d datagram) ruleset
	file   string // where its rules are kept
	fix    string
}

// walls are the programs, those first that write rules for the others.
var walls = []wall{
	{"ufw", []string{"ufw", "status", "verbose"}, func(t string) bool { return strings.Contains(t, "Status: active") }, parseUFW,
		"/etc/ufw/user.rules", "sudo ufw allow 47470:47489/udp"},
	{"firewalld", []string{"firewall-cmd", "--list-all-zones"}, func(t string) bool { return strings.Contains(t, "active)") }, parseFirewalld,
		"/etc/firewalld/zones", "sudo firewall-cmd --permanent --zone=ZONE --add-port=47470-47489/udp && sudo firewall-cmd --reload"},
	{"iptables", []string{"iptables-save"}, func(t string) bool { return strings.Contains(t, ":INPUT ") }, parseIptables,
		"/etc/iptables/rules.v4, if anything keeps them", "sudo iptables -I INPUT -p udp --dport 47470:47489 -j ACCEPT"},
	{"nftables", []string{"nft", "list", "ruleset"}, func(t string) bool {
		return strings.Contains(t, "hook input") || strings.Contains(t, "hook prerouting")
	}, parseNft,
		"/etc/nftables.conf", "sudo nft insert rule HOOK udp dport 47470-47489 accept"},
}

// firewall reads the rules of this machine, if there are any and they may be read.
func (d *doctor) firewall(ctx context.Context) (found []finding) {
	on, _ := d.interfaces(d.c.StringSlice("interface")) // an error is the interfaces' check's to tell
	asked := incoming(on)
	var passes, silent []string
	ufw := false
	for _, w := range walls {
		if w.name == "iptables" && ufw {
			continue // its rules are ufw's
		}
		text, err := d.run(ctx, w.argv[0], w.argv[1:]...)
		switch {
		case errors.Is(err, errNoTool), err != nil && strings.Contains(err.Error(), "not running"):
			continue
		case err != nil:
			found = append(found, unknown(w.name+" does not say its rules: "+err.Error(), "rules are for root to see", "sudo p2pnode doctor"))
		case !w.active(text):
			silent = append(silent, w.name)
		default:
			ufw = ufw || w.name == "ufw"
			if stopped := w.judge(text, asked); stopped != nil {
				found = append(found, *stopped)
			} else {
				passes = append(passes, w.name)
			}
		}
	}
	return summarize(found, passes, silent)
}

func summarize(found []finding, passes, silent []string) []finding {
	switch {
	case len(passes) > 0:
		return append(found, good("%s: UDP 47470-47489 may come in", strings.Join(passes, ", ")))
	case len(found) > 0:
		return found
	case len(silent) > 0:
		return one(good("%s: no rules for what comes in", strings.Join(silent, ", ")))
	}
	return one(unknown("no nft, iptables, ufw or firewalld here", "rules of the kernel, if there are any, cannot be read", ""))
}

// incoming are the datagrams a server lives on, at every interface: of other servers and clients, and of QUIC.
func incoming(on []node.Interface) (all []datagram) {
	for _, i := range on {
		if !i.Used || i.Loopback {
			continue
		}
		from := netip.Prefix{}
		if n := slices.IndexFunc(i.Addresses, func(p netip.Prefix) bool { return p.Addr().Is4() }); n >= 0 {
			from = i.Addresses[n].Masked()
		}
		for _, port := range []int{defaultControlPort, defaultDataPort} {
			all = append(all, datagram{in: i.Name, from: from, port: port})
		}
	}
	return all
}

// judge returns the first datagram's fate that is bad; nil: all may come in.
func (w wall) judge(text string, asked []datagram) *finding {
	for _, d := range asked {
		hook, o := w.parse(text, d).judge()
		if o.verdict != drops {
			continue
		}
		seen := fmt.Sprintf("%s drops UDP to port %d that comes in at %s", w.name, d.port, d.in)
		cause := fmt.Sprintf("%s, by %s; the rules are in %s", hook.name, o.by, w.file)
		fix := strings.NewReplacer("HOOK", hook.name, "ZONE", strings.TrimPrefix(hook.name, "zone ")).Replace(w.fix)
		f := bad(seen, cause, fix)
		if o.but != "" {
			f = doubt(seen+", unless it is let in before", cause+"; perhaps it passes by: "+o.but, fix)
		}
		return &f
	}
	return nil
}

var ufwRule = regexp.MustCompile(`^(\S.*?)\s{2,}(ALLOW|DENY|REJECT|LIMIT)(?: IN)?\s{2,}(\S.*?)\s*$`)

// parseUFW reads what `ufw status verbose` prints.
func parseUFW(text string, d datagram) ruleset {
	out := ruleset{chains: map[string][]filterRule{}, hooks: []filterHook{{name: "incoming", chain: "in", policy: drops}}}
	if strings.Contains(text, "allow (incoming)") {
		out.hooks[0].policy = accepts
	}
	for _, line := range strings.Split(text, "\n") {
		f := ufwRule.FindStringSubmatch(line)
		if f == nil || strings.Contains(line, "(v6)") {
			continue
		}
		r := filterRule{match: min(ufwTo(f[1], d), ufwFrom(f[3], d)), verdict: drops, text: strings.Join(strings.Fields(line), " ")}
		if f[2] == "ALLOW" || f[2] == "LIMIT" {
			r.verdict = accepts
		}
		out.chains["in"] = append(out.chains["in"], r)
	}
	return out
}

// ufwTo matches 22/tcp, 47470:47489/udp, 53, Anywhere, and any of these "on eth0".
func ufwTo(to string, d datagram) match {
	to, at, on := strings.Cut(to, " on ")
	m := always
	if on {
		m = d.at([]string{at})
	}
	ports, protocol, _ := strings.Cut(to, "/")
	switch {
	case to == "Anywhere":
		return m
	case protocol != "" && protocol != "udp":
		return never
	}
	return min(m, d.onPorts(strings.Split(ports, ",")))
}

func ufwFrom(from string, d datagram) match {
	if strings.HasPrefix(from, "Anywhere") {
		return always
	}
	return d.of([]string{strings.Fields(from)[0]})
}

// parseFirewalld reads the active zones of what `firewall-cmd --list-all-zones` prints. The zone of an interface decides;
// that of one without a zone is the default's.
func parseFirewalld(text string, d datagram) ruleset {
	var out ruleset
	for _, block := range strings.Split(text, "\n\n") {
		head, _, _ := strings.Cut(strings.TrimSpace(block), "\n")
		name, state, _ := strings.Cut(head, " ")
		z := zoneOf(block)
		mine := slices.Contains(strings.Fields(z["interfaces"]), d.in)
		if !strings.Contains(state, "active") || !mine && !(strings.Contains(state, "default") && out.hooks == nil) {
			continue
		}
		chain := "zone " + name
		out = ruleset{chains: map[string][]filterRule{chain: zoneRules(z, d)}, hooks: []filterHook{{name: chain, chain: chain, policy: drops}}}
		if strings.EqualFold(z["target"], accepts) {
			out.hooks[0].policy = accepts
		}
		if mine {
			break
		}
	}
	return out
}

// zoneOf reads the fields of a zone.
func zoneOf(block string) map[string]string {
	z := map[string]string{}
	for _, line := range strings.Split(block, "\n") {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			z[key] = strings.TrimSpace(value)
		}
	}
	return z
}

// zoneRules are the open ports and protocols of a zone.
func zoneRules(z map[string]string, d datagram) (rules []filterRule) {
	for _, p := range strings.Fields(z["ports"]) {
		ports, protocol, _ := strings.Cut(p, "/")
		rules = append(rules, filterRule{match: min(sure(protocol == "udp"), d.onPorts([]string{ports})), verdict: accepts, text: "port " + p})
	}
	return append(rules, filterRule{match: d.udp(strings.Fields(z["protocols"])), verdict: accepts, text: "protocol udp"})
}
