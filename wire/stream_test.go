package wire

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadFrameEndsAsItShould(t *testing.T) {
	p, err := AppendFrame(nil, sampleFrames[0])
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(p) {
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if _, err := ReadFrame(bytes.NewReader(p[:n]), MaxFrame); err != want {
			t.Errorf("after %d of %d bytes: %v, want %v", n, len(p), err, want)
		}
	}
	r := iotest.OneByteReader(bytes.NewReader(append(p, 'x')))
	if _, err := ReadFrame(r, MaxFrame); err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(r); string(rest) != "x" {
		t.Errorf("left %q after the frame, want %q", rest, "x")
	}
}

func TestReadFrameRefuses(t *testing.T) {
	for _, c := range []struct{ name, bytes, want string }{
		{"too long", "\x00\x00\x04\x01\x01", "stream frame of 1025 bytes, at most 1024"},
		{"longest length", "\xff\xff\xff\xff\x01", "at most 1024"},
		{"empty", "\x00\x00\x00\x00\x01", "empty stream frame"},
		{"kind zero", "\x00\x00\x00\x02\x00\xa0", "unknown stream frame 0"},
		{"kind beyond the last", "\x00\x00\x00\x02\x0d\xa0", "unknown stream frame 13"},
		{"a secret of 15 bytes", "\x00\x00\x00\x13\x05\xa1\x01\x4f" + strings.Repeat("s", 15), "a job secret that is not 16 bytes"},
		{"no secret", "\x00\x00\x00\x02\x01\xa0", "a job secret that is not 16 bytes"},
		{"not CBOR", "\x00\x00\x00\x02\x01\xff", "TaskRequest"},
	} {
		_, err := ReadFrame(strings.NewReader(c.bytes), 1024)
		if f := FormatError(""); !errors.As(err, &f) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want a FormatError with %q", c.name, err, c.want)
		}
	}
}

func TestReadFrameAllocatesWhatArrives(t *testing.T) {
	const head, runs = "\x03\xff\xff\xff\x01", 100 // 64 MiB promised, nothing sent
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		ReadFrame(strings.NewReader(head), MaxFrame)
	}
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) / runs; n > 4096 {
		t.Errorf("%d bytes allocated for a frame that never came", n)
	}
}

func TestBigPayloadPasses(t *testing.T) {
	big := sampleFrames[0].(TaskRequest)
	big.Sealed = bytes.Repeat([]byte{7}, 5<<20)
	var b bytes.Buffer
	if err := WriteFrame(&b, big); err != nil {
		t.Fatal(err)
	}
	f, err := ReadFrame(&b, MaxFrame)
	if err != nil || !bytes.Equal(f.(TaskRequest).Sealed, big.Sealed) {
		t.Errorf("sealed bytes changed on the way: %v", err)
	}
}

func TestOddWordsDoNotStopAFrame(t *testing.T) {
	f := sampleFrames[0].(TaskRequest)
	f.Name = "a\x1b[31m\xff\n" + strings.Repeat("ü", 300)
	var b bytes.Buffer
	if err := WriteFrame(&b, f); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFrame(&b, MaxFrame)
	if err != nil {
		t.Fatal(err)
	}
	if name := got.(TaskRequest).Name; len(name) > maxFileName || !strings.HasPrefix(name, "a [31m? ü") {
		t.Errorf("name %q of %d bytes", name, len(name))
	}
	f.Client = "\x1b"
	if err := WriteFrame(&b, f); err == nil {
		t.Error("a client's name with a control character was sent")
	}
}

func TestChunksCarryAnyBytes(t *testing.T) {
	data := make([]byte, 3*MaxChunk+17)
	rand.NewChaCha8([32]byte{1}).Read(data)
	var b bytes.Buffer
	w := NewChunkWriter(&b)
	for rest := data; len(rest) > 0; {
		n := min(len(rest), 1+len(rest)*2/3)
		if got, err := w.Write(rest[:n]); got != n || err != nil {
			t.Fatalf("Write = %d, %v", got, err)
		}
		rest = rest[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("second Close = %v", err)
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("Write after Close succeeded")
	}
	whole := bytes.Clone(b.Bytes())
	b.WriteString("trailer")
	got, err := io.ReadAll(NewChunkReader(iotest.HalfReader(&b)))
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v, want %d and nil", len(got), err, len(data))
	}
	if b.String() != "trailer" {
		t.Errorf("left %q, want the trailer", b.String())
	}
	if err := iotest.TestReader(NewChunkReader(bytes.NewReader(whole)), data); err != nil {
		t.Error(err)
	}
}

func TestChunksThatEndEarlyAreNoticed(t *testing.T) {
	for _, s := range []string{"", "\x00", "\x00\x00\x00\x05", "\x00\x00\x00\x05hell", "\x00\x00\x00\x05hello", "\x00\x00\x00\x05hello\x00\x00"} {
		if got, err := io.ReadAll(NewChunkReader(strings.NewReader(s))); err != io.ErrUnexpectedEOF {
			t.Errorf("%q: %q, %v, want io.ErrUnexpectedEOF", s, got, err)
		}
	}
	_, err := io.ReadAll(NewChunkReader(strings.NewReader("\x00\x04\x00\x01")))
	if f := FormatError(""); !errors.As(err, &f) {
		t.Errorf("a chunk of 256 KiB and one byte: %v, want a FormatError", err)
	}
}
