package main

import (
	"time"

	"p2pnode/wire"
)

// retryMax is the longest pause before an image is tried again that the cluster, and not the image, was in the way of.
const retryMax = time.Minute

// lookout decides which files of a watched directory are to be worked on, and when. It looks at nothing itself.
type lookout struct {
	still  time.Duration // a file is taken when it has stayed as it is for so long
	round  int           // of looks
	known  map[string]*sight
	claims map[string]string // the name of a result → that of the file that it is of
}

// sight is what is known of one file.
type sight struct {
	sighted
	since   time.Time // when it was first seen so
	round   int       // when it was last seen
	stage   phase
	changed bool          // while it was worked on
	again   time.Time     // not before
	pause   time.Duration // until again
	told    wire.Code     // why it failed last, as people were told; OK: it has not, as it is now
}

// phase is where a file stands.
type phase int

const (
	stageNew     phase = iota // it is, or may still be, written; or is to be tried again
	stageTaken                // it is worked on, or waits for its turn
	stageSettled              // nothing is to be done until it changes
)

func newLookout(still time.Duration) *lookout {
	return &lookout{still: still, known: map[string]*sight{}, claims: map[string]string{}}
}

// meeting is two files whose results would be one.
type meeting struct{ name, first string }

// see hears which files there are now, and says which are to be worked on, in the order in which they are given.
func (l *lookout) see(now time.Time, found []sighted) (ready []string, met []meeting) {
	l.round++
	for _, f := range found {
		s := l.update(now, f)
		if s.stage != stageNew || now.Sub(s.since) < l.still || now.Before(s.again) {
			continue
		}
		result := stegoName(f.name)
		if first := l.claims[result]; first != "" && first != f.name {
			s.stage, s.told = stageSettled, wire.CodeUsage
			met = append(met, meeting{f.name, first})
			continue
		}
		s.stage, l.claims[result] = stageTaken, f.name
		ready = append(ready, f.name)
	}
	l.forget()
	return ready, met
}

// update notes how a file is now. One that has changed is as good as new, once it is not worked on any more.
func (l *lookout) update(now time.Time, f sighted) *sight {
	s := l.known[f.name]
	switch {
	case s == nil:
		s = &sight{sighted: f, since: now}
		l.known[f.name] = s
	case s.size != f.size || !s.modified.Equal(f.modified):
		*s = sight{sighted: f, since: now, stage: s.stage, changed: s.stage == stageTaken}
		if s.stage == stageSettled {
			s.stage = stageNew
		}
	}
	s.round = l.round
	return s
}

// forget drops files that are gone, but for those that are worked on.
func (l *lookout) forget() {
	for name, s := range l.known {
		if s.round == l.round || s.stage == stageTaken {
			continue
		}
		delete(l.known, name)
		if result := stegoName(name); l.claims[result] == name {
			delete(l.claims, result)
		}
	}
}

// settle hears how the work on a file ended, and says whether that is news: a failure is told once, and again when the file has
// changed or the reason has.
func (l *lookout) settle(now time.Time, name, status string, code wire.Code) (news bool) {
	s := l.known[name]
	switch {
	case s.changed:
		s.changed, s.stage = false, stageNew
		return true
	case status != statusFailed:
		s.stage, s.told = stageSettled, wire.CodeOK
		return true
	case ofTheImage(code):
		s.stage = stageSettled
	default:
		s.stage, s.pause = stageNew, min(max(2*s.pause, time.Second), retryMax)
		s.again = now.Add(s.pause)
	}
	news, s.told = s.told != code, code
	return news
}

// failing counts the files that failed and have not been done since.
func (l *lookout) failing() (n int) {
	for _, s := range l.known {
		if s.told != wire.CodeOK {
			n++
		}
	}
	return n
}

// unsettled counts the files that were not taken: they were still being written.
func (l *lookout) unsettled() (n int) {
	for _, s := range l.known {
		if s.stage == stageNew && s.told == wire.CodeOK {
			n++
		}
	}
	return n
}

// ofTheImage reports whether a failure with this code would only repeat until the image changes.
func ofTheImage(code wire.Code) bool {
	switch code {
	case wire.CodeBadImage, wire.CodeUnsupported, wire.CodeTooManyPixels, wire.CodeCapacity, wire.CodeUsage:
		return true
	}
	return false
}
