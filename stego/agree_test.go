package stego

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

// agreement is one embedding into one picture, of which everything is checked.
type agreement struct {
	t       testing.TB
	z       zooPicture
	carrier []byte
	payload Payload
	o       SealOptions
	want    plainPicture // carrier, then what the reference makes of it
	info    Info         // info is of the carrier, before classic makes colour of gray
	e       *Embedding
	out     []byte
	rep     Report
}

// agree embeds into a picture of the zoo and compares with image/png and the reference.
// It returns nil where nothing fits, which the reference says too.
func agree(t testing.TB, z zooPicture) *agreement {
	a := &agreement{t: t, z: z, carrier: z.spec.encode()}
	a.want = readPlain(t, a.carrier)
	a.draw()
	if !a.sealed() {
		return nil
	}
	a.embed()
	a.pixels()
	a.file()
	confirm(t, a.carrier, a.out, a.e, a.payload, ExtractOptions{Format: a.o.Format})
	a.again()
	a.surveyed()
	a.interrupted()
	return a
}

// draw chooses what is hidden and how.
func (a *agreement) draw() {
	z := a.z
	a.o = SealOptions{Entropy: z.entropy()}
	if z.of("format", "v1", "v1", "v1", "v1", "classic") == "classic" {
		a.o.Format = Classic
	} else {
		a.o.Spread = z.of("spread", "no", "no", "no", "yes") == "yes"
	}
	room := max(0, a.want.room()/8-tagSize)
	n := 0
	switch z.of("payload", "empty", "short", "short", "all-that-fits", "a-part") {
	case "short":
		n = 1 + z.r.IntN(100)
	case "all-that-fits":
		n = room
	case "a-part":
		n = z.r.IntN(max(1, room/8))
	}
	if a.o.Format == Classic {
		a.payload = Payload{Kind: Text, Data: make([]byte, max(1, min(n, a.want.width*a.want.height*3/8-classicHead)))}
		for i := range a.payload.Data {
			a.payload.Data[i] = byte('a' + z.r.IntN(26))
		}
		return
	}
	a.payload = Payload{Kind: File, Data: make([]byte, max(0, min(n, room)-2))}
	z.fill(a.payload.Data)
}

// entropy is the picture's randomness for a salt.
func (z zooPicture) entropy() io.Reader {
	b := make([]byte, saltSize)
	z.fill(b)
	return bytes.NewReader(b)
}

// sealed measures and seals. Where it does not fit, the reference must have no place either.
func (a *agreement) sealed() bool {
	info, err := Measure(bytes.NewReader(a.carrier), Limits{})
	if err != nil {
		a.t.Fatalf("Measure: %v", err)
	}
	a.info = info
	room := a.want.room()
	if info.Window != int64(room) {
		a.t.Errorf("window %d, want %d", info.Window, room)
	}
	if int(info.Model) != int(a.want.colorType()) || info.Depth != a.want.depth {
		a.t.Errorf("%v of %d bit, want type %d of %d", info.Model, info.Depth, a.want.colorType(), a.want.depth)
	}
	a.e, err = Seal(a.payload, info, a.o)
	fits := (len(a.payload.Data)+2+tagSize)*8 <= room
	if a.o.Format == Classic {
		fits = (len(a.payload.Data)+classicHead)*8 <= 3*a.want.width*a.want.height
	}
	if (err == nil) != fits {
		a.t.Fatalf("Seal of %d bytes into %d samples: %v", len(a.payload.Data), room, err)
	}
	return fits
}

// embed embeds through a reader that gives all at once.
func (a *agreement) embed() {
	var out bytes.Buffer
	rep, err := Embed(&out, bytes.NewReader(a.carrier), a.e, EmbedOptions{})
	if err != nil {
		a.t.Fatalf("Embed: %v", err)
	}
	a.out, a.rep = out.Bytes(), rep
	if rep.Size != int64(len(a.out)) || rep.SHA256 != sha256.Sum256(a.out) {
		a.t.Errorf("the report's size %d or digest is not the output's", rep.Size)
	}
}

// pixels compares every sample, alpha too, with what the reference makes of image/png's pixels.
func (a *agreement) pixels() {
	changed := 0
	if a.o.Format == Classic {
		changed = a.want.replace(a.e.Sealed)
	} else {
		changed = a.want.hide(a.e.Sealed, int(a.e.Rate), a.e.Place, a.e.Change)
	}
	if int64(changed) != a.rep.Changed {
		a.t.Errorf("report says %d samples are changed, the reference %d", a.rep.Changed, changed)
	}
	got := readPlain(a.t, a.out)
	if got.width != a.want.width || got.height != a.want.height || got.depth != a.want.depth || got.colorType() != a.want.colorType() {
		a.t.Fatalf("output is %d x %d type %d depth %d, want %d x %d type %d depth %d", got.width, got.height, got.colorType(), got.depth,
			a.want.width, a.want.height, a.want.colorType(), a.want.depth)
	}
	for i, v := range a.want.samples {
		if got.samples[i] != v {
			n := got.channels()
			a.t.Fatalf("sample %d of pixel %d,%d is %d, the reference makes %d", i%n, i/n%got.width, i/n/got.width, got.samples[i], v)
		}
	}
}

