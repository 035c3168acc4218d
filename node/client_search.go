package node

import (
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"p2pnode/wire"
)

// search finds a cluster, who leads it and, with a job, the server of the job's attempt. It is a pure state machine:
// answers and the passing of time go in, questions and at last an assignment come out.
type search struct {
	trust   trust
	patient bool                        // several clusters may answer: wait a little before the first one is taken for the only one
	census  bool                        // all clusters count: none is chosen
	narrow  bool                        // nobody is asked besides the targets
	targets []netip.AddrPort            // asked in every round
	places  string                      // the targets, for people
	job     *wire.TaskAssignmentRequest // nil: nothing is to be assigned

	servers   map[wire.NodeID]*server
	hints     map[wire.NodeID]wire.Node // servers named by others
	chosen    *ClusterInfo
	first     time.Time // of the answers
	unsettled bool      // a cluster could be chosen, or found ambiguous, once time has passed
	queryAt   time.Time
	round     int
	nonces    map[uint64]time.Time // when a question was asked
	askAt     time.Time
	inquireAt time.Time   // when all servers are asked, if none leads
	asked     wire.NodeID // whom the job was last asked of
	askedAt   time.Time
	asks      int // in vain since anybody answered
	busy      *RemoteError

	out   []question
	found *assignment
	err   error

	heirs map[wire.ClusterID]heir // of clusters that have another secret since, by the former id
	lies  int                     // statements that were false
}

// server is one that answered.
type server struct {
	event     wire.Event
	node      wire.Node
	cluster   ClusterInfo
	answer    wire.LeaderResponse
	authority ed25519.PublicKey // of the CAs it names, the one of cluster
	leader    wire.NodeID       // whom it holds to lead, as last heard
	epoch     uint64
	first     time.Time // when it was first heard
	rtt       time.Duration
	silent    bool // did not answer what it was asked for a job
}

// question is a message to be sent. Dest and Boot are zero for a LeaderQuery.
type question struct {
	To      netip.AddrPort
	Dest    wire.NodeID
	Boot    wire.Boot
	Message wire.Message
}

// assignment says where a job is to be done.
type assignment struct {
	wire.TaskAssignmentResponse
	Cluster   ClusterInfo
	Authority ed25519.PublicKey
	Former    wire.ClusterID // that Cluster has succeeded, by its own word; zero: none
	Token     bool           // the cluster wants a token's proof
	Leader    string         // name
	From      netip.AddrPort // the leader's address, which stands for unspecified ones
}

// rounds are the times of the first questions after the beginning; then one every lateRound.
var rounds = [...]time.Duration{0, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second}

const (
	lateRound   = 2 * time.Second
	settleAfter = 300 * time.Millisecond // after the first answer, a sole unknown cluster is taken for the only one
	firstAsk    = 100 * time.Millisecond // between the first two times a leader is asked; doubled up to lastAsk
	lastAsk     = time.Second
	vainAsks    = 4   // unanswered ones after which a leader is held silent
	maxServers  = 256 // remembered at most: strangers may answer under many ids
)

// begin starts asking: at once, and again as often as at first.
func (s *search) begin(now time.Time) {
	if s.servers == nil {
		s.servers, s.hints, s.nonces = map[wire.NodeID]*server{}, map[wire.NodeID]wire.Node{}, map[uint64]time.Time{}
	}
	for _, v := range s.servers {
		v.silent, v.leader = false, wire.NodeID{} // who led when last asked may lead no more
	}
	s.queryAt, s.round, s.found, s.err, s.busy = now, 0, nil, nil, nil
	s.askAt, s.asks, s.inquireAt = now, 0, now.Add(lastAsk)
	s.Advance(now)
}

// Receive takes an answer.
func (s *search) Receive(now time.Time, e wire.Event) {
	switch m := e.Message.(type) {
	case wire.LeaderResponse:
		s.answered(now, e, m)
	case wire.TaskAssignmentResponse:
		s.assigned(e, m)
	case wire.NotLeader:
		s.redirected(now, e, m)
	case wire.Busy:
		s.refused(now, e, m)
	}
	s.Advance(now)
}

