package node

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"p2pnode/wire"
)

var (
	askAt   = netip.MustParseAddrPort("10.0.0.255:47470")
	begunAt = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

// seeking is a search with what a test says to it.
type seeking struct {
	*search
	t   *testing.T
	now time.Time
	sent
}

// sent counts questions by kind and destination.
type sent map[string]int

func newSeeking(t *testing.T, tr trust) *seeking {
	s := &seeking{search: &search{trust: tr, patient: true, targets: []netip.AddrPort{askAt}, places: "the test"}, t: t, now: begunAt, sent: sent{}}
	s.job = &wire.TaskAssignmentRequest{Job: wire.JobID{1}}
	s.begin(s.now)
	s.collect()
	return s
}

func (s *seeking) collect() (qs []question) {
	qs = s.Take()
	for _, q := range qs {
		s.sent[q.Message.Kind().String()+" "+q.To.String()]++
	}
	return qs
}

// wait lets time pass, deadline by deadline.
func (s *seeking) wait(d time.Duration) {
	until := s.now.Add(d)
	for d := s.Deadline(); !d.IsZero() && !d.After(until); d = s.Deadline() {
		if s.Deadline().After(s.now) {
			s.now = s.Deadline()
		} else {
			s.now = s.now.Add(time.Millisecond)
		}
		s.Advance(s.now)
		s.collect()
	}
	s.now = until
	s.Advance(s.now)
	s.collect()
}

// hear gives the search one message from a server.
func (s *seeking) hear(from uint8, m wire.Message) {
	s.Receive(s.now, wire.Event{
		What: wire.Delivered, Peer: nodeOf(from), Boot: wire.Boot{from}, Addr: addrOf(from), Authority: wire.AuthorityOpen, Message: m,
	})
	s.collect()
}

func addrOf(n uint8) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, n}), controlPort)
}

// says is a LeaderResponse of a server of the cluster made from seed.
func (s *seeking) says(from, leader uint8, epoch uint64, seed byte) wire.LeaderResponse {
	id := identityOf(s.t, seed)
	r := wire.LeaderResponse{
		Leader: nodeOf(leader), Epoch: epoch, Cluster: id.Cluster, Label: "c" + string('0'+seed), Authority: id.Authority,
		Nodes: []wire.Node{{ID: nodeOf(from), Name: "n" + string('0'+from), Control: []netip.AddrPort{addrOf(from)}}},
	}
	if leader != from && leader != 0 {
		r.Nodes = append(r.Nodes, wire.Node{ID: nodeOf(leader), Control: []netip.AddrPort{addrOf(leader)}})
	}
	return r
}

func (s *seeking) asked(n uint8) int { return s.sent["TaskAssignmentRequest "+addrOf(n).String()] }

func TestSearchAsksOnSchedule(t *testing.T) {
	s := newSeeking(t, trust{})
	var times []time.Duration
	for range 9 {
		s.now = s.Deadline()
		times = append(times, s.now.Sub(begunAt))
		s.Advance(s.now)
		if n := len(s.collect()); n != 1 {
			t.Fatalf("%d questions at %v, want 1", n, times)
		}
	}
	ms := time.Millisecond
	want := []time.Duration{100 * ms, 250 * ms, 500 * ms, 1000 * ms, 2000 * ms, 4000 * ms, 6000 * ms, 8000 * ms, 10000 * ms}
	if !slices.Equal(times, want) {
		t.Errorf("asked at %v, want %v", times, want)
	}
	if err := s.why(); !errors.Is(err, ErrNoCluster) {
		t.Errorf("why() = %v, want %v", err, ErrNoCluster)
	}
}

