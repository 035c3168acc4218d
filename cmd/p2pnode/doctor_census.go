package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"p2pnode/node"
)

// census is who answers whom.
type census struct {
	token   string          // cluster id of the token; empty: none is held
	wanted  bool            // --server, which then says whom jobs go to
	near    []string        // control addresses asked one by one: configured, or remembered
	heard   []node.Found    // answered a broadcast, or the group, or loopback
	single  []node.Found    // answered one by one
	others  []node.Found    // of clusters that take anybody, asked without the token
	claims  []claimed       // certificates at the data ports of those asked one by one
	refused error           // why none of those that answered would get a job; nil: one would
	members []node.Sighting // of the cluster that would
}

// claimed is what somebody at a data address says of itself.
type claimed struct {
	at      netip.AddrPort
	cluster string
}

// surveyFor is how long answers are waited for.
const surveyFor = 1500 * time.Millisecond

// discovery asks everybody, in every way there is.
func (d *doctor) discovery(ctx context.Context) []finding {
	v := &d.around
	*v = census{near: d.neighbours(), wanted: len(d.c.StringSlice("server")) > 0}
	if d.token != nil {
		v.token = d.token.Cluster().String()
	}
	limited, cancel := context.WithTimeout(ctx, surveyFor)
	defer cancel()
	var heard, wide, single, others node.Survey
	errs := make([]error, 4)
	var asking sync.WaitGroup
	ask := func(i int, out *node.Survey, token *node.Token, narrow bool, servers []string) {
		asking.Go(func() { *out, errs[i] = d.survey(limited, token, narrow, servers) })
	}
	ask(0, &heard, d.token, true, nil)
	ask(1, &wide, d.token, false, nil)
	if len(v.near) > 0 {
		ask(2, &single, d.token, false, v.near)
	}
	if d.token != nil {
		ask(3, &others, nil, true, d.c.StringSlice("server"))
	}
	asking.Wait()
	if err := errors.Join(errs...); err != nil {
		return one(bad(plain(err), "no question can be asked", "p2pnode discover --log-level debug"))
	}
	v.heard, v.single, v.others = founds(heard), founds(single), founds(others)
	v.choose(wide, single)
	if len(v.members) == 0 {
		v.claims = d.claims(ctx)
	}
	return v.judge()
}

// survey asks as one client.
func (d *doctor) survey(ctx context.Context, token *node.Token, narrow bool, servers []string) (node.Survey, error) {
	client, err := d.asks(token, servers)
	if err != nil {
		return node.Survey{}, err
	}
	defer client.Close()
	return client.Survey(ctx, narrow)
}

// asks makes a client that leaves the user's known clusters as they are: it has a copy.
func (d *doctor) asks(token *node.Token, servers []string) (*node.Client, error) {
	return node.NewClient(node.ClientConfig{
		Token: token, Servers: servers, Cluster: d.c.String("cluster"), Trust: d.c.Bool("trust"), Pins: filepath.Join(d.dir, "known_clusters"),
		Interfaces: d.c.StringSlice("interface"), Name: "doctor",
	})
}

