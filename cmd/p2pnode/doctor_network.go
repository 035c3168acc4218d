package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"p2pnode/node"
)

// networks says on which interfaces servers are looked for.
func (d *doctor) networks(context.Context) []finding {
	all, err := d.interfaces(d.c.StringSlice("interface"))
	if err != nil {
		return one(bad(plain(err), "the system does not list its interfaces", "ip addr"))
	}
	return judgeInterfaces(all, d.c.StringSlice("interface"))
}

func judgeInterfaces(all []node.Interface, only []string) (found []finding) {
	var used, not []string
	known, beyond := map[string]bool{}, false
	for _, i := range all {
		known[i.Name] = i.Used
		if !i.Used {
			not = append(not, i.Name+" ("+i.Reason+")")
			continue
		}
		beyond = beyond || !i.Loopback
		var addresses []string
		for _, a := range i.Addresses {
			addresses = append(addresses, a.String())
		}
		used = append(used, i.Name+" "+strings.Join(addresses, " "))
	}
	seen := "used: " + or(strings.Join(used, ", "), "none")
	if len(not) > 0 {
		seen += "; not used: " + strings.Join(not, ", ")
	}
	for _, name := range only {
		if !known[name] {
			found = append(found, bad("--interface "+name+" is not usable", "it is missing, down or without an address", "ip addr show "+shellWord(name)))
		}
	}
	switch {
	case found != nil:
	case len(used) == 0:
		return one(bad(seen, "no interface is up, not even loopback", "sudo ip link set lo up"))
	case !beyond:
		return one(doubt(seen, "no network besides loopback: only servers on this machine are found", "ip -br link; sudo ip link set NAME up"))
	}
	return append(found, good("%s", seen))
}

// echoWait is how long a broadcast of ours may take to come back.
const echoWait = 700 * time.Millisecond

// broadcast sends broadcasts and listens for them.
func (d *doctor) broadcast(ctx context.Context) []finding {
	limited, cancel := context.WithTimeout(ctx, echoWait)
	defer cancel()
	all, err := d.echo(limited, d.c.StringSlice("interface"))
	if err != nil {
		return one(bad(plain(err), "this machine cannot listen for broadcasts", "p2pnode serve --peer HOST:PORT, p2pnode encrypt --server HOST:PORT"))
	}
	return judgeEchoes(all)
}

func judgeEchoes(all []node.Echo) (found []finding) {
	var heard []string
	for _, e := range all {
		what := fmt.Sprintf("%s on %s", e.To.Addr(), e.Interface)
		switch {
		case e.Heard:
			heard = append(heard, what)
		case e.Err != nil:
			found = append(found, doubt("no broadcast to "+what+" can be sent", e.Err.Error(), "p2pnode serve --peer HOST:PORT, p2pnode encrypt --server HOST:PORT"))
		default:
			found = append(found, doubt(fmt.Sprintf("own broadcast to %s, port %d, does not come back", what, e.To.Port()),
				"a firewall here drops what comes in", "sudo nft list ruleset, or see the firewall line"))
		}
	}
	switch {
	case len(all) == 0:
		return one(unknown("nothing sent", "no interface besides loopback has an IPv4 address", ""))
	case len(heard) > 0:
		found = append(found, good("heard back: %s", strings.Join(heard, ", ")))
	}
	return found
}