// file checks the chunks around the pixels and the size.
func (a *agreement) file() {
	var want []chunk
	for _, c := range chunksOf(a.t, a.carrier) {
		if kept(c.kind) {
			want = append(want, c)
		}
	}
	got := chunksOf(a.t, a.out)
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i].kind != want[i].kind || got[i].kind != "IHDR" && !bytes.Equal(got[i].data, want[i].data) {
			a.t.Fatalf("chunks %v, want %v, byte for byte", kinds(got), kinds(want))
		}
	}
	for name, file := range map[string][]byte{"carrier": a.carrier, "output": a.out} {
		if _, err := strictly(pixelStream(file)); err != nil {
			a.t.Errorf("zlib would refuse the %s: %v", name, err)
		}
	}
	if ihdr := got[0].data; ihdr[12] != 0 || ihdr[10] != 0 || ihdr[11] != 0 {
		a.t.Errorf("IHDR is % x, want no interlace", ihdr)
	}
}

// pixelStream joins the data of a file's IDAT chunks.
func pixelStream(file []byte) (out []byte) {
	for b := file[8:]; len(b) >= 12; {
		n := int(binary.BigEndian.Uint32(b))
		if string(b[4:8]) == "IDAT" {
			out = append(out, b[8:8+n]...)
		}
		b = b[12+n:]
	}
	return out
}

// kept says what docs/STEGO.md §8 says of the chunks that the zoo makes.
func kept(kind string) bool {
	switch kind {
	case "tRNS", "PLTE", "xyZZ", "abZZ":
		return false
	}
	return true
}

// spliceable reports whether embedding may pass a part of the file through.
func (a *agreement) spliceable() bool { return a.info.Splices(a.e.Format) }

// untouched returns how many bytes of filtered rows lie behind all that an embedding may
// change, and behind the 32 KiB after it that later matches may refer to.
func (a *agreement) untouched() int {
	last := 8 * len(a.e.Sealed) / (3 * a.want.width)
	if a.o.Format != Classic {
		_, window := a.want.places(8*len(a.e.Sealed)-headBits, int(a.e.Rate))
		last = int(window[len(window)-1].at) / (a.want.width * a.want.channels())
	}
	return (a.want.height-1-last)*(a.info.layout().row()+1) - 1<<15
}

// passed returns how many whole IDAT chunks an embedding had only to let through, and checks that it did: those of a carrier whose
// data is also the end of the output's, but for the checksum. Some bytes in front may be alike by chance, or because they were written anew
// as they had been; those behind all that was decoded were not written.
func (a *agreement) passed() (n int) {
	const chance = 64
	was, is := idatChunks(a.carrier), idatChunks(a.out)
	same, behind := alikeAtEnd(pixelStream(a.carrier), pixelStream(a.out))-chance, -adlerSize
	same = min(same, a.undecoded())
	for k := 1; k <= len(was); k++ {
		whole := was[len(was)-k]
		size := len(whole) - 12
		if behind+size > same {
			break
		}
		if behind >= 0 {
			if k > len(is) || !bytes.Equal(whole, is[len(is)-k]) {
				a.t.Errorf("IDAT chunk %d from the end, of %d bytes, did not pass as it was", k, size)
				break
			}
			n++
		}
		behind += size
	}
	return n
}

// undecoded returns how many bytes of the carrier's pixel stream follow those that image/png's inflater takes for the rows that were made anew.
func (a *agreement) undecoded() int {
	rest := bytes.NewReader(pixelStream(a.carrier))
	z, err := zlib.NewReader(rest)
	if err == nil {
		_, err = io.CopyN(io.Discard, z, int64(a.rep.Decoded)*int64(a.info.layout().row()+1))
	}
	if err != nil {
		a.t.Fatal(err)
	}
	return rest.Len() - adlerSize
}

// alikeAtEnd returns how many bytes in front of their checksums two streams have in common.
func alikeAtEnd(p, q []byte) (n int) {
	for p, q = p[:len(p)-adlerSize], q[:len(q)-adlerSize]; n < min(len(p), len(q)) && p[len(p)-1-n] == q[len(q)-1-n]; n++ {
	}
	return n
}

// idatChunks returns a file's IDAT chunks, with length, type and CRC.
func idatChunks(file []byte) (out [][]byte) {
	for b := file[8:]; len(b) >= 12; {
		n := 12 + int(binary.BigEndian.Uint32(b))
		if string(b[4:8]) == "IDAT" {
			out = append(out, b[:n])
		}
		b = b[n:]
	}
	return out
}

