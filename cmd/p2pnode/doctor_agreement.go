package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"p2pnode/node"
)

// examined is a server of the cluster and what became of a connection to it.
type examined struct {
	Name, Control string
	node.Examination
	status node.Status
}

// answered reports whether the server said how it is.
func (x examined) answered() bool { return x.Err == nil }

// connections connects to every server found.
func (d *doctor) connections(ctx context.Context) []finding {
	d.tested = d.examineAll(ctx)
	return judgeConnections(d.tested)
}

// examineLimit bounds the connection to one server: a handshake, and its answers.
const examineLimit = 4 * time.Second

// examineAll connects to all servers at once.
func (d *doctor) examineAll(ctx context.Context) []examined {
	all := make([]examined, len(d.around.members))
	client, err := d.asks(d.token, nil)
	if err != nil {
		return []examined{{Name: "this machine", Examination: node.Examination{Err: err}}}
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, examineLimit)
	defer cancel()
	var asking sync.WaitGroup
	for i, m := range d.around.members {
		asking.Go(func() {
			x := examined{Name: m.Name, Control: m.Control, Examination: client.Examine(ctx, m)}
			if x.Err == nil {
				x.Err = x.read()
			}
			all[i] = x
		})
	}
	asking.Wait()
	return all
}

func judgeConnections(all []examined) (found []finding) {
	var fine []string
	for _, x := range all {
		if !x.answered() {
			found = append(found, x.trouble())
			continue
		}
		passes := "1200"
		if x.MTU > 0 {
			passes = fmt.Sprint(x.MTU)
		}
		fine = append(fine, fmt.Sprintf("%s at %s (handshake %v, %s-byte datagrams pass%s)", x.Name, x.Data, x.Handshake.Round(100*time.Microsecond), passes, x.build()))
	}
	if len(fine) > 0 {
		found = append(found, good("%s", strings.Join(fine, ", ")))
	}
	return append(found, versions(all)...)
}

func (x examined) build() string {
	if x.status.Version == "" {
		return ""
	}
	return ", version " + x.status.Version
}

// trouble says why a server could not be asked.
func (x examined) trouble() finding {
	var remote *node.RemoteError
	where := fmt.Sprintf("%s answers at %s, and not at %s", x.Name, x.Control, x.Data)
	switch {
	case errors.As(x.Err, &remote):
		return bad(plain(x.Err), "the token given is not one of this cluster, or none was given", "p2pnode token --client > client.token at "+x.Name+", then p2pnode doctor --token-file client.token here")
	case errors.Is(x.Err, node.ErrForeign):
		return bad(fmt.Sprintf("%s: %s", x.Name, plain(node.ErrForeign)), "another server has taken its data port, an address is translated, or somebody pretends to be it",
			"p2pnode status at "+x.Name+" shows its data address; p2pnode serve --data HOST:PORT and --advertise HOST:PORT set it")
	case errors.Is(x.Err, node.ErrOtherProtocol):
		return bad(fmt.Sprintf("%s at %s: %s", x.Name, x.Data, plain(node.ErrOtherProtocol)), "its version and this one cannot work together", "p2pnode version, here and at "+x.Name)
	case errors.Is(x.Err, node.ErrUnreachable):
		return bad(where, "a firewall lets UDP of the control port pass and not that of the data port, or drops datagrams of 1,200 bytes",
			fmt.Sprintf("sudo nft insert rule inet filter input udp dport %d accept, at %s", x.Data.Port(), x.Name))
	}
	return bad(where+": "+plain(x.Err), "the connection broke", "p2pnode doctor again; the log of "+x.Name)
}

// versions warns of servers that run different releases.
func versions(all []examined) []finding {
	var said []string
	differ, first := false, ""
	for _, x := range all {
		if x.answered() && x.status.Version != "" {
			first = or(first, x.status.Version)
			differ = differ || x.status.Version != first
			said = append(said, x.Name+" "+x.status.Version)
		}
	}
	if !differ {
		return nil
	}
	return one(doubt("servers run different versions: "+strings.Join(said, ", "), "an upgrade is under way, or was not finished", "p2pnode version at each; install the same binary"))
}

// agreeAgain is how long doctor waits before it believes that servers do not agree: an election may be under way.
const agreeAgain = 2 * time.Second

