package wire

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// No answer to a stranger is longer than its question, not by one byte (PROTOCOL.md §3).
func TestAnswerFitsItsQuestion(t *testing.T) {
	now, to := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), netip.MustParseAddrPort("10.0.0.9:5000")
	e := NewEndpoint(now, EndpointConfig{Self: NodeID{1}, Peer: []Key{{1}}, Open: true, Rand: rand.New(rand.NewPCG(1, 1))})
	answer := Busy{Job: JobID{1}, Code: CodeBusy, RetryAfter: 5, Detail: "full"}
	send := func(room int) (int, error) {
		err := e.SendTo(now, to, NodeID{9}, Boot{9}, KeyRef{Authority: AuthorityOpen, room: room}, answer)
		sent := 0
		for _, d := range e.Take() {
			sent += len(d.Data)
		}
		return sent, err
	}
	size, err := send(MaxDatagram)
	if err != nil || size == 0 {
		t.Fatalf("an answer with all the room: %d bytes, %v", size, err)
	}
	if sent, err := send(size); err != nil || sent != size {
		t.Errorf("an answer as long as its question: %d bytes, %v", sent, err)
	}
	if sent, err := send(size - 1); !errors.Is(err, ErrRoom) || sent != 0 {
		t.Errorf("an answer a byte longer than its question: %d bytes, %v, want ErrRoom", sent, err)
	}
	if sent, err := send(0); !errors.Is(err, ErrRoom) || sent != 0 {
		t.Errorf("an answer to nobody's question: %d bytes, %v, want ErrRoom", sent, err)
	}
}
