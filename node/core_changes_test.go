package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"p2pnode/election"
)

// A voter that campaigns in vain, again and again, has lost its leader once.
func TestLeaderIsLostOnce(t *testing.T) {
	s := newSim(t, 1, 3, election.Majority)
	s.startAll()
	leader := s.settled()
	var told []string
	s.log = func(format string, args ...any) {
		if line := fmt.Sprintf(format, args...); strings.Contains(line, "leader") {
			told = append(told, line)
		}
	}
	rest := s.without(leader)
	s.crash(leader)
	s.crash(rest[0])
	s.run(20*time.Second, nil)
	if len(told) != 1 {
		t.Errorf("the last of three voters told of %d changes within 20 s, want one: %q", len(told), told)
	}
}