// agreement asks whether all servers follow one leader.
func (d *doctor) agreement(ctx context.Context) []finding {
	found := judgeAgreement(d.tested)
	if !slices.ContainsFunc(found, func(f finding) bool { return f.Result != resultOK }) {
		return found
	}
	select {
	case <-time.After(agreeAgain):
	case <-ctx.Done():
		return found
	}
	return judgeAgreement(d.examineAll(ctx))
}

func judgeAgreement(all []examined) (found []finding) {
	all = slices.DeleteFunc(slices.Clone(all), func(x examined) bool { return !x.answered() })
	if len(all) == 0 {
		return one(unknown("nobody said who leads", "no server could be asked", ""))
	}
	said := map[string][]string{}
	for _, x := range all {
		o := x.opinion()
		said[o] = append(said[o], x.Name)
	}
	switch {
	case len(said) > 1:
		found = append(found, bad("the servers do not agree: "+opinions(said), "split brain: they do not hear each other, so each part has elected its own leader",
			"p2pnode doctor --server "+other(all).Control+" on "+all[0].Name+" ("+all[0].Control+"), then open UDP 47470-47489 between them or give each --peer"))
	case all[0].status.Leader == nil:
		found = append(found, bad("no server leads: "+or(all[0].status.Reason, "no election has ended yet"), "too few servers run, or they do not hear each other", "p2pnode status --watch; start the servers that are missing"))
	default:
		found = append(found, good("%s say: %s", naming(all), all[0].opinion()))
	}
	return append(found, append(ledgers(all), unheard(all)...)...)
}

// opinion is what a server says of who leads.
func (x examined) opinion() string {
	if x.status.Leader == nil {
		return fmt.Sprintf("nobody leads, epoch %d", x.status.Epoch)
	}
	return fmt.Sprintf("%s leads, epoch %d", *x.status.Leader, x.status.Epoch)
}

// other is a server that does not agree with the first.
func other(all []examined) examined {
	i := slices.IndexFunc(all, func(x examined) bool { return x.opinion() != all[0].opinion() })
	return all[max(0, i)]
}

// opinions lists who says what.
func opinions(said map[string][]string) string {
	var parts []string
	for opinion, names := range said {
		slices.Sort(names)
		parts = append(parts, strings.Join(names, ", ")+": "+opinion)
	}
	slices.Sort(parts)
	return strings.Join(parts, "; ")
}

func naming(all []examined) string {
	var names []string
	for _, x := range all {
		names = append(names, x.Name)
	}
	return strings.Join(names, ", ")
}

// ledgers warns where servers hold different records.
func ledgers(all []examined) []finding {
	said := map[string][]string{}
	for _, x := range all {
		k := fmt.Sprintf("%s (%s)", amount(x.status.Ledger.Records, "record"), x.status.Ledger.Digest)
		said[k] = append(said[k], x.Name)
	}
	if len(said) < 2 {
		return nil
	}
	return one(doubt("ledgers differ: "+opinions(said), "jobs are being done, or servers that were apart have not caught up yet", "p2pnode doctor again, once no job runs"))
}

// unheard warns of servers that others do not hear, although they answer here, of those that others hear and we do not, and of
// those that nobody hears.
func unheard(all []examined) (found []finding) {
	answers := map[string]bool{}
	for _, x := range all {
		answers[x.Name] = true
	}
	told := map[string]bool{}
	for _, x := range all {
		for _, n := range x.status.Nodes {
			switch {
			case answers[n.Name] && n.State != "alive":
				found = append(found, doubt(fmt.Sprintf("%s holds %s %s, which answers here", x.Name, n.Name, n.State), "these two do not hear each other", "p2pnode doctor --server "+n.Control+" on "+x.Name))
			case !answers[n.Name] && n.State == "alive" && !told[n.Name]:
				told[n.Name] = true
				found = append(found, doubt(fmt.Sprintf("%s hears %s at %s, which does not answer here", x.Name, n.Name, n.Control), "a firewall or a missing route between this machine and it", "p2pnode doctor --server "+n.Control))
			case !answers[n.Name] && !told[n.Name]:
				told[n.Name] = true
				found = append(found, doubt(fmt.Sprintf("%s at %s is %s to %s, and does not answer here", n.Name, n.Control, n.State, x.Name), "it has ended or hangs, its machine is off, or it is cut off", "p2pnode doctor on the machine of "+n.Name+"; start it again there"))
			}
		}
	}
	return found
}