// Advance asks what is due.
func (s *search) Advance(now time.Time) {
	if s.found != nil || s.err != nil {
		return
	}
	s.settle(now)
	if !now.Before(s.queryAt) {
		s.query(now)
	}
	if s.job != nil {
		s.ask(now)
	}
}

// Deadline returns when Advance is next needed; zero: the search is over.
func (s *search) Deadline() time.Time {
	if s.found != nil || s.err != nil {
		return time.Time{}
	}
	d := s.queryAt
	switch {
	case s.job == nil:
	case s.leader() != nil:
		d = earliest(d, s.askAt)
	case s.chosen != nil:
		d = earliest(d, s.inquireAt)
	}
	if s.chosen == nil && s.unsettled && d.After(s.first.Add(settleAfter)) {
		d = s.first.Add(settleAfter)
	}
	return d
}

// Take returns the questions to be sent.
func (s *search) Take() []question {
	q := s.out
	s.out = nil
	return q
}

// query asks everybody who leads.
func (s *search) query(now time.Time) {
	nonce := s.nonce(now)
	s.round++
	if s.round < len(rounds) {
		s.queryAt = now.Add(rounds[s.round] - rounds[s.round-1])
	} else {
		s.queryAt = now.Add(lateRound)
	}
	for _, to := range s.everywhere() {
		s.out = append(s.out, question{To: to, Message: wire.LeaderQuery{Nonce: nonce}})
	}
}

// everywhere is the targets and, unless it is narrow, the addresses of all servers that answered or were named.
func (s *search) everywhere() []netip.AddrPort {
	all := slices.Clone(s.targets)
	if s.narrow {
		return all
	}
	add := func(a netip.AddrPort) {
		if !slices.Contains(all, a) && a.Port() != 0 && !a.Addr().IsUnspecified() {
			all = append(all, a)
		}
	}
	for _, v := range s.sorted() {
		add(v.event.Addr)
	}
	own := len(all)
	for _, id := range sortedIDs(s.hints) {
		for _, a := range s.hints[id].Control {
			add(a)
		}
	}
	return append(all[:own:own], s.hearsay(all[own:])...)
}

// maxHearsay is how many addresses known only from others are asked in one round. Anybody can name addresses under the open
// key, those of victims too, and a question is as long as what named sixteen of them.
const maxHearsay = 32

// hearsay picks the addresses for this round, others in every round where they are too many.
func (s *search) hearsay(list []netip.AddrPort) []netip.AddrPort {
	if len(list) <= maxHearsay {
		return list
	}
	begin := s.round * maxHearsay % len(list)
	return append(slices.Clone(list[begin:]), list[:begin]...)[:maxHearsay]
}

func sortedIDs[T any](m map[wire.NodeID]T) []wire.NodeID {
	ids := make([]wire.NodeID, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, wire.NodeID.Compare)
	return ids
}

// sorted returns the servers that answered, in id order.
func (s *search) sorted() []*server {
	out := make([]*server, 0, len(s.servers))
	for _, id := range sortedIDs(s.servers) {
		out = append(out, s.servers[id])
	}
	return out
}

// settle chooses the cluster once the answers allow it.
func (s *search) settle(now time.Time) {
	if s.chosen != nil || s.first.IsZero() || s.census {
		return
	}
	c, sure, err := s.trust.choose(s.clusters())
	early := s.patient && now.Before(s.first.Add(settleAfter))
	s.unsettled = early
	var several *SeveralClustersError
	switch {
	case err == nil && (sure || !early):
		s.chosen = &c
	case errors.As(err, &several) && !early:
		s.err = err
	}
}

// clusters returns one entry for each cluster that answered.
func (s *search) clusters() []ClusterInfo {
	var list []ClusterInfo
	for _, v := range s.sorted() {
		if !slices.ContainsFunc(list, func(c ClusterInfo) bool { return c.ID == v.cluster.ID }) {
			list = append(list, v.cluster)
		}
	}
	return list
}

