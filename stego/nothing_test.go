package stego

import (
	"io"
	"math/rand"
	"testing"
)

// noise is an image of random rows, without a file around it.
type noise struct{ r *rand.Rand }

func (n noise) next(dst []byte) error { n.r.Read(dst); return nil }
func (noise) finish() error           { return nil }

// memory is an image of rows that are there already.
type memory struct{ list [][]byte }

func (m *memory) next(dst []byte) error {
	if len(m.list) == 0 {
		return io.EOF
	}
	copy(dst, m.list[0])
	m.list = m.list[1:]
	return nil
}
func (*memory) finish() error { return nil }

// fixed hands out the same keys whatever the salt, so that no test pays for Argon2.
func fixed(k keys) func([]byte) keys { return func([]byte) keys { return k } }

// randomKeys are keys that no passphrase led to.
func randomKeys(r *rand.Rand) keys {
	var master [32]byte
	r.Read(master[:])
	return expandKeys(master[:])
}

func TestNothingIsFoundInCleanImages(t *testing.T) {
	const images = 5000
	r := rand.New(rand.NewSource(42))
	for i := range images {
		info := Info{Width: 16 + r.Intn(30), Height: 16 + r.Intn(30), Model: []Model{Gray, RGB, GrayAlpha, RGBA}[i%4], Depth: 8 << (i / 4 % 2)}
		c := &carrier{info: info, rows: noise{r}, meta: &metadata{}}
		if p, _, err := c.extract(fixed(randomKeys(r))); !isNoPayload(err) {
			t.Fatalf("seed 42, image %d: found %q, %v", i, p.Data, err)
		}
	}
}

func TestNothingIsFoundWithWrongKeys(t *testing.T) {
	const tries = 5000
	r := rand.New(rand.NewSource(43))
	info := Info{Width: 40, Height: 30, Model: RGB, Depth: 8}
	info.count()
	right := randomKeys(r)
	rows := woven(t, info, right, []byte("secret"), r)
	for i := range tries {
		c := &carrier{info: info, rows: &memory{rows}, meta: &metadata{}}
		if p, _, err := c.extract(fixed(randomKeys(r))); !isNoPayload(err) {
			t.Fatalf("seed 43, try %d: found %q, %v", i, p.Data, err)
		}
	}
	c := &carrier{info: info, rows: &memory{rows}, meta: &metadata{}}
	if p, _, err := c.extract(fixed(right)); err != nil || string(p.Data) != "secret" {
		t.Errorf("right keys: %q, %v", p.Data, err)
	}
}

// woven is a random image with a text sealed under k in it.
func woven(t *testing.T, info Info, k keys, text []byte, r *rand.Rand) [][]byte {
	t.Helper()
	h := header{kind: Text, rate: 2, raw: uint32(len(text)), box: uint32(len(text) + tagSize)}
	sealed := k.head.seal(make([]byte, saltSize), h.append(nil), labelHead, info)
	sealed = k.seal.seal(sealed, text, labelSeal, info)
	w := newWeaver(noise{r}, info.layout(), &Embedding{Format: V1, Rate: 2, Sealed: sealed, Place: k.place, Change: k.change})
	var out [][]byte
	for range info.Height {
		row := make([]byte, w.l.row())
		if err := w.next(row); err != nil {
			t.Fatal(err)
		}
		out = append(out, row)
	}
	return out
}

func TestAnyFlippedBitOfThePayloadIsNoticed(t *testing.T) {
	r := rand.New(rand.NewSource(44))
	info := Info{Width: 40, Height: 30, Model: RGB, Depth: 8}
	info.count()
	k := randomKeys(r)
	rows := woven(t, info, k, []byte("secret"), r)
	noticed := 0
	for y := range rows {
		for x := range rows[y] {
			rows[y][x] ^= 1
			c := &carrier{info: info, rows: &memory{rows}, meta: &metadata{}}
			p, _, err := c.extract(fixed(k))
			switch {
			case err != nil:
				noticed++
			case string(p.Data) != "secret":
				t.Fatalf("sample %d of row %d flipped: read %q", x, y, p.Data)
			}
			rows[y][x] ^= 1
		}
	}
	// The fixed keys do not depend on the salt, so its 128 samples are not noticed; nor is, among the 59 codewords of 7 samples for 176 bits,
	// the one whose number is the bit beyond them.
	if want := headBits - 8*saltSize + 59*7 - 1; noticed != want {
		t.Errorf("%d flips noticed, want %d", noticed, want)
	}
}