func TestSearchAsksTheLeaderUntilItAnswers(t *testing.T) {
	id := identityOf(t, 1)
	s := newSeeking(t, trust{known: []Pin{{Cluster: id.Cluster}}})
	s.hear(2, s.says(2, 1, 5, 1))
	if s.asked(1) != 0 || s.asked(2) != 0 {
		t.Fatalf("asked for an assignment before the leader answered: %v", s.sent)
	}
	s.hear(1, s.says(1, 1, 5, 1))
	s.wait(310 * time.Millisecond)
	if s.asked(1) != 3 || s.asked(2) != 0 {
		t.Errorf("asked the leader %d times in 310 ms, want at 0, 100 and 300; others %d", s.asked(1), s.asked(2))
	}
	s.hear(1, wire.TaskAssignmentResponse{Job: wire.JobID{9}, Server: wire.Node{ID: nodeOf(2)}})
	if s.found != nil {
		t.Fatal("took another job's assignment")
	}
	s.hear(1, wire.TaskAssignmentResponse{Job: wire.JobID{1}, Attempt: 2, Server: wire.Node{
		ID: nodeOf(1), Data: []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:47480")},
	}})
	if s.found == nil || s.found.Attempt != 2 || s.found.Server.Data[0] != netip.MustParseAddrPort("10.0.0.1:47480") {
		t.Errorf("found %+v, want attempt 2 at the leader's own address", s.found)
	}
}

// The highest epoch decides whom to ask, and a silent leader is passed over.
func TestSearchFollowsTheHighestEpoch(t *testing.T) {
	s := newSeeking(t, trust{known: []Pin{{Cluster: identityOf(t, 1).Cluster}}})
	s.hear(1, s.says(1, 1, 5, 1))
	s.hear(2, s.says(2, 2, 6, 1))
	s.wait(50 * time.Millisecond)
	before := s.asked(1)
	s.wait(time.Second)
	if s.asked(2) == 0 || s.asked(1) != before {
		t.Errorf("asked %v, want only the leader of epoch 6", s.sent)
	}
	s.wait(time.Second)
	if s.asked(1) == before {
		t.Errorf("asked %v, want the other leader after four unanswered questions", s.sent)
	}
}

// NotLeader is followed, at no more than a bounded rate even if two servers send a client to each other.
func TestSearchSurvivesServersThatPointAtEachOther(t *testing.T) {
	s := newSeeking(t, trust{known: []Pin{{Cluster: identityOf(t, 1).Cluster}}})
	s.hear(1, s.says(1, 1, 5, 1))
	s.hear(2, s.says(2, 1, 5, 1))
	for range 100 {
		s.hear(1, wire.NotLeader{Job: wire.JobID{1}, Leader: wire.Node{ID: nodeOf(2)}, Epoch: 6})
		s.hear(2, wire.NotLeader{Job: wire.JobID{1}, Leader: wire.Node{ID: nodeOf(1)}, Epoch: 6})
		s.wait(time.Millisecond)
	}
	if n := s.asked(1) + s.asked(2); n < 2 || n > 5 {
		t.Errorf("asked %d times in 100 ms, want 2 to 5", n)
	}
}

func TestSearchCountsWhoAnswered(t *testing.T) {
	s := newSeeking(t, trust{known: []Pin{{Cluster: identityOf(t, 1).Cluster}}})
	for n, want := range []string{"1 server of c1 answered, none leads yet", "2 servers of c1 answered, none leads yet"} {
		from := uint8(n + 1)
		s.hear(from, s.says(from, 0, 0, 1))
		if got := s.waiting(); got != want {
			t.Errorf("waiting() = %q, want %q", got, want)
		}
	}
}

func TestSearchObeysBusy(t *testing.T) {
	s := newSeeking(t, trust{known: []Pin{{Cluster: identityOf(t, 1).Cluster}}})
	s.hear(1, s.says(1, 1, 5, 1))
	s.hear(1, wire.Busy{Job: wire.JobID{1}, Code: wire.CodeNoQuorum, RetryAfter: 500, Detail: "no majority"})
	before := s.asked(1)
	s.wait(490 * time.Millisecond)
	if s.asked(1) != before {
		t.Errorf("asked %d times before the time was up", s.asked(1)-before)
	}
	s.wait(20 * time.Millisecond)
	if s.asked(1) != before+1 {
		t.Errorf("asked %d times after the time was up, want once", s.asked(1)-before)
	}
	if CodeOf(s.why()) != wire.CodeNoQuorum || s.waiting() != "n1 says NO_QUORUM: no majority" {
		t.Errorf("why %v, waiting %q", s.why(), s.waiting())
	}
	s.hear(1, wire.Busy{Job: wire.JobID{1}, Code: wire.CodeQuota, Detail: "never"})
	var remote *RemoteError
	if !errors.As(s.err, &remote) || remote.Code != wire.CodeQuota {
		t.Errorf("a final refusal gave %v", s.err)
	}
}

