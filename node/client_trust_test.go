package node

import (
	"errors"
	"testing"

	"p2pnode/wire"
)

// Who answers first must not decide which of two known clusters gets a job.
func TestSecondKnownClusterIsWaitedFor(t *testing.T) {
	home := ClusterInfo{ID: wire.ClusterID{1}, Name: "home"}
	work := ClusterInfo{ID: wire.ClusterID{2}, Name: "work"}
	pin := func(c ClusterInfo) Pin { return Pin{Cluster: c.ID, Label: c.Name} }
	one, both := []Pin{pin(home)}, []Pin{pin(home), pin(work)}
	for _, c := range []struct {
		name    string
		trust   trust
		answers []ClusterInfo
		sure    bool
		several bool
	}{
		{"the only known one", trust{known: one}, []ClusterInfo{home}, true, false},
		{"the only known one, and a stranger", trust{known: one}, []ClusterInfo{home, work}, true, false},
		{"one of two known", trust{known: both}, []ClusterInfo{home}, false, false},
		{"two known", trust{known: both}, []ClusterInfo{home, work}, false, true},
		{"the wanted one of two known", trust{known: both, wanted: "home"}, []ClusterInfo{work, home}, true, false},
		{"the wanted one by id", trust{known: both, wanted: home.ID.String()[:8]}, []ClusterInfo{home}, true, false},
		{"any, and one is known", trust{known: one, anyone: true}, []ClusterInfo{home}, false, false},
		{"the token's", trust{token: home.ID}, []ClusterInfo{work, home}, true, false},
		{"the first of all", trust{}, []ClusterInfo{home}, false, false},
	} {
		got, sure, err := c.trust.choose(c.answers)
		var several *SeveralClustersError
		if errors.As(err, &several) != c.several || sure != c.sure || !c.several && got != home {
			t.Errorf("%s: choose = %v, %v, %v; want home, %v, several %v", c.name, got, sure, err, c.sure, c.several)
		}
	}
}
