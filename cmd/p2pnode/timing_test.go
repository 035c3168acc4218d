package main

import (
	"testing"
	"time"
)

func TestTimesThatAreLeftOutFollowThoseGiven(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct{ given, want timing }{
		{timing{}, timing{250 * ms, 600 * ms, 1200 * ms, 1500 * ms, 0}},
		{timing{heartbeat: 1000 * ms}, timing{1000 * ms, 2400 * ms, 4800 * ms, 6000 * ms, 0}},
		{timing{heartbeat: 1000 * ms, dead: 3000 * ms}, timing{1000 * ms, 2000 * ms, 3000 * ms, 6000 * ms, 0}},
		{timing{heartbeat: time.Hour}, timing{time.Hour, 144 * time.Minute, 288 * time.Minute, 6 * time.Hour, 0}},
		{timing{dead: 400 * ms}, timing{100 * ms, 240 * ms, 400 * ms, 1500 * ms, 0}},
		{timing{dead: 3000 * ms}, timing{250 * ms, 600 * ms, 3000 * ms, 1500 * ms, 0}},
		{timing{suspect: 1000 * ms}, timing{250 * ms, 1000 * ms, 2400 * ms, 1500 * ms, 0}},
		{timing{100 * ms, 200 * ms, 300 * ms, 400 * ms, 0}, timing{100 * ms, 200 * ms, 300 * ms, 400 * ms, 0}},
	} {
		if got := c.given.completed(); got != c.want {
			t.Errorf("%v completed is %v, want %v", c.given, got, c.want)
		}
	}
}
