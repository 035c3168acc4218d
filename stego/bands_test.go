package stego

import (
	"bytes"
	"errors"
	"hash/adler32"
	"image/png"
	"io"
	"math/rand"
	"testing"
)

// made are rows by a function of their number.
type made struct {
	y    int
	fill func(dst []byte, y int)
	fail int // the row that cannot be read; 0: none
}

var errRow = errors.New("row cannot be read")

func (m *made) next(dst []byte) error {
	if m.fail != 0 && m.y == m.fail {
		return errRow
	}
	m.fill(dst, m.y)
	m.y++
	return nil
}

func (m *made) finish() error { return nil }

// patchwork is rows that want every filter, and matching in some bands.
func patchwork(seed int64) *made {
	rnd := rand.New(rand.NewSource(seed))
	tile := make([]byte, 8192)
	rnd.Read(tile)
	return &made{fill: func(dst []byte, y int) {
		for x := range dst {
			switch v := y / 90 % 6; v {
			case 0: // noise that comes again
				dst[x] = tile[(x+y/3*40)%len(tile)]
			case 1:
				dst[x] = byte(rnd.Intn(256))
			case 2:
				dst[x] = byte(x/3 + y*2 + rnd.Intn(3))
			case 3:
				dst[x] = byte(x / 90 % 2 * 200)
			case 4:
				dst[x] = byte(rnd.NormFloat64()*4) + byte(y)
			default:
				dst[x] = tile[x%len(tile)] + byte(rnd.Intn(2))
			}
		}
	}}
}

// encodeRows writes a PNG of rows.
func encodeRows(t testing.TB, w io.Writer, l layout, from rows, cores int) error {
	t.Helper()
	p := newPNGWriter(w, l)
	p.header()
	if err := p.rows(from, cores); err != nil {
		return err
	}
	p.end()
	return p.err
}

// TestCoresDoNotShowInTheFile makes one picture of several bands many times, with buffers used before and not.
func TestCoresDoNotShowInTheFile(t *testing.T) {
	l := layout{width: 700, height: 1100, model: RGB, depth: 8}
	var want bytes.Buffer
	if err := encodeRows(t, &want, l, patchwork(1), 1); err != nil {
		t.Fatal(err)
	}
	for _, cores := range []int{0, 2, 3, 8, 2} {
		other := layout{width: 100, height: 900 * cores, model: RGBA, depth: 16}
		if other.height > 0 {
			if err := encodeRows(t, io.Discard, other, patchwork(int64(cores)), cores); err != nil {
				t.Fatal(err)
			}
		}
		var got bytes.Buffer
		if err := encodeRows(t, &got, l, patchwork(1), cores); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Fatalf("on %d cores: %d bytes that are not the %d of one core", cores, got.Len(), want.Len())
		}
	}
	if _, err := png.Decode(bytes.NewReader(want.Bytes())); err != nil {
		t.Errorf("png.Decode: %v", err)
	}
	file, rows := want.Bytes(), patchwork(1)
	got, err := decodeAll(file)
	if err != nil {
		t.Fatal(err)
	}
	row := make([]byte, l.row())
	for y := range l.height {
		rows.next(row)
		if !bytes.Equal(row, got[y*len(row):(y+1)*len(row)]) {
			t.Fatalf("row %d is not what was written", y)
		}
	}
}

// decodeAll returns the rows of a file of any size.
func decodeAll(file []byte) ([]byte, error) {
	c, err := open(bytes.NewReader(file), Limits{})
	if err != nil {
		return nil, err
	}
	all := make([]byte, c.info.layout().row()*c.info.Height)
	for y := range c.info.Height {
		if err := c.rows.next(all[y*c.info.layout().row():][:c.info.layout().row()]); err != nil {
			return nil, err
		}
	}
	return all, c.rows.finish()
}

// stuck takes some bytes and then no more.
type stuck struct{ left int }

var errStuck = errors.New("disk full")

func (s *stuck) Write(p []byte) (int, error) {
	if s.left -= len(p); s.left < 0 {
		return 0, errStuck
	}
	return len(p), nil
}