// neighbours are the addresses to ask one by one.
func (d *doctor) neighbours() (all []string) {
	add := func(words []string) {
		some, err := withPorts(words, defaultControlPort)
		if err != nil {
			return // the configuration's check has said it
		}
		for _, a := range some {
			if !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
	}
	add(d.c.StringSlice("server"))
	if len(all) > 0 {
		return all
	}
	add(d.c.StringSlice("peer"))
	for _, peer := range d.p.settings.file.peers {
		add([]string{peer.Address})
	}
	remembered, err := node.RememberedPeers(d.place.path)
	if err != nil {
		return all // a store in use: its server asks those itself
	}
	for _, a := range remembered {
		add([]string{a.String()})
	}
	return all
}

func founds(s node.Survey) (all []node.Found) {
	for _, v := range s.Servers {
		all = append(all, v.Found)
	}
	return all
}

// choose settles which cluster is examined, and who belongs to it.
func (v *census) choose(wide, single node.Survey) {
	s := wide
	if v.wanted || s.Cluster == nil && single.Cluster != nil {
		s = single
	}
	v.refused = s.Refused
	if s.Cluster == nil {
		return
	}
	seen := map[string]bool{}
	for _, m := range slices.Concat(wide.Servers, single.Servers) {
		if m.ClusterID == s.Cluster.ID && !seen[m.Node.String()] {
			seen[m.Node.String()] = true
			v.members = append(v.members, m)
		}
	}
	slices.SortFunc(v.members, func(a, b node.Sighting) int { return strings.Compare(a.Name, b.Name) })
}

// addresses are where the members answer.
func (v *census) addresses() (all []string) {
	for _, m := range v.members {
		all = append(all, m.Control)
	}
	return all
}

// claims looks at certificates where nobody answers questions: at the data ports of this machine and of those asked one by one.
func (d *doctor) claims(ctx context.Context) (all []claimed) {
	client, err := d.asks(nil, nil)
	if err != nil {
		return nil
	}
	defer client.Close()
	hosts := []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	for _, a := range d.around.near {
		if at, err := netip.ParseAddrPort(a); err == nil && !slices.Contains(hosts, at.Addr()) && len(hosts) < 8 {
			hosts = append(hosts, at.Addr())
		}
	}
	limited, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var mu sync.Mutex
	var asking sync.WaitGroup
	for _, h := range hosts {
		for port := uint16(defaultDataPort); port < defaultDataPort+portsEach; port++ {
			at := netip.AddrPortFrom(h, port)
			asking.Go(func() {
				if c, err := client.Identify(limited, at); err == nil {
					mu.Lock()
					defer mu.Unlock()
					all = append(all, claimed{at, c.Cluster})
				}
			})
		}
	}
	asking.Wait()
	slices.SortFunc(all, func(a, b claimed) int { return a.at.Compare(b.at) })
	return all
}

// judge says what the answers mean.
func (v *census) judge() []finding {
	if len(v.members) == 0 {
		return one(v.nobody())
	}
	return append(v.deaf(), good("%s", v.list()))
}

// list names who answered, by cluster.
func (v *census) list() string {
	ours := v.members[0].Cluster
	var names, other []string
	for _, m := range v.members {
		names = append(names, fmt.Sprintf("%s at %s", m.Name, m.Control))
	}
	id := v.members[0].ClusterID
	for _, f := range slices.Concat(v.heard, v.single, v.others) {
		name := fmt.Sprintf("%s (%.8s)", f.Cluster, f.ClusterID)
		if f.ClusterID != id && !slices.Contains(other, name) {
			other = append(other, name)
		}
	}
	text := fmt.Sprintf("cluster %s (%.8s): %s", ours, id, strings.Join(names, ", "))
	if len(other) > 0 {
		text += "; other clusters here: " + strings.Join(other, ", ")
	}
	return text
}

// deaf finds members that answer when asked alone, and do not hear what everybody should hear.
func (v *census) deaf() (found []finding) {
	for _, m := range v.members {
		if slices.ContainsFunc(v.heard, func(f node.Found) bool { return f.Node == m.Node }) {
			continue
		}
		seen := fmt.Sprintf("%s answers at %s, and not to a broadcast", m.Name, m.Control)
		at, err := netip.ParseAddrPort(m.Control)
		fix := fmt.Sprintf("p2pnode serve --peer %s ([[peers]] address in the file), p2pnode encrypt --server %[1]s", m.Control)
		switch {
		case err == nil && (at.Port() < defaultControlPort || at.Port() >= defaultControlPort+portsEach):
			found = append(found, doubt(seen, fmt.Sprintf("discovery asks ports %d-%d, and it listens at another", defaultControlPort, defaultControlPort+portsEach-1), fix))
		default:
			found = append(found, doubt(seen, "broadcast is blocked between this machine and it: another subnet, a switch that isolates, "+
				"or a firewall that drops broadcasts or, here, answers from UDP 47470-47479", fix))
		}
	}
	return found
}

// nobody says why there is no cluster to go on with.
func (v *census) nobody() finding {
	var several *node.SeveralClustersError
	var strange *node.UnknownClusterError
	if f, ok := v.mismatch(); ok {
		return f
	}
	switch {
	case errors.As(v.refused, &several):
		return bad(plain(v.refused), "nothing says which of them is meant", "p2pnode doctor --cluster "+several.List[0].ID.String()[:8])
	case errors.As(v.refused, &strange):
		return bad(plain(v.refused), "this user knows other clusters, and does not trust a new one by itself", "p2pnode doctor --cluster "+strange.List[0].ID.String()[:8]+", if you trust it")
	}
	asked := "nobody answers a broadcast"
	if len(v.near) > 0 {
		asked += ", nor do " + strings.Join(v.near, ", ")
	}
	return bad(asked, "no server runs on these networks, a firewall drops UDP 47470-47489, or the servers want a token (--clients token) and got none, or another cluster's",
		"p2pnode serve, here or on any machine of this network; or p2pnode doctor --server HOST:PORT [--token-file F]")
}

// mismatch finds servers that are there and belong to another cluster than the token.
func (v *census) mismatch() (finding, bool) {
	fix := "p2pnode token --client > client.token on that server, then p2pnode doctor --token-file client.token here"
	for _, f := range v.others {
		if v.token != "" && f.ClusterID.String() != v.token {
			return bad(fmt.Sprintf("the token is of cluster %.8s; %s at %s is of cluster %s (%.8s)", v.token, f.Name, f.Control, f.Cluster, f.ClusterID),
				"the token is another cluster's: servers do not answer it", fix), true
		}
	}
	for _, c := range v.claims {
		switch {
		case v.token == "":
			return bad(fmt.Sprintf("the server at %s, of cluster %.8s, does not answer without a token", c.at, c.cluster),
				"its cluster was started with --clients token", fix), true
		case c.cluster != v.token:
			return bad(fmt.Sprintf("the token is of cluster %.8s; the server at %s is of cluster %.8s", v.token, c.at, c.cluster),
				"the token is another cluster's: servers do not answer it", fix), true
		}
	}
	return finding{}, false
}
