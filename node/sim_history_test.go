package node

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"p2pnode/wire"
)

// history is what clients asked and were told of assignments, for porcupine.
type history struct {
	begun time.Time
	asks  map[*simAsk]int // their places in ops
	ops   []porcupine.Operation
}

// assigned is what a client was told; the zero value: it was told nothing, whatever the leader did.
type assigned struct {
	attempt uint32
	server  wire.NodeID
}

func newHistory(begun time.Time) *history { return &history{begun: begun, asks: map[*simAsk]int{}} }

func (h *history) at(now time.Time) int64 { return int64(now.Sub(h.begun)) }

// begin notes a question. Until its answer it is pending, to the end of time.
func (h *history) begin(a *simAsk) {
	if !a.server.IsZero() {
		return // a server's status is its own view, and says so
	}
	h.asks[a] = len(h.ops)
	h.ops = append(h.ops, porcupine.Operation{Input: a.job.id, Call: h.at(a.called), Output: assigned{}, Return: math.MaxInt64})
}

// end notes its answer.
func (h *history) end(a *simAsk, now time.Time, m wire.TaskAssignmentResponse) {
	op := &h.ops[h.asks[a]]
	op.Output, op.Return = assigned{m.Attempt, m.Server.ID}, h.at(now)
}

// linearizable reports whether the answers are those of one register for each job, that holds which attempt is where.
func (h *history) linearizable(poisoned map[wire.JobID]bool) bool {
	ops := slices.DeleteFunc(slices.Clone(h.ops), func(op porcupine.Operation) bool { return poisoned[op.Input.(wire.JobID)] })
	return porcupine.CheckOperations(register, ops)
}

// register is the model: a job's attempts rise, and each is on one server. Between two questions the leader may raise the
// attempt on its own, when a server dies; a question may do so by what it avoids.
var register = porcupine.Model{
	Partition: func(ops []porcupine.Operation) (parts [][]porcupine.Operation) {
		places := map[wire.JobID]int{}
		for _, op := range ops {
			i, ok := places[op.Input.(wire.JobID)]
			if !ok {
				i = len(parts)
				places[op.Input.(wire.JobID)] = i
				parts = append(parts, nil)
			}
			parts[i] = append(parts[i], op)
		}
		return parts
	},
	Init: func() any { return assigned{} },
	Step: func(state, _, output any) (bool, any) {
		has, says := state.(assigned), output.(assigned)
		switch {
		case says == assigned{}:
			return true, has
		case says.attempt == has.attempt:
			return says == has, has
		}
		return says.attempt > has.attempt, says
	},
}

// A check that passes every history would find nothing.
func TestRegisterTellsHistoriesApart(t *testing.T) {
	n1, n2 := IDOf("n1"), IDOf("n2")
	op := func(job byte, call, ret int64, attempt uint32, server wire.NodeID) porcupine.Operation {
		return porcupine.Operation{Input: wire.JobID{job}, Call: call, Return: ret, Output: assigned{attempt, server}}
	}
	for _, c := range []struct {
		what string
		ops  []porcupine.Operation
		want bool
	}{
		{"one after the other", []porcupine.Operation{op(1, 1, 2, 1, n1), op(1, 3, 4, 2, n2), op(1, 5, 6, 2, n2)}, true},
		{"the older answer is later, of questions at one time", []porcupine.Operation{op(1, 1, 9, 1, n1), op(1, 3, 4, 2, n2)}, true},
		{"an unanswered one says nothing", []porcupine.Operation{op(1, 1, 2, 2, n1), {Input: wire.JobID{1}, Call: 1, Return: math.MaxInt64, Output: assigned{}}}, true},
		{"other jobs are other registers", []porcupine.Operation{op(1, 1, 2, 2, n1), op(2, 3, 4, 1, n2)}, true},
		{"a re-read of an old leader's", []porcupine.Operation{op(1, 1, 2, 2, n2), op(1, 3, 4, 1, n1)}, false},
		{"one attempt on two servers", []porcupine.Operation{op(1, 1, 2, 1, n1), op(1, 3, 4, 1, n2)}, false},
		{"one attempt on two servers at one time", []porcupine.Operation{op(1, 1, 4, 1, n1), op(1, 2, 3, 1, n2)}, false},
	} {
		h := &history{ops: c.ops}
		if got := h.linearizable(nil); got != c.want {
			t.Errorf("%s: linearizable is %v, want %v", c.what, got, c.want)
		}
	}
}
