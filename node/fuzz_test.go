package node

import (
	"bytes"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"p2pnode/wire"
)

// FuzzStoreValue: whatever a damaged store holds is read as something that is written as it is read, or refused.
func FuzzStoreValue(f *testing.F) {
	r := wire.Record{Job: wire.JobID{1}, Attempt: 2, State: wire.Done, Epoch: 3, Leader: wire.NodeID{4}, Server: wire.NodeID{5}, Client: "carol", Request: 6, Owner: []byte{192, 0, 2, 9}, Size: 7, Result: wire.Digest{8}}
	f.Add(appendRecord(nil, r))
	f.Add(appendRecord(nil, wire.Record{}))
	f.Add(appendMine(nil, Mine{Result: wire.Digest{1}, Size: 9, Since: time.Unix(0, 10), Capacity: -1}))
	f.Add(appendPeers(nil, []netip.AddrPort{askAt, netip.MustParseAddrPort("[fe80::1%eth0]:1")}))
	f.Fuzz(func(t *testing.T, p []byte) {
		if r, err := parseRecord(p); err == nil {
			q := appendRecord(nil, r)
			again, err := parseRecord(q)
			if err != nil || compareRecords(r, again) != 0 || len(q) > len(p) {
				t.Errorf("record %x became %x: %v", p, q, err)
			}
			if m := Merge(r, again); compareRecords(m, r) != 0 {
				t.Errorf("merging %+v with itself gives %+v", r, m)
			}
		}
		if len(p) == mineSize {
			if q := appendMine(nil, parseMine(wire.JobID{1}, p)); !bytes.Equal(p, q) {
				t.Errorf("result %x became %x", p, q)
			}
		}
		list := parsePeers(p)
		if again := parsePeers(appendPeers(nil, list)); !reflect.DeepEqual(again, list[:min(len(list), maxStoredPeers)]) && len(list) > 0 {
			t.Errorf("peers %v became %v", list, again)
		}
	})
}

// FuzzPins: a line of a known-clusters file is refused, or means the same after it has been written again.
func FuzzPins(f *testing.F) {
	ident, err := NewIdentity(secretOf(1))
	if err != nil {
		f.Fatal(err)
	}
	pin := Pin{Cluster: ident.Cluster, Label: "home", Authority: ident.Authority, First: time.Unix(1e9, 0)}
	f.Add(pin.line()[:len(pin.line())-1])
	pin.Label = "\x1b[31m\n\u202e"
	f.Add(pin.line()[:len(pin.line())-1])
	f.Add("a b c d")
	f.Fuzz(func(t *testing.T, line string) {
		p, err := parsePin(line)
		if err != nil {
			return
		}
		if ClusterOf(p.Authority) != p.Cluster {
			t.Fatalf("%q pins a key that is not its cluster's", line)
		}
		again, err := parsePin(p.line()[:len(p.line())-1])
		if p.First = p.First.UTC(); err != nil || again.Label != p.Label || again.Cluster != p.Cluster || !again.First.Equal(p.First.Truncate(time.Second)) {
			t.Errorf("%q became %q: %+v, %v", line, p.line(), again, err)
		}
	})
}

// FuzzSearch: whatever strangers answer to a client, it remembers boundedly many of them, asks boundedly much, and is
// assigned to no other cluster than it may use.
func FuzzSearch(f *testing.F) {
	for _, data := range [][]byte{
		{0, 0, 1, 1, 0, 1, 2, 1, 0, 1}, {1, 0, 1, 1, 0, 1, 2, 1, 0, 1}, {2, 0, 1, 1, 0, 2, 2, 1, 1, 3, 2, 2, 1, 0}, {3, 0, 7, 7, 7, 200, 4, 1, 2, 250, 1},
		{4, 0, 1, 1, 3, 1, 1, 0, 0, 2, 1, 0, 0, 1, 1, 0, 2, 5, 2, 1, 1, 0, 0},
	} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1000 {
			return
		}
		w := &answers{script: script{data}, t: t}
		for i := range w.clusters {
			ident, err := NewIdentity(secretOf(byte(i + 1)))
			if err != nil {
				t.Fatal(err)
			}
			w.clusters[i] = ident
		}
		w.seeking = newSeeking(t, w.trust())
		for len(w.rest) > 0 && w.found == nil && w.err == nil {
			w.answer()
			w.lawful()
		}
	})
}

