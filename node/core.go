package node

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"p2pnode/election"
	"p2pnode/wire"
)

// core is one node's whole protocol as a pure state machine: datagrams and the passing of time go in, datagrams and
// store batches come out. The loop owns it; nothing in core*.go reads a clock, blocks or starts a goroutine.
type core struct {
	cfg   coreConfig
	ep    *wire.Endpoint
	elect *election.Machine
	peers map[wire.NodeID]*peer
	order []*peer // all of them, by id
	alive []*peer // those not held dead, by id

	load   wire.Load // newest sample; Active and Score kept current
	active int       // jobs worked on here
	done   uint64    // jobs done here since start

	beatAt   time.Time // next heartbeat
	sequence uint64    // of heartbeats and pings, one series
	greeting greeting
	relays   []relay // pings sent for others

	ledger   *Ledger
	mine     map[wire.JobID]*Mine // results held here
	acked    []drop               // results to delete, in order of time
	touched  map[wire.JobID]time.Time
	begun    map[wire.JobID]uint32 // attempts this process has begun
	left     map[wire.JobID]uint32 // attempts whose server, a peer, has been started anew since
	lookAt   time.Time             // when lapse next looks
	missed   map[wire.NodeID]int   // looks in a row that did not find the server of a DONE job
	confirms map[wire.JobID]*confirm
	replicas map[replica]wire.JobID
	callers  map[wire.JobID]caller
	askers   map[asker]asked
	reign    reign
	sweepAt  time.Time

	batches []Batch
	queued  uint64 // batches ever made
	stored  uint64 // batches durable
	waits   []wait
	drops   []chore

	gap      time.Duration // of the last late wake-up; zero once some peer was heard after it
	gapAt    time.Time
	leaderAt time.Time // when the leader now gone was last heard
	later    nextVersion
	changes  []change
	canvass  uint64      // messages Election and Coordinator said, copies not counted
	ruler    wire.NodeID // who led when last a change was noted; zero: nobody
	stopping bool
	fatal    error

	journal    journal
	lives      lives
	firstBoot  wire.Boot // names this run
	canvassing bool      // a campaign of this node has been noted since a leader was known
	pausedAt   time.Time // when the loop was last late

	drill    drill
	yieldsTo time.Time // it has stepped down, and does not campaign before; zero: it may
}

// coreConfig is the part of Config that decisions depend on, with its defaults filled in.
type coreConfig struct {
	Config
	self     wire.NodeID
	ident    *Identity
	also     []*Identity // of the secrets accepted besides
	pid      uint32
	heritage succession       // what the spoken secret succeeds; zero: nothing known
	control  []netip.AddrPort // told to others; an unspecified IP means the datagram's source
	data     []netip.AddrPort
	cookie   wire.Key
	rand     *rand.Rand
	snapshot Snapshot
}

// idents returns what follows from each secret accepted; the first is spoken.
func (c coreConfig) idents() []*Identity { return append([]*Identity{c.ident}, c.also...) }

// change tells the shell of a new leader.
type change struct {
	leader string
	epoch  uint64
	role   wire.Role
	took   time.Duration
}

func newCore(now time.Time, c coreConfig) *core {
	k := &core{
		cfg: c, peers: map[wire.NodeID]*peer{}, ledger: NewLedger(c.MaxJobs), mine: map[wire.JobID]*Mine{},
		touched: map[wire.JobID]time.Time{}, begun: map[wire.JobID]uint32{}, left: map[wire.JobID]uint32{}, confirms: map[wire.JobID]*confirm{}, replicas: map[replica]wire.JobID{},
		callers: map[wire.JobID]caller{}, askers: map[asker]asked{}, beatAt: now, sweepAt: now.Add(sweepEvery), lives: newLives(),
	}
	k.open(now)
	k.firstBoot = k.ep.Boot()
	k.note(now, event{kind: NodeStarted})
	k.elect = election.New(now, k.electionConfig())
	k.restore(now, c.snapshot)
	k.greeting = greeting{next: now, wideAt: now, remembered: c.snapshot.Peers}
	return k
}

// open makes the endpoint under a new boot nonce: at start, and again after the machine was suspended.
func (c *core) open(now time.Time) {
	var peer, client []wire.Key
	for _, i := range c.cfg.idents() {
		peer, client = append(peer, i.Server), append(client, i.Client)
	}
	c.ep = wire.NewEndpoint(now, wire.EndpointConfig{
		Self: c.cfg.self, Hello: c.hello(), Peer: peer, Client: client,
		Open: c.cfg.OpenClients, Rand: c.cfg.rand, Entropy: c.cfg.Entropy,
	})
}

