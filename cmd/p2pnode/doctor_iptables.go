package main

import (
	"slices"
	"strings"
)

// parseIptables reads the filter table of what `iptables-save` prints, as far as it matters to a datagram.
func parseIptables(text string, d datagram) ruleset {
	out := ruleset{chains: map[string][]filterRule{}}
	table := ""
	for _, line := range strings.Split(text, "\n") {
		words := nftWords(line)
		switch {
		case len(words) == 0:
		case strings.HasPrefix(words[0], "*"):
			table = words[0][1:]
		case table != "filter":
		case words[0] == ":INPUT" && len(words) > 1:
			policy := accepts
			if words[1] == "DROP" {
				policy = drops
			}
			out.hooks = append(out.hooks, filterHook{name: "filter INPUT", chain: "INPUT", policy: policy})
		case words[0] == "-A" && len(words) > 1:
			r := filterRule{match: always, text: line}
			for rest := words[2:]; len(rest) > 0; {
				rest = iptablesOption(&r, rest, d)
			}
			out.chains[words[1]] = append(out.chains[words[1]], r)
		}
	}
	return out
}

// iptablesOption reads one option of a rule and returns the words after it.
func iptablesOption(r *filterRule, words []string, d datagram) []string {
	negated := words[0] == "!"
	if negated {
		words = after(words, 1)
	}
	if len(words) < 2 {
		return nil
	}
	values, m := strings.Split(words[1], ","), perhaps
	switch words[0] {
	case "-p":
		m = d.udp(values)
	case "-i":
		m = d.at(values)
	case "-s":
		m = d.of(values)
	case "--dport", "--dports":
		m = d.onPorts(values)
	case "--ctstate", "--state":
		m = d.new(values)
	case "--icmp-type":
		m = never
	case "-j", "-g":
		iptablesTarget(r, words[0], words[1])
		return nil
	case "-m", "--comment":
		return after(words, 2)
	}
	r.match = min(r.match, m.not(negated && m != perhaps))
	n := 2
	if strings.HasPrefix(words[1], "-") && words[1] != "-" {
		n = 1 // an option without a value
	}
	return after(words, n)
}

// iptablesTarget reads what a rule does. What is neither a verdict nor a chain of this table goes on with the next rule.
func iptablesTarget(r *filterRule, how, target string) {
	switch target {
	case "ACCEPT":
		r.verdict = accepts
	case "DROP", "REJECT":
		r.verdict = drops
	case "RETURN":
		r.verdict = returns
	default:
		if r.target, r.verdict = target, jumps; how == "-g" {
			r.verdict = leaves
		}
		if slices.Contains([]string{"LOG", "NFLOG", "MARK", "CONNMARK", "CT", "TRACE", "AUDIT"}, target) {
			r.verdict = ""
		}
	}
}