// answers is what a script has strangers answer.
type answers struct {
	script
	*seeking
	t        *testing.T
	clusters [3]*Identity
}

// trust is of a client that knows the first cluster, holds its token, or wants it by name; or of one that knows nobody.
func (w *answers) trust() trust {
	first := w.clusters[0]
	known := []Pin{{Cluster: first.Cluster, Label: "first", Authority: first.Authority}}
	return []trust{{known: known}, {token: first.Cluster}, {wanted: "first", known: known}, {}, {anyone: true, known: known}}[w.byte()%5]
}

// answer hears one answer, or lets time pass.
func (w *answers) answer() {
	e := wire.Event{What: wire.Delivered, Peer: wire.NodeID{1 + w.byte()%4}, Boot: wire.Boot{w.byte() % 2}, Addr: hostAt(int(w.byte() % 8))}
	node := wire.Node{ID: wire.NodeID{1 + w.byte()%8}, Name: "n", Control: []netip.AddrPort{hostAt(int(w.byte()))}, Data: []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:1")}}
	job := wire.JobID{1 + w.byte()/250}
	switch b := w.byte(); b % 8 {
	case 0, 1, 2:
		c := w.clusters[int(w.byte())%len(w.clusters)]
		m := wire.LeaderResponse{
			Nonce: uint64(w.now.UnixNano()), Leader: node.ID, Epoch: uint64(w.byte()), Nodes: []wire.Node{{ID: e.Peer, Name: "n"}, node},
			Cluster: c.Cluster, Label: "first", Authority: c.Authority, Cookie: []byte{1}, Token: b&8 != 0,
		}
		if w.byte()%8 == 0 {
			m.Authority = w.clusters[int(w.byte())%len(w.clusters)].Authority
		}
		if w.byte()%8 == 0 {
			e.Peer = wire.NodeID{b, w.byte(), w.byte()} // one more of very many
			m.Nodes[0].ID, m.Nodes[1].ID = e.Peer, wire.NodeID{w.byte(), w.byte(), 1}
		}
		e.Message = m
	case 3:
		e.Message = wire.TaskAssignmentResponse{Job: job, Attempt: 1, Epoch: uint64(w.byte()), Leader: e.Peer, Server: node}
	case 4:
		e.Message = wire.NotLeader{Job: job, Leader: node, Epoch: uint64(w.byte())}
	case 5:
		e.Message = wire.Busy{Job: job, Code: wire.Code(w.byte()), RetryAfter: uint32(w.byte()) << (w.byte() % 32)}
	default:
		w.wait(time.Duration(w.byte()) * 10 * time.Millisecond)
		return
	}
	w.Receive(w.now, e)
}

func (w *answers) lawful() {
	if len(w.servers) > maxServers || len(w.hints) > maxServers || len(w.nonces) > 1 {
		w.t.Fatalf("%d servers, %d hints and %d nonces are remembered", len(w.servers), len(w.hints), len(w.nonces))
	}
	if n := len(w.collect()); n > 4*maxServers {
		w.t.Fatalf("%d questions at once", n)
	}
	if w.found == nil {
		return
	}
	tr := w.search.trust
	if id := w.found.Cluster.ID; ClusterOf(w.found.Authority) != id || !tr.token.IsZero() && id != tr.token ||
		len(tr.known) > 0 && !tr.anyone && id != tr.known[0].Cluster {
		w.t.Fatalf("assigned to cluster %s, which may not be used: %+v", id, tr)
	}
}
