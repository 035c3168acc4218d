package election

import (
	"fmt"
	"math/rand/v2"
	"time"

	"p2pnode/wire"
)

// cluster is a simulated network of stand-in nodes on one event heap. Everything random comes from one seed.
type cluster struct {
	now    time.Time
	heap   []event
	order  uint64
	rng    *rand.Rand
	nodes  []*node
	quorum Quorum
	voters []wire.NodeID

	rotation      time.Duration
	loss          float64
	delay, spread time.Duration // a datagram takes delay plus up to spread
	fsync, slack  time.Duration // likewise a commit
	dup           bool
	bursts        map[[2]int]*burst       // nil: none
	side          []int                   // nodes of different sides do not hear each other
	mute          map[[2]int]bool         // from, to: one-way silence
	drop          map[string]bool         // "Kind from to"
	last          map[string]wire.Message // newest election message of that kind and link
	trace         func(format string, args ...any)
	check         *checker
}

// event is a datagram that arrives or a node that wakes.
type event struct {
	at    time.Time
	order uint64
	node  int
	boot  int     // of the node; a later one ignores it
	pkt   *packet // nil: a wake
	store uint64  // not zero: this epoch is on disk
}

var epochStart = time.Unix(1_000_000_000, 0)

func newCluster(seed uint64, n int, q Quorum) *cluster {
	c := &cluster{
		now: epochStart, rng: rand.New(rand.NewPCG(seed, 2)), quorum: q, delay: 5 * time.Millisecond, fsync: 5 * time.Millisecond,
		side: make([]int, n), mute: map[[2]int]bool{}, drop: map[string]bool{}, last: map[string]wire.Message{}, trace: func(string, ...any) {},
	}
	for i := range n {
		c.nodes = append(c.nodes, &node{c: c, i: i, id: wire.NodeID{15: byte(i + 1)}, name: fmt.Sprintf("n%d", i+1)})
		c.voters = append(c.voters, c.nodes[i].id)
	}
	c.check = newChecker(c)
	return c
}

// less orders events totally: by time, then by when they were made.
func (e event) less(f event) bool {
	if !e.at.Equal(f.at) {
		return e.at.Before(f.at)
	}
	return e.order < f.order
}

func (c *cluster) push(e event) {
	c.order++
	e.order = c.order
	c.heap = append(c.heap, e)
	for i := len(c.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if !c.heap[i].less(c.heap[up]) {
			break
		}
		c.heap[i], c.heap[up] = c.heap[up], c.heap[i]
		i = up
	}
}

func (c *cluster) pop() event {
	top, n := c.heap[0], len(c.heap)-1
	c.heap[0] = c.heap[n]
	c.heap[n] = event{}
	c.heap = c.heap[:n]
	for i := 0; ; {
		least := i
		for k := 2*i + 1; k <= 2*i+2 && k < n; k++ {
			if c.heap[k].less(c.heap[least]) {
				least = k
			}
		}
		if least == i {
			return top
		}
		c.heap[i], c.heap[least] = c.heap[least], c.heap[i]
		i = least
	}
}

// step runs one event and reports whether there was one before end.
func (c *cluster) step(end time.Time) bool {
	if len(c.heap) == 0 || c.heap[0].at.After(end) {
		return false
	}
	e := c.pop()
	c.now = e.at
	if n := c.nodes[e.node]; n.up && n.boot == e.boot {
		n.event(e)
		c.check.look()
	}
	return true
}

func (c *cluster) run(d time.Duration) {
	end := c.now.Add(d)
	for c.step(end) {
	}
	c.now = end
}

// until runs until fact holds, at most for d, and returns how long that took.
func (c *cluster) until(d time.Duration, fact func() bool) (time.Duration, bool) {
	from := c.now
	for !fact() {
		if !c.step(from.Add(d)) {
			c.now = from.Add(d)
			return d, false
		}
	}
	return c.now.Sub(from), true
}

// transmit puts a datagram on the wire, where it may be lost.
func (c *cluster) transmit(p packet) {
	if c.side[p.from] != c.side[p.to] || c.mute[[2]int{p.from, p.to}] || c.loss > 0 && c.rng.Float64() < c.loss {
		return
	}
	if c.bursts != nil && c.burst(p.from, p.to) {
		return
	}
	if p.msg != nil && len(c.drop) > 0 && c.drop[fmt.Sprintf("%s %d %d", kindName(p.msg), p.from, p.to)] {
		return
	}
	to := c.nodes[p.to]
	c.push(event{at: c.now.Add(c.delay + c.some(c.spread)), node: p.to, boot: to.boot, pkt: &p})
}

// burst is the state of a link that loses everything for a while, a fifth of the time.
type burst struct {
	bad   bool
	until time.Time
}

// burst reports whether the link is in a bad spell: 10 to 190 ms long, between good ones four times as long.
func (c *cluster) burst(from, to int) bool {
	b := c.bursts[[2]int{from, to}]
	if b == nil {
		b = &burst{until: c.now}
		c.bursts[[2]int{from, to}] = b
	}
	for !c.now.Before(b.until) {
		b.bad = !b.bad
		d := 10*time.Millisecond + c.some(180*time.Millisecond)
		if !b.bad {
			d *= 4
		}
		b.until = b.until.Add(d)
	}
	return b.bad
}

func (c *cluster) some(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(c.rng.Int64N(int64(d)))
}

// agreed returns the leader that all running nodes of one side name, and which holds itself to lead, at one epoch.
func (c *cluster) agreed(side int) (*node, bool) {
	var leader *node
	var epoch uint64
	for _, n := range c.nodes {
		if !n.up || c.side[n.i] != side {
			continue
		}
		s := n.m.Status()
		l := c.node(s.Leader)
		if l == nil || !l.up || c.side[l.i] != side || leader != nil && (l != leader || epoch != s.Epoch) {
			return nil, false
		}
		leader, epoch = l, s.Epoch
	}
	return leader, leader != nil && leader.m.Status().Role == wire.Leader
}

func (c *cluster) node(id wire.NodeID) *node {
	if i := int(id[15]) - 1; i >= 0 && i < len(c.nodes) {
		return c.nodes[i]
	}
	return nil
}

// cut puts each of groups on its own side; heal puts all on one.
func (c *cluster) cut(groups ...[]*node) {
	for side, g := range groups {
		for _, n := range g {
			c.side[n.i] = side
		}
	}
}

func (c *cluster) heal() { clear(c.side) }

// kindName returns the protocol's name of a message.
func kindName(m wire.Message) string { return fmt.Sprintf("%T", m)[len("wire."):] }
