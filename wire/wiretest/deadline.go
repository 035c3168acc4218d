package wiretest

import (
	"sync"
	"time"
)

// deadline is a channel that closes at a time which may change.
type deadline struct {
	mu      sync.Mutex
	expired chan struct{} // guarded by mu; closed: the deadline has passed
	timer   *time.Timer   // guarded by mu
	round   uint64        // guarded by mu; how often the deadline was set
}

// wait returns the channel of the deadline as it stands.
func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.channel()
}

// channel returns a channel that is open until the deadline passes. The caller holds mu.
func (d *deadline) channel() chan struct{} {
	if d.expired == nil {
		d.expired = make(chan struct{})
	}
	return d.expired
}

// passed reports whether the channel is closed. The caller holds mu.
func (d *deadline) passed() bool {
	select {
	case <-d.channel():
		return true
	default:
		return false
	}
}

// set moves the deadline; whoever waits learns of it.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.round++
	if d.timer != nil {
		d.timer.Stop()
	}
	if d.passed() {
		d.expired = make(chan struct{})
	}
	if t.IsZero() {
		return
	}
	round := d.round
	if wait := time.Until(t); wait > 0 {
		d.timer = time.AfterFunc(wait, func() { d.expire(round) })
		return
	}
	close(d.channel())
}

// expire closes the channel unless the deadline was set again.
func (d *deadline) expire(round uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.round == round && !d.passed() {
		close(d.channel())
	}
}