func TestBandsStopWhereReadingOrWritingDoes(t *testing.T) {
	l := layout{width: 700, height: 3000, model: RGB, depth: 8}
	for _, cores := range []int{1, 2, 4} {
		broken := patchwork(2)
		broken.fail = 1234
		if err := encodeRows(t, io.Discard, l, broken, cores); err != errRow {
			t.Errorf("on %d cores, a row that cannot be read: %v, want %v", cores, err, errRow)
		}
		from := patchwork(3)
		if err := encodeRows(t, &stuck{left: 700_000}, l, from, cores); err != errStuck {
			t.Errorf("on %d cores, a writer that fails: %v, want %v", cores, err, errStuck)
		}
		if from.y == l.height {
			t.Errorf("on %d cores: all %d rows were read for a writer that takes a tenth", cores, from.y)
		}
	}
}

func TestJoinedAdlerIsThatOfTheWhole(t *testing.T) {
	rnd := rand.New(rand.NewSource(4))
	data := make([]byte, 200_000)
	rnd.Read(data)
	for i := range 200 {
		n := rnd.Intn(len(data))
		at := []int{0, n, rnd.Intn(n + 1)}[i%3]
		got := joinAdler(adler32.Checksum(data[:at]), adler32.Checksum(data[at:n]), n-at)
		if want := adler32.Checksum(data[:n]); got != want {
			t.Fatalf("joinAdler at %d of %d = %08x, want %08x", at, n, got, want)
		}
	}
}

// TestMatchesLookBackIntoTheBandBefore writes noise whose second band repeats the end of the first.
func TestMatchesLookBackIntoTheBandBefore(t *testing.T) {
	noise := make([]byte, 4096)
	rand.New(rand.NewSource(5)).Read(noise)
	l := layout{width: 4096, height: 2 * bandSize / 4096, model: Gray, depth: 8}
	half := l.height / 2
	b := new(band)
	b.begin(l, nil)
	next := new(band)
	repeat := &made{fill: func(dst []byte, y int) { copy(dst, noise[y%2*7:]) }}
	for _, one := range []*band{b, next} {
		if one == next {
			one.begin(l, b)
		}
		if err := one.read(repeat, repeat.y); err != nil || one.n != half {
			t.Fatalf("read %d rows, %v; want %d", one.n, err, half)
		}
		one.deflate()
	}
	if first, second := b.out.Len(), next.out.Len(); second > first-len(noise)*9/10 {
		t.Errorf("bands of %d and %d bytes: the second did not look back", first, second)
	}
}

func TestCodeLengthsAreThoseOfHuffman(t *testing.T) {
	var tr tree
	var count [256]int32
	var bits [256]uint8
	for v, n := range map[int]int32{7: 1, 9: 1, 200: 2, 0: 4, 255: 8} {
		count[v] = n
	}
	tr.lengths(&count, &bits)
	for v, want := range map[int]uint8{7: 4, 9: 4, 200: 3, 0: 2, 255: 1, 1: 0} {
		if bits[v] != want {
			t.Errorf("code of %d has %d bits, want %d", v, bits[v], want)
		}
	}
	rnd := rand.New(rand.NewSource(6))
	for range 200 { // Kraft: what has codes fills the code space exactly
		for v := range count {
			count[v] = int32(rnd.ExpFloat64() * float64(rnd.Intn(900)))
		}
		tr.lengths(&count, &bits)
		sum := 0.0
		for v, b := range bits {
			if (b > 0) != (count[v] > 0) {
				t.Fatalf("value %d occurs %d times and has %d bits", v, count[v], b)
			}
			if b > 0 {
				sum += 1 / float64(uint64(1)<<b)
			}
		}
		if sum != 1 {
			t.Fatalf("codes fill %v of their space", sum)
		}
	}
	count, bits = [256]int32{3: 9}, [256]uint8{}
	if tr.lengths(&count, &bits); bits[3] != 1 {
		t.Errorf("the only value has %d bits, want 1", bits[3])
	}
}
