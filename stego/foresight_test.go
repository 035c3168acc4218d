package stego

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/adler32"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// behindGlass is a picture whose pixels are transparent but for those of its first row and its last ones, deflated into as many tokens as there
// can be of so few bytes: a reader has to hold all of that before it knows where the window ends.
func behindGlass(width, height, clear int) []byte {
	lit, dist := fixedCodes()
	noise, w := rand.New(rand.NewPCG(1, 2)), zooBitWriter{out: []byte{0x78, 0x01}}
	raw := make([]byte, 0, height*(1+4*width))
	literal := func(v byte) {
		raw = append(raw, v)
		lit.write(&w, int(v))
	}
	w.bits(3, 3) // the last block, fixed codes
	for y := range height {
		literal(0)
		for x := range width {
			literal(byte(noise.Uint32()))
			if x == 0 || y == 0 || y >= clear {
				alpha := byte(0)
				if y == 0 || y >= clear {
					alpha = 255
				}
				literal(7)
				literal(8)
				literal(alpha)
				continue
			}
			raw = append(raw, 7, 8, 0) // what the pixel before has
			lit.write(&w, firstLength)
			dist.write(&w, 3)
		}
	}
	lit.write(&w, endOfBlock)
	w.align()
	s := pngSpec{width: width, height: height, kind: 6, depth: 8}
	out := append([]byte(pngMagic), s.ihdrBytes()...)
	out = append(out, chunkBytes("IDAT", binary.BigEndian.AppendUint32(w.out, adler32.Checksum(raw)))...)
	return append(out, chunkBytes("IEND", nil)...)
}

// peakHeap returns by how much the heap grew while f ran, garbage left out as far as it can be.
func peakHeap(f func()) (most int64) {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, done := heap(), make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	for tick := time.NewTicker(time.Millisecond); ; {
		select {
		case <-done:
			tick.Stop()
			return most
		case <-tick.C:
			most = max(most, heap()-before)
		}
	}
}

// TestTransparentRowsAreNotHeld: however far down a picture's window ends, and however it is deflated, no more is held than Memory says, and what
// is garbage at a moment. Of this one 242 MB, fifteen times its size, would be held if it was not read twice.
func TestTransparentRowsAreNotHeld(t *testing.T) {
	carrier := behindGlass(2000, 2000, 1990)
	info, err := Measure(bytes.NewReader(carrier), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	p := Payload{Kind: File, Data: undeflatable(200)}
	for _, o := range []SealOptions{{}, {Spread: true}} {
		e, err := Seal(p, info, o)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		out.Grow(2 * len(carrier))
		held := peakHeap(func() { _, err = Embed(&out, bytes.NewReader(carrier), e, EmbedOptions{}) })
		if most := 2 * info.Memory(e); err != nil || held > most {
			t.Errorf("spread %v: %v, %d KB held, want at most %d", o.Spread, err, held>>10, most>>10)
		}
		checked := peakHeap(func() { err = Verify(bytes.NewReader(carrier), bytes.NewReader(out.Bytes()), e, Limits{}, 0) })
		if most := 2 * info.Memory(e); err != nil || checked > most {
			t.Errorf("spread %v: Verify: %v, %d KB held, want at most %d", o.Spread, err, checked>>10, most>>10)
		}
		t.Logf("spread %v: %d KB of rows; %d KB held to embed, %d to verify, Memory says %d", o.Spread, 8*info.Pixels()>>11, held>>10, checked>>10, info.Memory(e)>>10)
		confirm(t, carrier, out.Bytes(), e, p, ExtractOptions{})
	}
}

// TestPicturesThatAreReadTwice: what needs two readings and cannot get them is refused before anything is written.
func TestPicturesThatAreReadTwice(t *testing.T) {
	carrier := behindGlass(2000, 200, 190)
	info, err := Measure(bytes.NewReader(carrier), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := Seal(Payload{Kind: File, Data: undeflatable(200)}, info, SealOptions{})
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken pipe")
	for name, c := range map[string]struct {
		r    io.Reader
		want error
	}{
		"no seeker":       {struct{ io.Reader }{bytes.NewReader(carrier)}, ErrSeek},
		"a pipe":          {&lame{bytes.NewReader(carrier), broken}, ErrSeek},
		"another picture": {&changeling{bytes.NewReader(carrier), bytes.NewReader(behindGlass(2000, 201, 190))}, errChanged},
		"not a picture":   {&changeling{bytes.NewReader(carrier), bytes.NewReader(nil)}, nil},
	} {
		var out bytes.Buffer
		_, err := Embed(&out, c.r, e, EmbedOptions{})
		if err == nil || c.want != nil && !errors.Is(err, c.want) || out.Len() > 0 {
			t.Errorf("%s: %v after %d bytes, want %v and none", name, err, out.Len(), c.want)
		}
	}
	// A reader that was not at its beginning goes back to where it was.
	r := bytes.NewReader(append([]byte("what stands in front"), carrier...))
	r.Seek(int64(len("what stands in front")), io.SeekStart)
	if _, err := Embed(io.Discard, r, e, EmbedOptions{}); err != nil {
		t.Errorf("behind something else: %v", err)
	}
}

// lame is a reader that has a Seek, as a pipe's file has.
type lame struct {
	io.Reader
	err error
}

func (l *lame) Seek(int64, int) (int64, error) { return 0, l.err }

// changeling reads something else after it was sought to its beginning.
type changeling struct {
	io.Reader
	other io.Reader
}

func (c *changeling) Seek(_ int64, whence int) (int64, error) {
	if whence == io.SeekStart {
		c.Reader = c.other
	}
	return 0, nil
}

// undeflatable are bytes that nobody deflates.
func undeflatable(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// A picture that is replaced between its two readings, by one of the same shape, is refused as soon as that shows.
func TestPictureReplacedBetweenReadings(t *testing.T) {
	spec := pngSpec{width: 300, height: 100, kind: 6, depth: 8}
	var files [2][]byte // one without a usable sample, and one that is usable all over
	for i := range files {
		spec.sample = func(x, y, c int) int { return max(x*y%251*(3-c), 255*i) }
		files[i] = spec.encode()
	}
	info, err := Measure(bytes.NewReader(files[1]), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := Seal(Payload{Kind: File, Data: undeflatable(200)}, info, SealOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := open(bytes.NewReader(files[0]), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	rest, o := files[:], EmbedOptions{ahead: 1}
	again := reading(func() (io.Reader, error) {
		r := bytes.NewReader(rest[0])
		rest = rest[1:]
		return r, nil
	})
	_, err = again.twice(c, e, Limits{}, func(c *carrier, known *weaver) (Report, error) {
		return c.splice(newDigestWriter(io.Discard, o), e, o, known)
	})
	if !errors.Is(err, errChanged) {
		t.Errorf("%v, want %v", err, errChanged)
	}
}
