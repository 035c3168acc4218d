package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

var update = flag.Bool("update", false, "rewrite the golden vectors and the appendix of docs/PROTOCOL.md")

// vector is one golden example: its name, what it says, and its bytes.
type vector struct {
	name, says string
	bytes      []byte
}

func (v vector) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: %s\n", v.name)
	if v.says != "" {
		fmt.Fprintf(&b, "diag: %s\n", v.says)
	}
	for text := hex.EncodeToString(v.bytes); text != ""; {
		n := min(len(text), 96)
		fmt.Fprintf(&b, "hex:  %s\n", text[:n])
		text = text[n:]
	}
	return b.String()
}

func diagnosis(t *testing.T, p []byte) string {
	t.Helper()
	s, err := cbor.Diagnose(p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func messageVectors(t *testing.T) (vs []vector) {
	for i, m := range sampleMessages {
		if int(m.Kind()) != i+1 {
			t.Fatalf("sample %d is %v", i, m.Kind())
		}
		p, err := AppendMessage(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		vs = append(vs, vector{fmt.Sprintf("%v, kind %d", m.Kind(), m.Kind()), diagnosis(t, p), p})
	}
	return vs
}

func datagramVectors(t *testing.T) (vs []vector) {
	boot, key := Boot(id16(0x01)), Key(id32(0x00))
	for _, d := range []struct {
		name string
		key  Key
		body body
	}{
		{"a greeting to whoever is there, under K_server 000102…1f", key, body{Source: alice, Frames: []frame{
			{Kind: KindHello, Payload: marshal(Hello{MinVersion: 1, MaxVersion: 1, Name: "alice", Cookie: bytesOf(0x20, 16)})}}}},
		{"in a session: acknowledgements, an echo, a heartbeat and a reliable message, under the same key", key, body{
			Source: alice, Dest: bob, Boot: id16(0x11), AckBase: 41, AckMask: 5, Echo: 900, Delay: 1500, Frames: []frame{
				{Kind: KindHeartbeat, Payload: marshal(sampleMessages[KindHeartbeat-1])},
				{Kind: KindGrant, ID: 17, Payload: marshal(Grant{Phase: Vote, Epoch: 8})}}}},
		{"an acknowledgement alone, under the same key", key, body{Source: alice, Dest: bob, Boot: id16(0x11), AckBase: 42}},
		{"a client's question under the open key", OpenKey, body{Source: alice, Frames: []frame{
			{Kind: KindLeaderQuery, Payload: marshal(LeaderQuery{Nonce: 0xFEED, Pad: make([]byte, 4)})}}}},
	} {
		k := &newRing([]Key{d.key}, nil, false)[0]
		vs = append(vs, vector{d.name, diagnosis(t, marshal(d.body)), k.seal(nil, boot, uint64(len(vs)+1), marshal(d.body))})
	}
	return append(vs, vector{name: "the open key", bytes: OpenKey[:]})
}

func streamVectors(t *testing.T) (vs []vector) {
	for i, f := range sampleFrames {
		if int(f.StreamKind()) != i+1 {
			t.Fatalf("sample %d is stream frame %d", i, f.StreamKind())
		}
		p, err := AppendFrame(nil, f)
		if err != nil {
			t.Fatal(err)
		}
		vs = append(vs, vector{fmt.Sprintf("%T, stream frame %d", f, i+1)[len("wire."):], diagnosis(t, p[5:]), p})
	}
	var chunks bytes.Buffer
	w := NewChunkWriter(&chunks)
	w.Write([]byte("hidden"))
	w.Write([]byte(" text"))
	w.Close()
	return append(vs, vector{"a result of two chunks", `'hidden' and ' text', then the end`, chunks.Bytes()})
}

func TestGoldenVectors(t *testing.T) {
	for file, vs := range map[string][]vector{"messages": messageVectors(t), "datagrams": datagramVectors(t), "stream": streamVectors(t), "refused": refusedVectors(t)} {
		var b strings.Builder
		for i, v := range vs {
			if i > 0 {
				b.WriteString("\n")
			}
			b.WriteString(v.String())
		}
		golden(t, filepath.Join("..", "testdata", "wire", file+".txt"), b.String())
	}
}

// golden compares a file, or rewrites it.
func golden(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is out of date; read the diff after: go test ./wire -run %s -update", path, t.Name())
	}
}

// TestSamplesSurviveTheWire decodes every vector into what it was made of.
func TestSamplesSurviveTheWire(t *testing.T) {
	for _, m := range sampleMessages {
		p, _ := AppendMessage(nil, m)
		got, err := ParseMessage(m.Kind(), p)
		if err != nil {
			t.Errorf("%v: %v", m.Kind(), err)
			continue
		}
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", m) {
			t.Errorf("%v: got %+v, want %+v", m.Kind(), got, m)
		}
		if !Fits(m) {
			t.Errorf("%v does not fit", m.Kind())
		}
	}
	for _, f := range sampleFrames {
		p, _ := AppendFrame(nil, f)
		got, err := ReadFrame(bytes.NewReader(p), MaxFrame)
		if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", f) {
			t.Errorf("got %+v, %v, want %+v", got, err, f)
		}
	}
}