// leader returns the server to ask for an assignment: the one that the highest epoch speaks of and that answers; nil: none.
func (s *search) leader() *server {
	if s.chosen == nil {
		return nil
	}
	var best *server
	var epoch uint64
	for _, v := range s.sorted() {
		l := s.servers[v.leader]
		if v.cluster.ID == s.chosen.ID && l != nil && !l.silent && (best == nil || v.epoch > epoch || v.epoch == epoch && v == l) {
			best, epoch = l, v.epoch
		}
	}
	return best
}

// ask puts the job to the leader, when it is time.
func (s *search) ask(now time.Time) {
	l := s.leader()
	if l == nil {
		s.inquire(now)
		return
	}
	if now.Before(s.askAt) {
		return
	}
	if l.node.ID != s.asked {
		s.asked, s.asks = l.node.ID, 0
	}
	if s.asks >= vainAsks {
		l.silent = true
		return
	}
	s.put(l)
	s.askedAt, s.askAt = now, now.Add(min(lastAsk, firstAsk<<s.asks))
	s.asks++
}

// put asks a server for the job's assignment.
func (s *search) put(v *server) {
	m := *s.job
	m.Cookie = v.answer.Cookie
	s.out = append(s.out, question{To: v.event.Addr, Dest: v.event.Peer, Boot: v.event.Boot, Message: m})
}

// inquire puts the job to every server of the cluster, once a second while none is known to lead: they say why.
func (s *search) inquire(now time.Time) {
	if s.chosen == nil || now.Before(s.inquireAt) {
		return
	}
	s.inquireAt = now.Add(lastAsk)
	for _, v := range s.sorted() {
		if v.cluster.ID == s.chosen.ID {
			s.put(v)
		}
	}
}

// poll asks every server of the cluster what became of the job, and which process it is.
func (s *search) poll(now time.Time) {
	nonce := s.nonce(now)
	for _, v := range s.sorted() {
		if s.chosen == nil || v.cluster.ID != s.chosen.ID {
			continue
		}
		m := wire.TaskStatusQuery{Cookie: v.answer.Cookie, Job: s.job.Job}
		s.out = append(s.out, question{To: v.event.Addr, Dest: v.event.Peer, Boot: v.event.Boot, Message: m},
			question{To: v.event.Addr, Message: wire.LeaderQuery{Nonce: nonce}})
	}
}

// nonce begins a round of questions.
func (s *search) nonce(now time.Time) uint64 {
	n := uint64(now.UnixNano())
	clear(s.nonces)
	s.nonces[n] = now
	return n
}

// why returns the reason that there is no assignment yet.
func (s *search) why() error {
	switch {
	case s.err != nil:
		return s.err
	case s.busy != nil:
		return s.busy
	case s.chosen != nil:
		return ErrNoLeader
	case s.first.IsZero():
		return ErrNoCluster
	}
	_, _, err := s.trust.choose(s.clusters())
	return cmp.Or(err, ErrNoCluster)
}

// waiting says for people what has been waited for in vain so far.
func (s *search) waiting() string {
	switch {
	case s.first.IsZero():
		return "no server answered yet: asked " + s.places
	case s.chosen == nil:
		return strings.TrimPrefix(s.why().Error(), "node: ")
	case s.busy != nil:
		return fmt.Sprintf("%s says %s: %s", s.busy.From, s.busy.Code, s.busy.Detail)
	case s.leader() == nil:
		return fmt.Sprintf("%s of %s answered, none leads yet", amount(s.members(), "server", "servers"), s.chosen.Name)
	}
	return fmt.Sprintf("%s, which leads %s, has not assigned the job yet", s.leader().node.Name, s.chosen.Name)
}

// tried lists what was asked, one line each.
func (s *search) tried() []string {
	lines := []string{fmt.Sprintf("asked %s, %s", s.places, amount(s.round, "time", "times"))}
	for _, v := range s.sorted() {
		lines = append(lines, fmt.Sprintf("%s of %s answered from %s", v.node.Name, v.cluster.Name, v.event.Addr))
	}
	return lines
}

func (s *search) members() (n int) {
	for _, v := range s.servers {
		if v.cluster.ID == s.chosen.ID {
			n++
		}
	}
	return n
}
