package stego

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// tiny is an embedding that fits everywhere, to drive whole files through.
func tiny() *Embedding { return &Embedding{Format: Classic, Sealed: []byte{0, 0, 0, 1, 'x'}} }

func TestDamagedImagesAreRefused(t *testing.T) {
	for name, bad := range badImages(t) {
		var err error
		used := spent(func() { _, err = Embed(io.Discard, bytes.NewReader(bad.data), tiny(), EmbedOptions{}) })
		if used > 4<<20 {
			t.Errorf("%s: %d bytes allocated to refuse it", name, used)
		}
		if err == nil || reflect.TypeOf(err) != reflect.TypeOf(bad.want) || !strings.Contains(err.Error(), bad.say) {
			t.Errorf("%s: %T %v, want %T with %q", name, err, err, bad.want, bad.say)
		}
		if stored, err := os.ReadFile(filepath.Join(imageDir, "corrupt", name)); err != nil || !bytes.Equal(stored, bad.data) && filepath.Ext(name) == ".png" {
			t.Errorf("testdata/images/corrupt/%s is not what it should be: %v", name, err)
		}
	}
}

// typed reports whether an error is one that a user can be told.
func typed(err error) bool {
	var format *FormatError
	var limit *LimitError
	var unsupported *UnsupportedError
	var capacity *CapacityError
	return errors.As(err, &format) || errors.As(err, &limit) || errors.As(err, &unsupported) || errors.As(err, &capacity)
}

// swallow reads an image to its end.
func swallow(file []byte) error {
	c, err := open(bytes.NewReader(file), Limits{MaxPixels: 1e6})
	if err != nil {
		return err
	}
	return newFinder(c).drain()
}

func TestEveryTruncationIsRefused(t *testing.T) {
	file := pngSpec{width: 12, height: 9, kind: 6, depth: 8, sample: at8(4), before: tags}.encode()
	for n := range len(file) {
		if err := swallow(file[:n]); !typed(err) {
			t.Errorf("%d of %d bytes: %v", n, len(file), err)
		}
	}
	if err := swallow(file); err != nil {
		t.Errorf("all bytes: %v", err)
	}
}

func TestEveryFlippedByteIsRefused(t *testing.T) {
	file := pngSpec{width: 12, height: 9, kind: 0, depth: 16, sample: at16(1), interlaced: true, before: tags}.encode()
	for n := range file {
		for _, flip := range []byte{1, 0x20, 0x80, 0xff} {
			file[n] ^= flip
			if err := swallow(file); !typed(err) {
				t.Errorf("byte %d ^ %#x: %v", n, flip, err)
			}
			file[n] ^= flip
		}
	}
}

func TestOtherFormatsSurviveDamage(t *testing.T) {
	mayBeSkipped(t)
	for name, file := range goodImages(t) {
		if strings.HasSuffix(name, ".png") {
			continue
		}
		for n := 0; n < len(file); n += 1 + len(file)/60 {
			for _, damaged := range [][]byte{file[:n], append(append(bytes.Clone(file[:n]), file[n]^0xff), file[n+1:]...)} {
				if err := swallow(damaged); err != nil && !typed(err) {
					t.Errorf("%s at byte %d: %v", name, n, err)
				}
			}
		}
	}
}

func TestEmbedReadsTheWholeFile(t *testing.T) {
	for name, file := range goodImages(t) {
		if !strings.HasSuffix(name, ".png") {
			file = append(bytes.Clone(file), make([]byte, 100_000)...) // data behind the image
		}
		r := bytes.NewReader(file)
		if _, err := Embed(io.Discard, r, tiny(), EmbedOptions{}); err != nil || r.Len() != 0 {
			t.Errorf("%s: %d bytes left unread, %v", name, r.Len(), err)
		}
	}
}

