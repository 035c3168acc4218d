package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"p2pnode/node"
)

const (
	partiesMax = 256  // servers, or leaders, counted by name; those beyond count under partyOthers
	eventsMax  = 1000 // kept; those beyond are counted
	exampleMax = 300  // bytes of an error that are kept

	partyOthers = "(others)"
)

// The stages whose times are told. Those of stageSum add up to the total.
const (
	timeTotal      = "total"      // from when it should have started to the verified result
	timeSchedule   = "schedule"   // open: from when it should have started to its start
	timeAssignment = "assignment" // asking who leads, and for servers
	timeQueueing   = "queueing"   // at the server, which tells it
	timeTransfer   = "transfer"   // under way, nothing else to be waited for
	timeWorking    = "working"    // at the server, which tells it
	timeVerifying  = "verifying"  // the result, here
	timeOther      = "other"      // earlier attempts and pauses between, reading the image, sealing, acknowledging
	timeUpload     = "upload"     // may overlap with working and download
	timeFirstByte  = "first_byte" // from the server's consent to the result's first byte
	timeDownload   = "download"   // from that byte to the last
	timeService    = "service"    // open: the total from its start, whenever that was
)

var (
	stageSum    = []string{timeSchedule, timeAssignment, timeQueueing, timeWorking, timeTransfer, timeVerifying, timeOther}
	stageDetail = []string{timeService, timeUpload, timeFirstByte, timeDownload}
)

// tally counts what happens in a run.
type tally struct {
	id    string
	began time.Time

	mu      sync.Mutex // guards what follows
	took    time.Duration
	counts  counts
	times   map[string]*histogram
	servers map[string]*party
	leaders map[string]*party
	reasons map[string]*reason
	events  []stressEvent
	unkept  int64 // events beyond eventsMax
	epoch   uint64
	leader  string
	series  series
	tries   map[int]int64 // requests done, by their attempts
}

// party is what one server did, or one leader.
type party struct {
	jobs  int64
	bytes int64
	took  histogram
}

// reason is one code of failures.
type reason struct {
	count   int64
	example string
}

func newTally(began time.Time) *tally {
	var id [8]byte
	rand.Read(id[:])
	return &tally{
		id: hex.EncodeToString(id[:]), began: began, times: map[string]*histogram{}, servers: map[string]*party{},
		leaders: map[string]*party{}, reasons: map[string]*reason{}, tries: map[int]int64{},
	}
}

// planned counts requests that shall be done.
func (t *tally) planned(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Planned += n
}

// started counts a request that begins.
func (t *tally) started(late bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Started++
	if late {
		t.counts.Late++
	}
}

// missed counts a request that never began.
func (t *tally) missed(f fate, at time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.add(f)
	if f == fateLost {
		t.counts.Late++
		t.fail("NOT_STARTED", "all clients were busy for longer than --timeout")
		t.series.at(at).lost++
	}
}

// record counts a request that has ended.
func (t *tally) record(m sample) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, took := &m.receipt, m.ended.Sub(m.intended)
	t.counts.add(m.fate)
	t.counts.Attempts += int64(r.Attempts)
	t.counts.Failovers += int64(r.Failovers)
	t.counts.Rejected += int64(r.Rejected)
	t.series.at(m.ended.Sub(t.began)).record(m, took)
	if m.fate == fateDone {
		t.counts.BytesUp += m.size
		t.counts.BytesDown += r.Size
		t.measure(m, took)
		t.credit(r, took)
		t.lead(r.Leader, r.Epoch, m.ended)
	} else if m.fate != fateCancelled {
		t.fail(reasonOf(m), clipped(plain(m.err), exampleMax))
	}
}

// reasonOf names why a request failed.
func reasonOf(m sample) string {
	switch m.fate {
	case fateLost:
		return "TIMEOUT"
	case fateWrong:
		return "VERIFY"
	}
	return node.CodeOf(m.err).String()
}

func clipped(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return fmt.Sprintf("%.*s…", most, text)
}

// measure counts the times of a request done.
func (t *tally) measure(m sample, took time.Duration) {
	r, s := m.receipt, m.receipt.Stages
	service := m.ended.Sub(m.begun)
	t.time(timeTotal, took)
	t.time(timeAssignment, r.Searched)
	t.time(timeQueueing, s.Queued)
	t.time(timeWorking, s.Worked)
	t.time(timeTransfer, s.Transfer())
	t.time(timeVerifying, s.Checked)
	t.time(timeOther, service-r.Searched-s.Queued-s.Worked-s.Transfer()-s.Checked)
	t.time(timeSchedule, took-service)
	t.time(timeService, service)
	t.time(timeUpload, s.Uploaded)
	t.time(timeFirstByte, s.First)
	t.time(timeDownload, s.Downloaded)
}

func (t *tally) time(what string, d time.Duration) {
	h := t.times[what]
	if h == nil {
		h = &histogram{}
		t.times[what] = h
	}
	h.add(d)
}

// credit counts who did a request.
func (t *tally) credit(r *node.Receipt, took time.Duration) {
	t.tries[min(r.Attempts, triesMax)]++
	s := partyNamed(t.servers, r.Server)
	s.jobs, s.bytes = s.jobs+1, s.bytes+r.Size
	s.took.add(took)
	l := partyNamed(t.leaders, r.Leader)
	l.jobs, l.bytes = l.jobs+1, l.bytes+r.Size
	l.took.add(r.Searched)
}

// triesMax is the number of attempts from which on they count together.
const triesMax = 8

// partyNamed returns the count of a name; when there are too many names, that of all others.
func partyNamed(of map[string]*party, name string) *party {
	if of[name] == nil && len(of) >= partiesMax {
		name = partyOthers
	}
	if of[name] == nil {
		of[name] = &party{}
	}
	return of[name]
}

// fail counts a failure and keeps the first error of each reason. The caller holds mu.
func (t *tally) fail(code, example string) {
	r := t.reasons[code]
	if r == nil {
		r = &reason{example: example}
		t.reasons[code] = r
	}
	r.count++
}

// note keeps an event of now.
func (t *tally) note(e stressEvent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keep(e, time.Now())
}

// keep keeps an event. The caller holds mu.
func (t *tally) keep(e stressEvent, now time.Time) {
	if len(t.events) >= eventsMax {
		t.unkept++
		return
	}
	e.At = secondsOf(now.Sub(t.began))
	t.events = append(t.events, e)
}

// led takes note of who leads.
func (t *tally) led(leader string, epoch uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lead(leader, epoch, time.Now())
}

// lead keeps a change of leader: who leads in a higher epoch. The caller holds mu.
func (t *tally) lead(leader string, epoch uint64, now time.Time) {
	if epoch <= t.epoch {
		return
	}
	if t.epoch > 0 && leader != t.leader {
		t.keep(stressEvent{Kind: eventLeader, Node: leader, Epoch: epoch, Detail: "after " + t.leader}, now)
	}
	t.epoch, t.leader = epoch, leader
}

// end stops the clock.
func (t *tally) end(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.took = now.Sub(t.began)
}

// line says how the run goes, for people.
func (t *tally) line(now time.Time) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, total := t.counts, t.times[timeTotal]
	if total == nil {
		total = &histogram{}
	}
	return fmt.Sprintf("%.0f s: %d of %d done, p50 %.0f ms, p95 %.0f ms, %d failed, %d lost, %d wrong, %s",
		now.Sub(t.began).Seconds(), c.Done, c.Planned, total.at(50), total.at(95), c.Failed, c.Lost, c.Wrong, amount(c.Failovers, "failover"))
}