func TestZeroMessagesSurviveTheWire(t *testing.T) {
	for k := range rules {
		r := Kind(k).rule()
		if r == nil {
			continue
		}
		m, err := r.parse([]byte{0xA0})
		if err != nil {
			t.Errorf("%s: an empty map: %v", r.name, err)
			continue
		}
		p, err := AppendMessage(nil, m)
		if err != nil {
			t.Errorf("%s: %v", r.name, err)
		}
		if again, err := ParseMessage(m.Kind(), p); err != nil || fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", m) {
			t.Errorf("%s: got %+v, %v, want %+v", r.name, again, err, m)
		}
	}
}

// refused is CBOR that PROTOCOL.md §2.4 forbids, as payload of a Leave or of the kind given.
var refused = []struct {
	name, hex string
	kind      Kind
}{
	{"duplicate key", "a201070107", KindLeave},
	{"duplicate unknown key", "a218630118630a", KindLeave},
	{"indefinite map", "bf0107ff", KindLeave},
	{"indefinite byte string", "a1025f4100ff", KindLeaderQuery},
	{"tag", "c0a10107", KindLeave},
	{"tag inside", "a101c107", KindLeave},
	{"tag in an unknown key", "a11863c107", KindLeave},
	{"seven levels", "a1186381818181818100", KindLeave},
	{"array of 257", "a11863990101" + strings.Repeat("00", 257), KindLeave},
	{"map of 65", "a11863b841" + pairs65(), KindLeave},
	{"invalid UTF-8", "a10461ff", KindHello},
	{"not a number", "a101f97e00", KindLeave},
	{"infinity", "a101f97c00", KindLeave},
	{"a fraction", "a101fb3ff8000000000000", KindLeave},
	{"negative", "a10120", KindLeave},
	{"too big for the field", "a1011901ff", KindHello},
	{"bignum", "a101c249010000000000000000", KindLeave},
	{"trailing bytes", "a1010700", KindLeave},
	{"truncated", "a101", KindLeave},
	{"array for a map", "8107", KindLeave},
	{"short node id", "a1034101", KindPing},
	{"address of three bytes", "a1058143010203", KindHello},
	{"address with a zone", "a1058153fe800000000000000000000000000001" + "61" + "6eb9", KindHello},
	{"control character", "a104611b", KindHello},
	{"long name", "a1047841" + strings.Repeat("61", 65), KindHello},
	{"nine addresses", "a10589" + strings.Repeat("46c00002076eb9", 9), KindHello},
	{"unknown phase", "a10109", KindElection},
	{"unknown state", "a10207", KindTaskStatusResponse},
}

func refusedVectors(t *testing.T) (vs []vector) {
	for _, c := range refused {
		p, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		vs = append(vs, vector{name: fmt.Sprintf("%s, as payload of kind %d", c.name, c.kind), bytes: p})
	}
	return vs
}

func pairs65() string {
	var b strings.Builder
	for i := range 65 {
		fmt.Fprintf(&b, "19%04x00", 0x100+i)
	}
	return b.String()
}

func TestForbiddenFormsAreRefused(t *testing.T) {
	for _, c := range refused {
		p, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		m, err := ParseMessage(c.kind, p)
		if f := FormatError(""); !errors.As(err, &f) {
			t.Errorf("%s: got %+v, %v, want a FormatError", c.name, m, err)
		}
	}
}