// While nobody leads, every server is asked now and then, so that a minority can say what it lacks.
func TestSearchLearnsWhyNobodyLeads(t *testing.T) {
	s := newSeeking(t, trust{known: []Pin{{Cluster: identityOf(t, 1).Cluster}}})
	s.hear(1, s.says(1, 0, 5, 1))
	s.hear(2, s.says(2, 0, 5, 1))
	s.wait(3*lastAsk + time.Millisecond)
	if s.asked(1) != 3 || s.asked(2) != 3 {
		t.Errorf("asked %d and %d times in three seconds without a leader, want once a second each", s.asked(1), s.asked(2))
	}
	s.hear(2, wire.Busy{Job: wire.JobID{1}, Code: wire.CodeNoQuorum, RetryAfter: 250, Detail: "no majority"})
	if CodeOf(s.why()) != wire.CodeNoQuorum || s.err != nil {
		t.Errorf("why %v, want what the server said", s.why())
	}
	s.hear(2, s.says(2, 2, 6, 1))
	s.wait(time.Second)
	if before := s.asked(1); s.asked(2) < 4 || before != 3 {
		t.Errorf("asked %v, want the new leader only", s.sent)
	}
}

// Nothing that a stranger to the chosen cluster says counts.
func TestSearchHearsOnlyItsCluster(t *testing.T) {
	s := newSeeking(t, trust{known: []Pin{{Cluster: identityOf(t, 1).Cluster}}})
	s.hear(3, s.says(3, 3, 99, 2))
	s.hear(1, s.says(1, 1, 5, 1))
	s.hear(3, wire.TaskAssignmentResponse{Job: wire.JobID{1}, Attempt: 7, Server: wire.Node{ID: nodeOf(3)}})
	s.hear(3, wire.Busy{Job: wire.JobID{1}, Code: wire.CodeQuota})
	if s.found != nil || s.err != nil || s.asked(3) != 0 || s.asked(1) != 1 {
		t.Errorf("found %v, err %v, sent %v; want only the known cluster's leader asked", s.found, s.err, s.sent)
	}
}

// An answer whose cluster id is not its authority's digest, or that speaks for another node, is dropped.
func TestSearchDropsForgedAnswers(t *testing.T) {
	s := newSeeking(t, trust{})
	forged := s.says(1, 1, 5, 1)
	forged.Authority = identityOf(t, 2).Authority
	s.hear(1, forged)
	s.hear(2, s.says(1, 1, 5, 1))
	s.hear(3, wire.LeaderResponse{})
	if len(s.servers) != 0 {
		t.Errorf("%d forged answers were believed", len(s.servers))
	}
}

// Strangers under ever new ids cost a bounded table.
func TestSearchRemembersBoundedlyMany(t *testing.T) {
	s := newSeeking(t, trust{})
	m := s.says(1, 1, 5, 1)
	for i := range 2000 {
		id := wire.NodeID{1, byte(i), byte(i >> 8)}
		n := m
		n.Nodes = []wire.Node{{ID: id}, {ID: wire.NodeID{2, byte(i), byte(i >> 8)}}}
		s.Receive(s.now, wire.Event{Peer: id, Addr: addrOf(9), Message: n})
	}
	if len(s.servers) > maxServers || len(s.hints) > maxServers {
		t.Errorf("%d servers and %d hints remembered, at most %d", len(s.servers), len(s.hints), maxServers)
	}
}

// On first use the client waits a little, and asks which cluster is meant when several answer.
func TestSearchSettlesOnOneUnknownCluster(t *testing.T) {
	s := newSeeking(t, trust{})
	s.hear(1, s.says(1, 1, 5, 1))
	s.wait(settleAfter - time.Millisecond)
	if s.asked(1) != 0 {
		t.Error("the first answer was taken for the only one at once")
	}
	s.wait(2 * time.Millisecond)
	if s.asked(1) == 0 {
		t.Error("the only cluster was not chosen")
	}

	s = newSeeking(t, trust{})
	s.hear(1, s.says(1, 1, 5, 1))
	s.hear(2, s.says(2, 2, 5, 2))
	s.wait(settleAfter + time.Millisecond)
	var several *SeveralClustersError
	if !errors.As(s.err, &several) || len(several.List) != 2 || CodeOf(s.err) != wire.CodeUsage {
		t.Errorf("two unknown clusters gave %v", s.err)
	}
}

