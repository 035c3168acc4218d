//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// netemCells are the conditions of the matrix.
func netemCells() (cells []netemCell) {
	for _, loss := range []string{"0%", "5%", "20%", "40%"} {
		for _, delay := range []string{"0ms", "25ms", "100ms"} {
			cells = append(cells, netemCell{strings.Fields("loss " + loss + " delay " + delay)})
		}
	}
	for _, more := range []string{"reorder 25%", "duplicate 10%", "corrupt 1%"} {
		cells = append(cells, netemCell{strings.Fields("loss 5% delay 25ms " + more)})
	}
	return append(cells, netemCell{strings.Fields("loss gemodel 5% 30% delay 25ms")})
}

// TestNetemMatrix runs all conditions, and writes what it saw as a table.
func TestNetemMatrix(t *testing.T) {
	path := os.Getenv(netemMatrix)
	if path == "" {
		t.Skipf("%s=FILE writes the table of all conditions there", netemMatrix)
	}
	table := ""
	for _, cell := range netemCells() {
		t.Run(strings.Join(cell.words, " "), func(t *testing.T) {
			f := cell.run(t)
			if table == "" {
				table = f.head()
			}
			table += f.String()
			if err := os.WriteFile(path, []byte(table), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// netemFigures is what was seen under one condition.
type netemFigures struct {
	words            []string
	by               string // who made the network bad
	each             int    // jobs of one part, at least
	jobs, failovers  int
	bytes            int64 // up and down
	took             []time.Duration
	unasked, elected uint64        // changes of epoch without and with a fault
	suspicions       int           // of servers that lived
	leaderBack       time.Duration // until the others agreed on a new one
}

// head is what stands above the rows of a table.
func (f netemFigures) head() string {
	return fmt.Sprintf("By %s, at least %d jobs without a fault and as many with each kill, on %d processors:\n\n", f.by, f.each, runtime.NumCPU()) +
		"| network, each host's sending | jobs | goodput | p50 | p99 | new leader | epochs without fault | epochs with 2 kills | false suspicions |\n" +
		"|---|---|---|---|---|---|---|---|---|\n"
}

// String is the row of a table.
func (f netemFigures) String() string {
	slices.Sort(f.took)
	sum := time.Duration(0)
	for _, d := range f.took {
		sum += d
	}
	at := func(percent int) float64 { return f.took[min(len(f.took)-1, len(f.took)*percent/100)].Seconds() }
	return fmt.Sprintf("| %s | %d | %.0f KiB/s | %.1f s | %.1f s | %.1f s | %d | %d | %d |\n", strings.Join(f.words, " "), f.jobs,
		float64(f.bytes)/1024/sum.Seconds(), at(50), at(99), f.leaderBack.Seconds(), f.unasked, f.elected, f.suspicions)
}
