package main

import (
	"slices"
	"strings"
)

// parseNft reads what `nft list ruleset` prints, as far as it matters to a datagram. Tables that another program shows too
// are left out.
func parseNft(text string, d datagram) ruleset {
	p := nftParser{d: d, out: ruleset{chains: map[string][]filterRule{}}}
	foreign := map[string]bool{}
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if words := strings.Fields(line); strings.HasPrefix(line, "# Warning: table ") && strings.Contains(line, "managed by iptables-nft") && len(words) > 4 {
			foreign[words[3]+" "+words[4]] = true
		}
		p.line(line, foreign)
	}
	return p.out
}

// nftParser is where it stands in the text.
type nftParser struct {
	d      datagram
	out    ruleset
	blocks []string // that are open: "table inet filter", "chain input", "set x"
}

func (p *nftParser) line(line string, foreign map[string]bool) {
	switch {
	case line == "" || strings.HasPrefix(line, "#"):
	case line == "}":
		p.blocks = p.blocks[:max(0, len(p.blocks)-1)]
	case strings.HasSuffix(line, "{"):
		p.blocks = append(p.blocks, strings.TrimSpace(strings.TrimSuffix(line, "{")))
	case len(p.blocks) == 2 && strings.HasPrefix(p.blocks[1], "chain ") && p.concerns(foreign):
		p.chainLine(line)
	}
}

// concerns reports whether the table is about IPv4, and shown by no other program.
func (p *nftParser) concerns(foreign map[string]bool) bool {
	f := strings.Fields(p.blocks[0])
	return len(f) >= 3 && (f[1] == "inet" || f[1] == "ip") && !foreign[f[1]+" "+f[2]] && f[2] != "firewalld"
}

func (p *nftParser) chainLine(line string) {
	key := p.key(strings.TrimPrefix(p.blocks[1], "chain "))
	if strings.HasPrefix(line, "type ") {
		if f := strings.Fields(line); len(f) > 3 && f[1] == "filter" && (f[3] == "input" || f[3] == "prerouting") {
			policy := accepts
			if strings.Contains(line, "policy drop") {
				policy = drops
			}
			p.out.hooks = append(p.out.hooks, filterHook{name: strings.TrimPrefix(p.blocks[0], "table ") + " " + strings.TrimPrefix(p.blocks[1], "chain "), chain: key, policy: policy})
		}
		return
	}
	p.out.chains[key] = append(p.out.chains[key], p.rule(line))
}

// key names a chain of the table that is open.
func (p *nftParser) key(chain string) string { return p.blocks[0] + "/" + chain }

// rule reads one rule.
func (p *nftParser) rule(line string) filterRule {
	r := filterRule{match: always, text: line}
	words := nftWords(line)
	for len(words) > 0 {
		words = p.step(&r, words)
	}
	return r
}

// step reads one statement of a rule and returns the words after it.
func (p *nftParser) step(r *filterRule, words []string) []string {
	word := words[0]
	if word == "meta" && len(words) > 1 {
		words = words[1:]
		word = words[0]
	}
	if p.verdict(r, words) {
		return nil
	}
	switch word {
	case "counter":
		return after(words, sizeOf(words, "counter", "packets", "*", "bytes", "*"))
	case "comment":
		return after(words, 2)
	case "log":
		n := 1
		for n+1 < len(words) && slices.Contains([]string{"prefix", "level", "group", "flags", "snaplen", "queue-threshold"}, words[n]) {
			n += 2
		}
		return after(words, n)
	}
	test, size := p.test(words)
	if test == nil {
		r.match = min(r.match, perhaps)
		return after(words, 1)
	}
	return p.compare(r, test, after(words, size))
}

// test finds what a statement compares, and how many words name it.
func (p *nftParser) test(words []string) (func([]string) match, int) {
	two := words[0]
	if len(words) > 1 {
		two += " " + words[1]
	}
	no := func([]string) match { return never }
	switch two {
	case "ct state":
		return p.d.new, 2
	case "ip protocol":
		return p.d.udp, 2
	case "udp dport", "th dport":
		return p.d.onPorts, 2
	case "ip saddr":
		return p.d.of, 2
	}
	switch words[0] {
	case "iif", "iifname":
		return p.d.at, 1
	case "l4proto":
		return p.d.udp, 1
	case "nfproto":
		return func(l []string) match { return sure(slices.Contains(l, "ipv4")) }, 1
	case "tcp", "icmp", "icmpv6", "ip6", "igmp", "sctp", "dccp", "esp", "ah":
		return no, 2
	}
	return nil, 0
}

// compare reads the values that follow, and a verdict map as well.
func (p *nftParser) compare(r *filterRule, test func([]string) match, words []string) []string {
	if len(words) == 0 {
		return nil
	}
	negated, mapped := words[0] == "!=", words[0] == "vmap"
	if negated || mapped || words[0] == "==" {
		words = after(words, 1)
	}
	if len(words) == 0 {
		return nil
	}
	values := words[0]
	if mapped {
		p.fromMap(r, test, values)
		return after(words, 1)
	}
	m := perhaps
	if !strings.HasPrefix(values, "@") {
		m = test(listed(values)).not(negated)
	}
	r.match = min(r.match, m)
	return after(words, 1)
}

// fromMap takes the verdict of the key that matches.
func (p *nftParser) fromMap(r *filterRule, test func([]string) match, values string) {
	if strings.HasPrefix(values, "@") {
		r.match = min(r.match, perhaps)
		return
	}
	for _, pair := range listed(values) {
		key, verdict, ok := strings.Cut(pair, " : ")
		if !ok {
			continue
		}
		if m := test(listed(strings.TrimSpace(key))); m != never {
			r.match = min(r.match, m)
			p.verdict(r, strings.Fields(verdict))
			return
		}
	}
	r.match = never
}

// verdict reads a verdict, if the words begin with one.
func (p *nftParser) verdict(r *filterRule, words []string) bool {
	switch words[0] {
	case accepts, drops, returns:
		r.verdict = words[0]
	case "reject":
		r.verdict = drops
	case jumps, leaves:
		if len(words) > 1 {
			r.verdict, r.target = words[0], p.key(words[1])
		}
	default:
		return false
	}
	return true
}

// nftWords splits a rule; a quoted text and a set in braces are a word each.
func nftWords(line string) (words []string) {
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		end := strings.IndexAny(line, " \t")
		switch {
		case line[0] == '"':
			end = strings.IndexByte(line[1:], '"') + 2
		case line[0] == '{':
			end = strings.IndexByte(line, '}') + 1
		}
		if end <= 1 && (line[0] == '"' || line[0] == '{') || end < 0 {
			end = len(line)
		}
		words, line = append(words, line[:end]), line[end:]
		words[len(words)-1] = strings.TrimSuffix(words[len(words)-1], ",")
	}
	return words
}

// listed are the values of a set in braces, or the values with commas between them.
func listed(values string) (out []string) {
	values = strings.TrimSuffix(strings.TrimPrefix(values, "{"), "}")
	for _, v := range strings.Split(values, ",") {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return out
}

// sizeOf is how many words follow a pattern, whose stars stand for any word.
func sizeOf(words []string, pattern ...string) (n int) {
	for n < len(words) && n < len(pattern) && (pattern[n] == "*" || pattern[n] == words[n]) {
		n++
	}
	return max(n, 1)
}

func after(words []string, n int) []string { return words[min(n, len(words)):] }
