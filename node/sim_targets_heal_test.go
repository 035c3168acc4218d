package node

import (
	"time"

	"p2pnode/election"
	"p2pnode/wire/wiretest"
)

// healCells: a partition ends while jobs run. It is measured from when on all agree on one leader, and go on agreeing.
func healCells() (all []*cell) {
	type split struct {
		what  string
		nodes []int
		modes []election.Quorum
		cut   func(r *trial, leader *simNode)
	}
	for _, p := range []split{
		{"heal, leader alone", []int{2, 3, 5}, modes, leaderAlone},
		{"heal, follower alone", []int{3, 5}, modes, followerAlone},
		{"heal, even split", []int{2, 4}, modes[:1], evenSplit},
		{"heal, leader deaf", []int{3, 5}, modes, leaderDeaf},
		{"heal, leader mute", []int{3, 5}, modes, leaderMute},
		{"heal, one link one way", []int{3, 5}, modes, oneLink},
	} {
		for _, mode := range p.modes {
			for _, n := range p.nodes {
				for _, loss := range []float64{0, 0.1, 0.3} {
					story := func(r *trial) time.Duration { return heal(r, p.cut) }
					all = append(all, &cell{what: p.what, mode: mode, nodes: n, weather: weather{loss: loss}, target: target{p99: 5 * time.Second}, story: story})
				}
			}
		}
	}
	return all
}

// How long is looked at after a heal: agreement has to last, and jobs to end.
const (
	observed = 8 * time.Second
	jobsEnd  = 30 * time.Second
	equality = 40 * time.Second
)

func heal(r *trial, cut func(r *trial, leader *simNode)) time.Duration {
	s := r.s
	leader := r.settled()
	if leader == nil {
		return 0
	}
	s.client.submit()
	cut(r, leader)
	for end := s.now.Add(time.Second + r.upTo(9*time.Second)); s.now.Before(end); {
		s.client.submit()
		s.run(r.upTo(time.Second), nil)
	}
	s.net.Heal()
	s.log("heal")
	healed, apart := s.now, s.now
	s.run(observed, func() bool { r.observe(healed, &apart); return false })
	if apart.Equal(s.now) || r.leader(s.nodes...) == nil {
		r.fail("no observed agreement %v after the heal", observed)
	}
	s.run(equality-observed, func() bool { r.observe(healed, &apart); return r.jobs > 0 && r.ledgers > 0 })
	if r.jobs == 0 || r.jobs > jobsEnd {
		r.fail("an accepted job has not ended %v after the heal", jobsEnd)
	}
	if r.ledgers == 0 {
		r.fail("ledgers differ %v after the heal", equality)
	}
	return apart.Sub(healed)
}

// observe notes when the nodes did not agree, and since when the ledgers are equal and the jobs done.
func (r *trial) observe(healed time.Time, apart *time.Time) {
	if r.leader(r.s.nodes...) == nil {
		*apart = r.s.now
	}
	since := max(1, r.s.now.Sub(healed))
	if r.jobs == 0 && r.s.client.allDone() {
		r.jobs = since
	}
	if r.ledgers == 0 && r.jobs > 0 && r.s.equal(r.s.nodes...) {
		r.ledgers = since
	}
}

func leaderAlone(r *trial, leader *simNode) { r.alone(leader) }

func followerAlone(r *trial, leader *simNode) { r.alone(r.follower(leader)) }

func (r *trial) alone(x *simNode) {
	r.s.log("%s is cut off", x.name)
	r.s.net.Partition(r.s.hosts(x), r.s.hosts(r.s.without(x)...))
}

func (r *trial) follower(leader *simNode) *simNode {
	rest := r.s.without(leader)
	return rest[r.rand.IntN(len(rest))]
}

func evenSplit(r *trial, _ *simNode) {
	half := len(r.s.nodes) / 2
	r.s.log("half of them are cut off")
	r.s.net.Partition(r.s.hosts(r.s.nodes[:half]...), r.s.hosts(r.s.nodes[half:]...))
}

func leaderDeaf(r *trial, leader *simNode) {
	for _, x := range r.s.without(leader) {
		r.silence(x, leader)
	}
}

func leaderMute(r *trial, leader *simNode) {
	for _, x := range r.s.without(leader) {
		r.silence(leader, x)
	}
}

func oneLink(r *trial, leader *simNode) {
	x, y := leader, r.follower(leader)
	if r.rand.IntN(2) == 0 {
		x, y = y, x
	}
	r.silence(x, y)
}

func (r *trial) silence(from, to *simNode) {
	r.s.log("nothing from %s to %s", from.name, to.name)
	r.s.net.Cut(wiretest.Link{From: from.addr.Addr(), To: to.addr.Addr()})
}
