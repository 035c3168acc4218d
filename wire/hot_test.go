package wire

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

// What is encoded by hand is what the library makes of the same value, whatever its numbers.
func TestEncodedByHandIsWhatTheLibraryMakes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		b := randomBody(r)
		if got, want := b.append(nil), library(b); !bytes.Equal(got, want) {
			t.Fatalf("body %+v: got %x, want %x", b, got, want)
		}
		for _, m := range randomHot(r) {
			if got, want := m.(hot).append(nil), library(m); !bytes.Equal(got, want) {
				t.Fatalf("%+v: got %x, want %x", m, got, want)
			}
		}
	}
}

// What is read by hand is read by the library too, and as the same; and what we write is read by hand. Of bytes that are
// somehow wrong the library decides.
func TestReadByHandIsReadByTheLibrary(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	left := 0
	for range 20000 {
		b := randomBody(r)
		p := b.append(nil)
		if !new(body).read(p) || !bodyIsReadAlike(t, p) {
			t.Fatalf("%x was not read by hand", p)
		}
		if !bodyIsReadAlike(t, damaged(r, p)) {
			left++
		}
		for _, m := range randomHot(r) {
			p := library(m)
			if !messageIsReadAlike(t, m.Kind(), p) {
				t.Fatalf("%v %x was not read by hand", m.Kind(), p)
			}
			if !messageIsReadAlike(t, m.Kind(), damaged(r, p)) {
				left++
			}
		}
	}
	if left < 10000 {
		t.Errorf("only %d of the damaged ones were left to the library", left)
	}
}

// library is what the library makes of a value.
func library(v any) []byte { return must(encoding.Marshal(v)) }

// damaged flips a few bits near the front, or changes the length.
func damaged(r *rand.Rand, p []byte) []byte {
	p = bytes.Clone(p)
	for range 1 + r.IntN(3) {
		p[r.IntN(min(len(p), 80))] ^= 1 << r.IntN(8)
	}
	if r.IntN(8) == 0 {
		return append(p, 0)
	}
	return p[:len(p)-r.IntN(2)]
}

// bodyIsReadAlike reports whether p was read by hand; if so the library has to read it, and as the same.
func bodyIsReadAlike(t *testing.T, p []byte) bool {
	t.Helper()
	var hand, library body
	if !hand.read(p) {
		return false
	}
	if err := unmarshal(p, &library, "body"); err != nil || !reflect.DeepEqual(hand, library) {
		t.Fatalf("%x: by hand %+v, by the library %+v, %v", p, hand, library, err)
	}
	return true
}

// messageIsReadAlike is the same of a message of kind k.
func messageIsReadAlike(t *testing.T, k Kind, p []byte) bool {
	t.Helper()
	if k == 0 || int(k) > len(sampleMessages) {
		return false
	}
	kind := reflect.TypeOf(sampleMessages[k-1])
	hand, library := reflect.New(kind).Interface(), reflect.New(kind).Interface()
	if c := (cursor{p: p}); !c.message(hand) {
		return false
	}
	if err := unmarshal(p, library, "message"); err != nil || !reflect.DeepEqual(hand, library) {
		t.Fatalf("%v %x: by hand %+v, by the library %+v, %v", k, p, hand, library, err)
	}
	return true
}

// The five forms of an integer are the library's, and so is where they end.
func TestCursorReadsEveryFormOfAnInteger(t *testing.T) {
	for _, p := range []string{"\x00", "\x17", "\x18\x05", "\x18\xff", "\x19\x00\x05", "\x1a\x00\x00\x00\x05",
		"\x1b\x00\x00\x00\x00\x00\x00\x00\x05", "\x1b\xff\xff\xff\xff\xff\xff\xff\xff", "", "\x18", "\x19\x00", "\x1c", "\x1f", "\x20", "\x40"} {
		c := cursor{p: []byte(p)}
		got, read := c.head(cborUint), !c.lost
		var want uint64
		if err := unmarshal([]byte(p), &want, "integer"); read != (err == nil) || got != want {
			t.Errorf("%x: got %d, %v; want %d, %v", p, got, read, want, err)
		}
	}
}

// random is zero, small, or of any length up to so many bits.
func random(r *rand.Rand, bits int) uint64 { return r.Uint64() >> (64 - r.IntN(bits+1)) }

func randomID(r *rand.Rand) (id NodeID) {
	if r.IntN(3) > 0 {
		id[r.IntN(16)] = byte(r.Uint32())
	}
	return id
}

func randomBody(r *rand.Rand) body {
	b := body{Source: randomID(r), Dest: randomID(r), Boot: Boot(randomID(r)), AckBase: random(r, 64), AckMask: random(r, 64),
		Echo: random(r, 64), Delay: random(r, 64)}
	for range r.IntN(r.IntN(30) + 1) {
		b.Frames = append(b.Frames, frame{Kind: Kind(random(r, 8)), ID: random(r, 64), Payload: make([]byte, random(r, 10))})
	}
	return b
}

