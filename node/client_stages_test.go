package node

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"p2pnode/wire"
)

// milestone is so many milliseconds after a certain time.
func milestone(ms int) time.Time { return time.Unix(1000, 0).Add(time.Duration(ms) * time.Millisecond) }

func TestStagesLieBetweenMilestones(t *testing.T) {
	const ms = time.Millisecond
	all := milestones{begun: milestone(0), taken: milestone(5), sent: milestone(25), first: milestone(20), last: milestone(60)}
	stored := milestones{begun: milestone(0), taken: milestone(5), last: milestone(7)}
	for name, c := range map[string]struct {
		passed   milestones
		told     wire.TaskTrailer
		want     Stages
		transfer time.Duration
	}{
		"a job":               {all, wire.TaskTrailer{Queued: 10_000, Worked: 20_000}, Stages{5 * ms, 20 * ms, 15 * ms, 40 * ms, 10 * ms, 10 * ms, 20 * ms}, 30 * ms},
		"a result that stood": {stored, wire.TaskTrailer{}, Stages{Reached: 5 * ms, First: 2 * ms, Checked: 63 * ms}, 7 * ms},
		"a boaster":           {all, wire.TaskTrailer{Queued: math.MaxUint64, Worked: math.MaxUint64}, Stages{5 * ms, 20 * ms, 15 * ms, 40 * ms, 10 * ms, 60 * ms, 0}, 0},
	} {
		got := c.passed.stages(milestone(70), c.told)
		if got != c.want || got.Transfer() != c.transfer {
			t.Errorf("%s: %+v, transfer %v, want %+v, %v", name, got, got.Transfer(), c.want, c.transfer)
		}
	}
}

// The stages of a receipt add up to no more than the job took.
func TestReceiptTellsTheStages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		r, err := o.client(nil).Encrypt(t.Context(), jobFor(t, photo(400, 300), "stages"))
		if err != nil {
			t.Fatal(err)
		}
		s := r.Stages
		if s.Reached <= 0 || s.Uploaded <= 0 || s.First <= 0 || s.Downloaded <= 0 {
			t.Errorf("%+v: a network that delays makes each of these take time", s)
		}
		if sum := r.Searched + s.Reached + s.First + s.Downloaded + s.Checked; sum > r.Elapsed {
			t.Errorf("%+v and a search of %v: %v in all, the job took %v", s, r.Searched, sum, r.Elapsed)
		}
		if s.Queued+s.Worked > r.Elapsed || r.Rejected != 0 {
			t.Errorf("receipt %+v", r)
		}
	})
}