func TestReaderErrorsStayWhatTheyAre(t *testing.T) {
	lost := errors.New("connection lost")
	for name, file := range goodImages(t) {
		for _, n := range []int{0, 10, len(file) / 2} {
			r := io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(lost))
			if _, err := Embed(io.Discard, r, tiny(), EmbedOptions{}); !errors.Is(err, lost) || typed(err) {
				t.Errorf("%s after %d bytes: %v, want the reader's error", name, n, err)
			}
		}
	}
}

func TestWriterErrorsStayWhatTheyAre(t *testing.T) {
	full := errors.New("disk full")
	r, w := io.Pipe()
	r.CloseWithError(full)
	if _, err := Embed(w, bytes.NewReader(goodImages(t)["rgb8.png"]), tiny(), EmbedOptions{}); !errors.Is(err, full) {
		t.Errorf("Embed = %v, want the writer's error", err)
	}
}

// spent returns the bytes that f allocates.
// A gigabyte behind the rows that change passes through as it came: nobody here decodes it.
func TestSpliceLeavesABombAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("packs a gigabyte")
	}
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	zeros := make([]byte, 1<<20)
	for range 1 << 10 {
		z.Write(zeros)
	}
	z.Close()
	head := []byte{0, 0, 2, 128, 0, 0, 1, 224, 8, 2, 0, 0, 0}
	file := slices.Concat([]byte(pngMagic), chunkBytes("IHDR", head), chunkBytes("IDAT", packed.Bytes()), chunkBytes("IEND", nil))
	info, err := Measure(bytes.NewReader(file), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := Seal(Payload{Kind: Text, Data: []byte("x")}, info, SealOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if used := spent(func() { _, err = Embed(io.Discard, bytes.NewReader(file), e, EmbedOptions{}) }); err != nil || used > 4<<20 {
		t.Errorf("Embed = %v, and allocated %d bytes", err, used)
	}
	e.Rate = 0 // all rows: now it is found
	if used := spent(func() { _, err = Embed(io.Discard, bytes.NewReader(file), e, EmbedOptions{}) }); !errors.As(err, new(*FormatError)) || used > 8<<20 {
		t.Errorf("Embed in all rows = %v, and allocated %d bytes; want a FormatError", err, used)
	}
}

func spent(f func()) uint64 {
	var a, b runtime.MemStats
	runtime.ReadMemStats(&a)
	f()
	runtime.ReadMemStats(&b)
	return b.TotalAlloc - a.TotalAlloc
}

func TestBombsCostNoMemory(t *testing.T) {
	mayBeSkipped(t)
	zeros := deflated(make([]byte, 100<<20)) // 100 KB that inflate to 100 MB
	small := pngSpec{width: 100, height: 100, kind: 2, depth: 8, sample: at8(3)}
	wide := pngSpec{width: 9000, height: 11000, kind: 6, depth: 16, interlaced: true}
	header := append([]byte(pngMagic), wide.ihdrBytes()...)
	text := func(kind string, data []byte) []byte {
		s := small
		s.before = []chunk{{kind, data}}
		return s.encode()
	}
	jpeg := []byte("\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xda")
	for name, c := range map[string]struct {
		file []byte
		most uint64
		ok   bool
	}{
		"1 gigapixel in 47 bytes":          {badImages(t)["gigapixel.png"].data, 1 << 20, false},
		"IDAT of 100 MB for a small image": {append(append(append([]byte(pngMagic), small.ihdrBytes()...), chunkBytes("IDAT", zeros)...), chunkBytes("IEND", nil)...), 6 << 20, false},
		"interlaced, all header":           {append(header, chunkBytes("IDAT", deflated(nil))...), 4 << 20, false},
		"zTXt of 100 MB":                   {text("zTXt", append([]byte("bomb\x00\x00"), zeros...)), 8 << 20, true},
		"iCCP of 100 MB":                   {text("iCCP", append([]byte("bomb\x00\x00"), zeros...)), 8 << 20, true},
		"tEXt that announces 2 GB":         {append(append([]byte(pngMagic), small.ihdrBytes()...), "\x7f\xff\xff\xfftEXtabc"...), 1 << 20, false},
		"tEXt that announces 16 MB":        {append(append([]byte(pngMagic), small.ihdrBytes()...), "\x00\xff\xff\xfftEXtabc"...), 1 << 20, false},
		"jpeg of 65535 squared":            {jpeg, 1 << 20, false},
	} {
		var err error
		used := spent(func() {
			_, err = Embed(io.Discard, bytes.NewReader(c.file), tiny(), EmbedOptions{})
		})
		if used > c.most || (err == nil) != c.ok || err != nil && !typed(err) {
			t.Errorf("%s: %d bytes allocated (at most %d), error %v", name, used, c.most, err)
		}
	}
}

func TestEmbeddingHoldsAFewRowsOnly(t *testing.T) {
	const megabyte = 1 << 20
	flat := pngSpec{width: 5000, height: 4000, kind: 2, depth: 8}
	carrier := remade(flat, make([]byte, 4000*(5000*3+1))) // 60 MB when decoded
	info, err := Measure(bytes.NewReader(carrier), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := Seal(Payload{Kind: Text, Data: []byte("hello")}, info, SealOptions{})
	if err != nil {
		t.Fatal(err)
	}
	used := spent(func() { _, err = Embed(io.Discard, bytes.NewReader(carrier), e, EmbedOptions{}) })
	if err != nil || used > 12*megabyte {
		t.Errorf("Embed allocated %d MB in all, %v", used/megabyte, err)
	}
}

func TestMetadataIsBounded(t *testing.T) {
	s := pngSpec{width: 8, height: 8, kind: 2, depth: 8, sample: at8(3)}
	for range 5 {
		s.before = append(s.before, chunk{"iTXt", make([]byte, 4<<20)})
	}
	_, err := Embed(io.Discard, bytes.NewReader(s.encode()), tiny(), EmbedOptions{})
	if !typed(err) || !strings.Contains(err.Error(), "metadata") {
		t.Errorf("20 MiB of text: %v", err)
	}
}

func TestLimitIsCheckedForEveryFormat(t *testing.T) {
	for name, file := range goodImages(t) {
		info, err := Probe(bytes.NewReader(file), Limits{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := Probe(bytes.NewReader(file), Limits{MaxPixels: info.Pixels()}); err != nil {
			t.Errorf("%s: limit of exactly its size: %v", name, err)
		}
		_, err = Probe(bytes.NewReader(file), Limits{MaxPixels: info.Pixels() - 1})
		var limit *LimitError
		if !errors.As(err, &limit) || limit.Pixels != info.Pixels() || limit.Max != info.Pixels()-1 {
			t.Errorf("%s: one pixel too many: %v", name, err)
		}
	}
}

// A block for every byte would cost a hundred times its bytes in memory: such a stream is refused.
func TestTinyBlocksCostNoMemory(t *testing.T) {
	const width = 1 << 16
	enc, w := newEncoder(fixedLit, fixedDist), bitWriter{out: []byte{0x78, 0x9c}}
	for range 2 * (width*6 + 1) {
		w.put(2, 3)
		w.code(enc.lit[0])
		w.code(enc.lit[endOfBlock])
	}
	w.put(3, 10)
	w.align()
	head := []byte{0, width >> 16, width >> 8 & 0xff, width & 0xff, 0, 0, 0, 2, 16, 2, 0, 0, 0}
	file := slices.Concat([]byte(pngMagic), chunkBytes("IHDR", head), chunkBytes("IDAT", w.out), chunkBytes("IEND", nil))
	info, err := Probe(bytes.NewReader(file), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := Seal(Payload{Kind: Text, Data: []byte("x")}, info, SealOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if used := spent(func() { _, err = Embed(io.Discard, bytes.NewReader(file), e, EmbedOptions{}) }); !errors.As(err, new(*FormatError)) || used > 12<<20 {
		t.Errorf("Embed = %v, and allocated %d bytes; want a FormatError", err, used)
	}
}
