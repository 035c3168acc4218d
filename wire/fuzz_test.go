package wire

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"
)

// FuzzHeader: what parses is re-appended as it was.
func FuzzHeader(f *testing.F) {
	f.Add(header{key: [2]byte{1, 2}, boot: id16(3), counter: 4}.append(nil))
	f.Fuzz(func(t *testing.T, p []byte) {
		h, err := parseHeader(p)
		if err == nil && !bytes.Equal(h.append(nil), p[:headerSize]) {
			t.Errorf("%x became %x", p[:headerSize], h.append(nil))
		}
	})
}

// FuzzBody: what parses, encodes to a form that parses and encodes to itself; what is read by hand, the library reads alike.
func FuzzBody(f *testing.F) {
	f.Add(marshal(body{Source: alice, Dest: bob, Boot: id16(1), AckBase: 1, AckMask: 2, Echo: 3, Delay: 4, Frames: []frame{{Kind: KindLeave, ID: 1, Payload: []byte{0xA0}}}}))
	f.Fuzz(func(t *testing.T, p []byte) {
		bodyIsReadAlike(t, p)
		b, err := parseBody(p, nil)
		if err != nil {
			return
		}
		q := marshal(b)
		again, err := parseBody(q, nil)
		if err != nil || !bytes.Equal(marshal(again), q) {
			t.Errorf("%x became %x, then %x, %v", p, q, marshal(again), err)
		}
		for _, fr := range b.Frames {
			if n := len(marshal(fr)); n > fr.size() {
				t.Errorf("a frame of %d bytes was reckoned %d", n, fr.size())
			}
		}
	})
}

// FuzzMessage: every kind, the same laws.
func FuzzMessage(f *testing.F) {
	for _, m := range sampleMessages {
		f.Add(uint8(m.Kind()), marshal(m))
	}
	f.Fuzz(func(t *testing.T, k uint8, p []byte) {
		messageIsReadAlike(t, Kind(k), p)
		m, err := ParseMessage(Kind(k), p)
		if err != nil {
			return
		}
		q, err := AppendMessage(nil, m)
		if err != nil {
			t.Fatalf("%+v was accepted and is not sent: %v", m, err)
		}
		again, err := ParseMessage(Kind(k), q)
		if err != nil {
			t.Fatalf("%x: %v", q, err)
		}
		if r, _ := AppendMessage(nil, again); !bytes.Equal(q, r) {
			t.Errorf("%x became %x, then %x", p, q, r)
		}
		_ = fmt.Sprint(m, Reliable(m))
	})
}

// FuzzStreamFrame: the same law, and not a byte is read beyond the frame.
func FuzzStreamFrame(f *testing.F) {
	for _, s := range sampleFrames {
		p, _ := AppendFrame(nil, s)
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		r := bytes.NewReader(p)
		m, err := ReadFrame(r, 1<<16)
		if err != nil {
			return
		}
		if n := len(p) - r.Len(); n != 4+int(p[2])<<8+int(p[3])+int(p[1])<<16 {
			t.Errorf("%d bytes read of %x", n, p)
		}
		q, err := AppendFrame(nil, m)
		if err != nil {
			t.Fatalf("%+v was accepted and is not sent: %v", m, err)
		}
		again, err := ReadFrame(bytes.NewReader(q), 1<<20)
		if err != nil {
			t.Fatalf("%x: %v", q, err)
		}
		if s, _ := AppendFrame(nil, again); !bytes.Equal(q, s) {
			t.Errorf("%x became %x, then %x", p, q, s)
		}
	})
}

// FuzzChunks: what is read can be written again and read as the same, and only a zero length ends it.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x05hello\x00\x00\x00\x00rest"))
	f.Fuzz(func(t *testing.T, p []byte) {
		r := bytes.NewReader(p)
		data, err := io.ReadAll(NewChunkReader(r))
		if err != nil {
			return
		}
		if end := p[:len(p)-r.Len()]; !bytes.HasSuffix(end, make([]byte, 4)) {
			t.Fatalf("%x ended at %x", p, end)
		}
		var b bytes.Buffer
		w := NewChunkWriter(&b)
		w.Write(data)
		w.Close()
		if again, err := io.ReadAll(NewChunkReader(&b)); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%x became %x, %v", data, again, err)
		}
	})
}

// FuzzEndpoint: whatever a stranger or a replayed process says, it never gets more bytes than it sent, and neither
// reaches the session of a peer.
func FuzzEndpoint(f *testing.F) {
	for _, m := range sampleMessages {
		f.Add(true, marshal(body{Source: bob, Dest: alice, Boot: id16(9), Frames: []frame{{Kind: m.Kind(), Payload: marshal(m)}}}))
		f.Add(false, marshal(body{Source: bob, Frames: []frame{{Kind: m.Kind(), Payload: marshal(m)}}}))
	}
	now := time.Unix(0, 0)
	f.Fuzz(func(t *testing.T, peer bool, text []byte) {
		if len(text) > MaxDatagram-overhead {
			return
		}
		e := NewEndpoint(now, EndpointConfig{Self: alice, Boot: id16(9), Peer: []Key{serverKey}, Open: true, Entropy: entropy(1)})
		k := e.ring.find(AuthorityOpen, 0)
		if peer {
			k = e.ring.find(AuthorityPeer, 0)
		}
		e.Receive(now, attacker, k.seal(nil, id16(77), 1, text))
		e.Advance(now)
		back := 0
		for _, d := range e.Take() {
			back += len(d.Data)
		}
		if back > len(text)+overhead {
			t.Errorf("%d bytes answered to %d", back, len(text)+overhead)
		}
		for _, v := range e.Events() {
			if v.Authority == AuthorityPeer && v.What != Conflict && v.What != Refused {
				t.Errorf("%v without a session", v.What)
			}
		}
		if len(e.Sessions()) != 0 {
			t.Error("a session without proof")
		}
	})
}
