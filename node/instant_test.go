package node

import (
	"strings"
	"testing"
	"time"
)

// TestInstantsKnowTheMonotonicClock: without its reading, a clock that is set back by an hour would keep a stalled upload
// for an hour, and one set forward would end one that goes well.
func TestInstantsKnowTheMonotonicClock(t *testing.T) {
	var i instant
	if !i.last().IsZero() {
		t.Errorf("nothing was noted, yet last is %v", i.last())
	}
	now := time.Now()
	i.note(now)
	if got := i.last(); got != now || !strings.Contains(got.String(), " m=") {
		t.Errorf("noted %v, got %v", now, got)
	}
	u := newUpload(t.Context(), nil, 1, func() bool { return false })
	if began := u.heard.last(); !strings.Contains(began.String(), " m=") || u.stalled(began.Add(stalledAfter)) || !u.stalled(began.Add(stalledAfter+1)) {
		t.Errorf("an upload that began at %v is not held stalled %v later", began, stalledAfter)
	}
}