// randomHot is one message of each kind that is encoded by hand.
func randomHot(r *rand.Rand) []Message {
	return []Message{
		randomHeartbeat(r), Ping{random(r, 64), random(r, 64), randomID(r)},
		Pong{random(r, 64), random(r, 64), randomID(r), randomID(r)},
		randomHello(r), HelloAck{randomHello(r), Code(random(r, 8)), randomText(r)},
		LeaderQuery{random(r, 64), randomBytes(r)}, randomLeader(r),
		randomRequest(r), TaskStatusQuery{randomBytes(r), JobID(randomID(r)), randomBytes(r)},
		HistoryAdd{randomRecord(r)}, HistoryRemove{randomRecord(r)},
		HistoryChunk{random(r, 64), list(r, maxRecords, randomRecord), r.IntN(2) == 0, random(r, 64)},
	}
}

func randomHello(r *rand.Rand) Hello {
	return Hello{MinVersion: uint8(random(r, 8)), MaxVersion: uint8(random(r, 8)), Features: random(r, 64), Name: randomText(r),
		Control: list(r, maxAddresses, randomAddress), Data: list(r, maxAddresses, randomAddress), Cookie: randomBytes(r),
		Echo: randomBytes(r), Pad: randomBytes(r)}
}

func randomLeader(r *rand.Rand) LeaderResponse {
	return LeaderResponse{Nonce: random(r, 64), Leader: randomID(r), Epoch: random(r, 64), Nodes: list(r, maxNodes, randomNode),
		Cluster: ClusterID(randomID(r)), Label: randomText(r), Authority: randomBytes(r), Cookie: randomBytes(r), Token: r.IntN(2) == 0, Kin: list(r, maxKin, randomKin)}
}

func randomKin(r *rand.Rand) Kin { return Kin{randomBytes(r), randomBytes(r)} }

func randomRequest(r *rand.Rand) TaskAssignmentRequest {
	return TaskAssignmentRequest{Cookie: randomBytes(r), Job: JobID(randomID(r)), Client: randomText(r), Request: random(r, 64),
		Size: random(r, 64), Avoid: list(r, maxAvoid, randomID), Pad: randomBytes(r)}
}

func randomNode(r *rand.Rand) Node {
	return Node{randomID(r), randomText(r), list(r, maxAddresses, randomAddress), list(r, maxAddresses, randomAddress)}
}

func randomRecord(r *rand.Rand) Record {
	return Record{Job: JobID(randomID(r)), Attempt: uint32(random(r, 32)), State: State(random(r, 8)), Epoch: random(r, 64),
		Leader: randomID(r), Server: randomID(r), Client: randomText(r), Request: random(r, 64), Owner: randomBytes(r),
		Size: random(r, 64), Result: Digest{byte(r.IntN(2))}, Code: Code(random(r, 8))}
}

func randomAddress(r *rand.Rand) netip.AddrPort {
	return netip.AddrPortFrom([]netip.Addr{v4.Addr(), v6.Addr(), anybody.Addr()}[r.IntN(3)], uint16(random(r, 16)))
}

func randomText(r *rand.Rand) string { return strings.Repeat("ä", int(random(r, 4))) }

func randomBytes(r *rand.Rand) []byte {
	if r.IntN(3) == 0 {
		return nil
	}
	return make([]byte, random(r, 10))
}

// list is nothing, or up to most of something.
func list[T any](r *rand.Rand, most int, one func(*rand.Rand) T) (all []T) {
	for range min(int(random(r, 4)), most) {
		all = append(all, one(r))
	}
	return all
}

func randomHeartbeat(r *rand.Rand) Heartbeat {
	n := func(bits int) uint64 { return random(r, bits) }
	return Heartbeat{Sequence: n(64), Epoch: n(64), Leader: randomID(r), Role: Role(n(8)),
		Load: Load{uint16(n(16)), uint16(n(16)), uint16(n(16)), uint16(n(16))}, Digest: n(64), Count: uint32(n(32)),
		View: uint16(n(16)), Echo: n(64), Done: n(64), PID: uint32(n(32)), Met: list(r, MaxMet, randomNode)}
}

// Of every message the size that is worked out is the size of what is sent.
func TestSizeIsTheLengthOfTheDatagram(t *testing.T) {
	r := newRing([]Key{{1}}, nil, false)
	for _, m := range sampleMessages {
		p, err := AppendMessage(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		text := marshal(body{Source: alice, Dest: bob, Frames: []frame{{Kind: m.Kind(), Payload: p}}})
		if got, want := Size(m), len(r[0].seal(nil, Boot{1}, 1, text)); got != want {
			t.Errorf("%v: Size is %d, the datagram has %d bytes", m.Kind(), got, want)
		}
	}
}

// A pad fills a question up to its size, or to a byte less where the length of the pad's own length steps.
func TestPadFillsTheQuestion(t *testing.T) {
	for n := range 500 {
		bare := TaskAssignmentRequest{Cookie: make([]byte, n)}
		q, p := bare, pad(KindTaskAssignmentRequest, marshal(bare))
		if q.Pad = filler(questionSize, bare); !bytes.Equal(p, library(q)) {
			t.Fatalf("with a cookie of %d bytes: got %x, want %x", n, p, library(q))
		}
		if got := Size(q); got > questionSize || got < questionSize-2 {
			t.Fatalf("with a cookie of %d bytes the question has %d, want %d", n, got, questionSize)
		}
		q.Pad = append(bytes.Clone(q.Pad), 0)
		if got := Size(q); got <= questionSize {
			t.Fatalf("with a cookie of %d bytes another byte of pad fits: %d", n, got)
		}
	}
}