func (c *core) hello() wire.Hello {
	return wire.Hello{MinVersion: 1, MaxVersion: 1, Features: c.features(), Name: c.cfg.Name, Control: c.cfg.control, Data: c.cfg.data}
}

func (c *core) electionConfig() election.Config {
	e := election.Config{
		Self: c.cfg.self, Quorum: c.cfg.Quorum, Heartbeat: c.cfg.Heartbeat, Suspect: c.cfg.Suspect, Dead: c.cfg.Dead,
		Phase: c.cfg.Election, Rotation: c.cfg.Rotation,
		Promised: c.cfg.snapshot.Promised, Vote: c.cfg.snapshot.Voted, Fresh: c.cfg.snapshot.Fresh, Rand: c.cfg.rand,
	}
	for _, name := range c.cfg.Voters {
		e.Voters = append(e.Voters, IDOf(name))
	}
	return e
}

// Receive takes one datagram.
func (c *core) Receive(now time.Time, from netip.AddrPort, p []byte) {
	if c.deaf() {
		return
	}
	c.ep.Receive(now, from, p)
	c.digest(now)
}

// Advance does what is due.
func (c *core) Advance(now time.Time) {
	if c.exercise(now); c.deaf() {
		return
	}
	c.ep.Advance(now)
	c.digest(now)
	c.detect(now)
	c.rest()
	c.comeBack(now)
	c.elect.Advance(now)
	c.greet(now)
	c.beat(now)
	c.answer(now)
	c.sweep(now)
	c.digest(now)
}

// Deadline returns when Advance is next needed.
func (c *core) Deadline() time.Time {
	if c.deaf() {
		return c.drill.to
	}
	d := earliest(c.ep.Deadline(), c.elect.Deadline())
	d = earliest(d, c.drill.from)
	d = earliest(d, c.yieldsTo)
	d = earliest(d, c.beatAt)
	d = earliest(d, c.greeting.next)
	d = earliest(d, c.sweepAt)
	d = earliest(d, c.answerDeadline())
	for _, p := range c.order {
		d = earliest(d, c.peerDeadline(p))
	}
	return d
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Take returns the datagrams to send.
func (c *core) Take() []wire.Datagram {
	out := c.ep.Take()
	if c.deaf() {
		return nil
	}
	return out
}

// digest works off what the endpoint and the election have produced until both are quiet.
func (c *core) digest(now time.Time) {
	for range 64 {
		events, outputs := c.ep.Events(), c.elect.Take()
		if len(events) == 0 && len(outputs) == 0 {
			return
		}
		for _, e := range events {
			c.event(now, e)
		}
		for _, o := range outputs {
			c.output(now, o)
		}
	}
}

// sorted returns the peers in id order: what is emitted must not depend on a map's order. The slice is never changed,
// only replaced.
func (c *core) sorted() []*peer { return c.order }

// live returns the peers not held dead, in id order; likewise.
func (c *core) live() []*peer { return c.alive }

// lineUp sorts them again after a peer has come, gone, lived or died.
func (c *core) lineUp() {
	c.order = slices.SortedFunc(maps.Values(c.peers), func(a, b *peer) int { return a.id.Compare(b.id) })
	c.alive = slices.DeleteFunc(slices.Clone(c.order), func(p *peer) bool { return !p.live() })
}

// resume follows a suspend: leadership goes, and a new boot nonce keeps packet counters from repeating.
func (c *core) resume(now time.Time) {
	c.note(now, event{kind: NodeResumed})
	c.elect.Resign(now)
	c.digest(now)
	c.open(now)
	for _, p := range c.sorted() {
		c.lose(now, p, election.Dead)
	}
	c.greeting.next, c.greeting.wideAt, c.greeting.round = now, now, 0
	clear(c.replicas)
}

// late is told when the loop woke later than it wanted.
func (c *core) late(now time.Time, gap time.Duration) {
	c.gap, c.gapAt = gap, now
	c.notePause(now, gap)
	c.elect.Paused(now, gap)
}

// stop takes no more jobs and gives up the lead, so that others go on while this node finishes the jobs it has.
func (c *core) stop(now time.Time) {
	c.stopping = true
	c.note(now, event{kind: NodeStopping})
	c.elect.Retire(now)
	c.reload()
	c.beatAt = now
	c.digest(now)
}

// leave says goodbye: peers treat this node as gone at once, and a leader's office is free.
func (c *core) leave(now time.Time) {
	epoch, _, _, _ := c.elect.Beat()
	c.elect.Resign(now)
	for _, p := range c.live() {
		c.ep.Send(now, p.id, wire.Leave{Epoch: epoch})
	}
	c.digest(now)
}
