package wire

import (
	"strings"
	"testing"
)

func TestIDsSurviveTheirText(t *testing.T) {
	if got, err := ParseNodeID(alice.String()); err != nil || got != alice {
		t.Errorf("ParseNodeID(%s) = %v, %v", alice, got, err)
	}
	if got, err := ParseJobID(aJob.String()); err != nil || got != aJob {
		t.Errorf("ParseJobID(%s) = %v, %v", aJob, got, err)
	}
	for _, bad := range []string{"", "zz", strings.Repeat("a", 31), strings.Repeat("a", 34)} {
		if id, err := ParseNodeID(bad); err == nil {
			t.Errorf("ParseNodeID(%q) = %v", bad, id)
		}
		if id, err := ParseJobID(bad); err == nil {
			t.Errorf("ParseJobID(%q) = %v", bad, id)
		}
	}
}

func TestPriorityPrefersLowLoadThenLowID(t *testing.T) {
	for _, c := range []struct {
		p, q Priority
		want int
	}{
		{Priority{1, bob}, Priority{2, alice}, -1},
		{Priority{2, alice}, Priority{1, bob}, 1},
		{Priority{1, alice}, Priority{1, bob}, -1},
		{Priority{1, bob}, Priority{1, bob}, 0},
	} {
		if got := c.p.Compare(c.q); got != c.want {
			t.Errorf("%v.Compare(%v) = %d, want %d", c.p, c.q, got, c.want)
		}
	}
}

// TestCodesAreTheContract spells out what scripts rely on.
func TestCodesAreTheContract(t *testing.T) {
	want := map[int]string{
		0: "OK", 7: "BUSY UNAUTHORIZED QUOTA CONFLICT CANCELLED EXPIRED", 4: "NO_CLUSTER NO_LEADER NO_QUORUM UNREACHABLE",
		5: "BAD_IMAGE UNSUPPORTED TOO_MANY_PIXELS CAPACITY", 6: "NO_PAYLOAD", 8: "VERIFY", 124: "TIMEOUT", 2: "USAGE CONFIG",
		1: "INTERNAL EXISTS NOT_FOUND IO", 3: "PARTIAL",
	}
	got := map[int]string{}
	for c := CodeOK; c <= CodePartial; c++ {
		got[c.Exit()] = strings.TrimSpace(got[c.Exit()] + " " + c.String())
	}
	for exit, names := range want {
		if got[exit] != names {
			t.Errorf("exit %d: %s, want %s", exit, got[exit], names)
		}
	}
	if c := CodePartial + 1; c.String() != "CODE_25" || c.Exit() != 1 {
		t.Errorf("an unknown code is %v with exit %d", c, c.Exit())
	}
}
