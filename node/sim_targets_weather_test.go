package node

import (
	"fmt"
	"strings"
	"time"

	"p2pnode/wire"
	"p2pnode/wire/wiretest"
)

// weather is what a cell's network and machines are like.
type weather struct {
	loss   float64
	bursts bool // each link, each way, loses everything for 10 to 190 ms at a time, a fifth of the time in all
	late   bool // loops are away for up to lateMost at a time, as where workers keep every processor busy
}

const (
	lateMost  = 150 * time.Millisecond
	lateEvery = time.Second // at most, between one absence of a loop and the next
)

func (w weather) String() string {
	words := []string{fmt.Sprintf("loss %.0f %%", 100*w.loss)}
	if w.bursts {
		words[0] = "20 % in bursts"
	}
	if w.late {
		words = append(words, "late loops")
	}
	return strings.Join(words, ", ")
}

// forecast sets what the network does from the start, and who is how busy.
func (r *trial) forecast() {
	w := r.cell.weather
	r.s.faults(wiretest.Faults{Loss: w.loss})
	for _, x := range r.s.nodes {
		for _, y := range r.s.nodes {
			if w.bursts && x != y {
				r.gust(wiretest.Link{From: x.addr.Addr(), To: y.addr.Addr()}, r.rand.IntN(5) == 0)
			}
		}
		if w.late {
			r.dawdle(x)
		}
	}
}

// gust begins a good or a bad spell of a link.
func (r *trial) gust(l wiretest.Link, bad bool) {
	f := wiretest.Faults{Delay: 500 * time.Microsecond, Jitter: time.Millisecond}
	d := 10*time.Millisecond + r.upTo(180*time.Millisecond)
	if bad {
		f.Loss = 1
	} else {
		d *= 4
	}
	r.s.net.SetLink(l, f)
	r.s.after(d, func() { r.gust(l, !bad) })
}

// dawdle keeps a node's loop away now and then.
func (r *trial) dawdle(x *simNode) {
	r.s.after(r.upTo(lateEvery), func() {
		if x.core == nil {
			r.dawdle(x)
			return
		}
		d, life := r.upTo(lateMost), x.life
		x.until = r.s.now.Add(d)
		r.s.after(d, func() {
			if x.life == life {
				r.s.wake(x)
			}
			r.dawdle(x)
		})
	})
}

func (r *trial) upTo(d time.Duration) time.Duration { return time.Duration(r.rand.Int64N(int64(d))) }

// boot starts all nodes within a twentieth of a second, each as busy as chance has it.
func (r *trial) boot() {
	for _, x := range r.s.nodes {
		load := wire.Load{CPU: uint16(r.rand.IntN(10000)), Memory: uint16(r.rand.IntN(10000))}
		r.s.after(r.upTo(50*time.Millisecond), func() {
			r.s.start(x)
			x.core.sample(load)
		})
	}
}

// leader is the one that all xs name, if it is one of them.
func (r *trial) leader(xs ...*simNode) *simNode {
	for _, x := range xs {
		if x.core == nil {
			return nil
		}
	}
	return r.s.agreed(xs...)
}

// entitled reports whether all xs name a leader that has the right to give out jobs, even should its loop be away just now.
func (r *trial) entitled(xs ...*simNode) bool {
	l := r.leader(xs...)
	return l != nil && l.core.reign.ready && l.core.elect.Ready(r.s.local(l)) == wire.CodeOK
}

// assigning reports whether it gives them out at this instant.
func (r *trial) assigning(xs ...*simNode) bool {
	return r.entitled(xs...) && !r.s.now.Before(r.leader(xs...).until)
}

const hopeless = time.Minute // longer than anything here may take

// await lets time pass until the xs have a leader that assigns.
func (r *trial) await(what string, xs ...*simNode) time.Duration {
	from := r.s.now
	r.s.run(hopeless, func() bool { return r.leader(xs...) != nil })
	r.agreed = r.s.now.Sub(from)
	if !r.s.run(hopeless, func() bool { return r.assigning(xs...) }) {
		r.fail("%s: no leader that assigns after %v", what, hopeless)
	}
	return r.s.now.Sub(from)
}

// settled lets the cluster find a leader, and then takes it unawares.
func (r *trial) settled() *simNode {
	r.boot()
	r.await("start", r.s.nodes...)
	r.s.run(time.Second+r.upTo(2*time.Second), nil)
	r.s.run(hopeless, func() bool { return r.assigning(r.s.nodes...) })
	return r.leader(r.s.nodes...)
}