func TestTrustChooses(t *testing.T) {
	one, two, three := infoOf(t, 1), infoOf(t, 2), infoOf(t, 3)
	known := []Pin{{Cluster: one.ID, Label: "one"}}
	for _, c := range []struct {
		name    string
		trust   trust
		answers []ClusterInfo
		want    wire.ClusterID
		code    wire.Code
	}{
		{"the only one", trust{}, []ClusterInfo{one}, one.ID, 0},
		{"several unknown", trust{}, []ClusterInfo{one, two}, wire.ClusterID{}, wire.CodeUsage},
		{"the known one", trust{known: known}, []ClusterInfo{two, one}, one.ID, 0},
		{"only unknown ones", trust{known: known}, []ClusterInfo{two}, wire.ClusterID{}, wire.CodeNoCluster},
		{"an unknown one by name", trust{known: known, wanted: "two"}, []ClusterInfo{two, one}, two.ID, 0},
		{"an unknown one by id", trust{known: known, wanted: two.ID.String()[:12]}, []ClusterInfo{two, one}, two.ID, 0},
		{"two of one name", trust{wanted: "two"}, []ClusterInfo{two, {ID: three.ID, Name: "two"}}, wire.ClusterID{}, wire.CodeUsage},
		{"a stranger with a known name", trust{known: known, wanted: "one"}, []ClusterInfo{{ID: two.ID, Name: "one"}}, wire.ClusterID{}, wire.CodeNoCluster},
		{"trust in a new one", trust{known: known, anyone: true}, []ClusterInfo{two}, two.ID, 0},
		{"trust in which one", trust{known: known, anyone: true}, []ClusterInfo{one, two}, wire.ClusterID{}, wire.CodeUsage},
		{"the token's", trust{token: two.ID, known: known}, []ClusterInfo{one, two}, two.ID, 0},
		{"not the token's", trust{token: two.ID}, []ClusterInfo{one}, wire.ClusterID{}, wire.CodeNoCluster},
		{"nobody", trust{}, nil, wire.ClusterID{}, wire.CodeNoCluster},
	} {
		got, _, err := c.trust.choose(c.answers)
		if got.ID != c.want || CodeOf(err) != c.code {
			t.Errorf("%s: choose = %v, %v, want %v, %v", c.name, got.ID, err, c.want, c.code)
		}
	}
}

func infoOf(t *testing.T, seed byte) ClusterInfo {
	names := []string{"", "one", "two", "three"}
	return ClusterInfo{ID: identityOf(t, seed).Cluster, Name: names[seed], Server: addrOf(seed).String()}
}

// A stranger names very many addresses to a client that asks: it must not flood them, and a real server among them is
// still found.
func TestSearchAsksFewByHearsay(t *testing.T) {
	s := newSeeking(t, trust{anyone: true})
	ident, err := NewIdentity(secretOf(1))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		from := wire.NodeID{1, byte(i)}
		m := wire.LeaderResponse{Nodes: []wire.Node{{ID: from}}, Cluster: ident.Cluster, Authority: ident.Authority, Cookie: []byte{1}}
		for k := range 15 {
			n := wire.Node{ID: wire.NodeID{2, byte(i), byte(k)}}
			for port := range uint16(8) {
				n.Control = append(n.Control, netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, byte(i), byte(k)}), 1+port))
			}
			m.Nodes = append(m.Nodes, n)
		}
		s.Receive(s.now, wire.Event{What: wire.Delivered, Peer: from, Addr: hostAt(50), Message: m})
	}
	s.collect()
	asked := map[netip.AddrPort]bool{}
	for range 200 {
		s.now = s.queryAt
		s.Advance(s.now)
		round := 0
		for _, q := range s.collect() {
			if q.To.Addr().As4()[0] == 203 {
				round++
				asked[q.To] = true
			}
		}
		if round > maxHearsay {
			t.Fatalf("%d addresses known from hearsay are asked at once", round)
		}
	}
	if want := len(s.hints) * 8; len(asked) != want {
		t.Errorf("%d of %d addresses were asked at last", len(asked), want)
	}
}