// growth returns how many bytes the output has more than the carrier and what was hidden.
// Of a long payload twice its bytes are granted: to say which of six samples in a bit's share
// changes costs bits where the samples themselves cost none.
func (a *agreement) growth() int {
	n := len(a.e.Sealed)
	if n > 500 {
		n *= 2
	}
	return len(a.out) - len(a.carrier) - n
}

// again embeds through readers of other habits: the bytes must be the same.
func (a *agreement) again() {
	how := a.z.of("reader", "one-byte", "half", "late-end", "pieces", "pieces")
	r := &habitual{base: bytes.NewReader(a.carrier), habit: map[string]func(io.Reader) io.Reader{
		"one-byte": iotest.OneByteReader, "half": iotest.HalfReader, "late-end": iotest.DataErrReader,
		"pieces": func(r io.Reader) io.Reader { return &pieceReader{r, a.z.r} },
	}[how]}
	r.Reader = r.habit(r.base)
	var out bytes.Buffer
	rep, err := Embed(&out, r, a.e, EmbedOptions{})
	if err != nil || !bytes.Equal(out.Bytes(), a.out) || rep != a.rep {
		a.t.Errorf("the same embedding through a reader of kind %s differs: %v", how, err)
	}
}

// habitual is a reader of some habit that can be read again.
type habitual struct {
	io.Reader
	base  *bytes.Reader
	habit func(io.Reader) io.Reader
}

func (h *habitual) Seek(at int64, whence int) (int64, error) {
	if whence == io.SeekStart {
		defer func() { h.Reader = h.habit(h.base) }()
	}
	return h.base.Seek(at, whence)
}

// surveyed embeds in two readings, as in a picture whose window ends far away: the pixels must be the same.
func (a *agreement) surveyed() {
	if !a.info.Model.Alpha() || a.e.Format != V1 {
		return
	}
	var out bytes.Buffer
	rep, err := Embed(&out, bytes.NewReader(a.carrier), a.e, EmbedOptions{ahead: 1})
	if err != nil || rep.Changed != a.rep.Changed {
		a.t.Fatalf("the same embedding in two readings: %v, %d samples are changed, want %d", err, rep.Changed, a.rep.Changed)
	}
	confirm(a.t, a.carrier, out.Bytes(), a.e, a.payload, ExtractOptions{})
	if _, err := strictly(pixelStream(out.Bytes())); err != nil {
		a.t.Errorf("zlib would refuse the output of two readings: %v", err)
	}
}

// pieceReader gives random pieces, now and then nothing.
type pieceReader struct {
	r io.Reader
	n *rand.Rand
}

func (p *pieceReader) Read(b []byte) (int, error) {
	if len(b) == 0 || p.n.IntN(20) == 0 {
		return 0, nil
	}
	return p.r.Read(b[:1+p.n.IntN(min(len(b), 1<<p.n.IntN(14)))])
}

// interrupted cuts or damages the carrier, or breaks off reading or writing, somewhere.
func (a *agreement) interrupted() {
	lost := errors.New("connection lost")
	at := a.z.r.IntN(len(a.carrier))
	switch a.z.of("interruption", "none", "cut", "flipped", "reader", "writer") {
	case "cut":
		if _, err := Embed(io.Discard, bytes.NewReader(a.carrier[:at]), a.e, EmbedOptions{}); !typed(err) {
			a.t.Errorf("cut off at byte %d of %d: %v, want an error of the file", at, len(a.carrier), err)
		}
	case "flipped": // no byte of a PNG is without a CRC over it, or is one
		damaged := bytes.Clone(a.carrier)
		damaged[at] ^= byte(1 + a.z.r.IntN(255))
		if _, err := Embed(io.Discard, bytes.NewReader(damaged), a.e, EmbedOptions{}); !typed(err) {
			a.t.Errorf("byte %d of %d changed: %v, want an error of the file", at, len(a.carrier), err)
		}
	case "reader":
		r := io.MultiReader(bytes.NewReader(a.carrier[:at]), iotest.ErrReader(lost))
		if _, err := Embed(io.Discard, r, a.e, EmbedOptions{}); !errors.Is(err, lost) || typed(err) {
			a.t.Errorf("the reader fails at byte %d of %d: %v, want its error", at, len(a.carrier), err)
		}
	case "writer":
		at = a.z.r.IntN(len(a.out))
		if _, err := Embed(&fullWriter{at, lost}, bytes.NewReader(a.carrier), a.e, EmbedOptions{}); !errors.Is(err, lost) {
			a.t.Errorf("the writer fails at byte %d of %d: %v, want its error", at, len(a.out), err)
		}
	}
}

// fullWriter takes so many bytes.
type fullWriter struct {
	left int
	err  error
}

func (w *fullWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.left -= n
	if n < len(p) {
		return n, w.err
	}
	return n, nil
}
