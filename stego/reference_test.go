package stego

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"math/bits"
	"testing"

	"golang.org/x/crypto/chacha20"
)

// What follows is written from docs/STEGO.md alone, on pixels that image/png decodes. It
// shares nothing with the package, is slow, and holds whole pictures.

// plainPicture is a picture as numbers.
type plainPicture struct {
	width, height, colors int
	alpha                 bool
	depth                 int
	samples               []int // of all channels, pixel by pixel
}

// readPlain decodes a PNG into the output type that §2 gives it.
func readPlain(t testing.TB, file []byte) plainPicture {
	t.Helper()
	im, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatalf("image/png: %v", err)
	}
	kind, depth := file[25], int(file[24]) // in IHDR
	p := plainPicture{width: im.Bounds().Dx(), height: im.Bounds().Dy(), colors: 1, depth: max(8, depth)}
	if kind&2 != 0 {
		p.colors = 3
	}
	p.alpha = kind&4 != 0 || bytes.Contains(file[:bytes.Index(file, []byte("IDAT"))], []byte("tRNS"))
	p.samples = make([]int, 0, p.width*p.height*p.channels())
	for y := range p.height {
		for x := range p.width {
			c := exact(im, x, y)
			p.samples = append(p.samples, c[:p.colors]...)
			if p.alpha {
				p.samples = append(p.samples, c[3])
			}
		}
	}
	if p.depth == 8 {
		for i := range p.samples {
			p.samples[i] >>= 8
		}
	}
	return p
}

// exact returns a pixel's R, G, B, A in 16 bits, not premultiplied.
func exact(im image.Image, x, y int) [4]int {
	four := func(r, g, b, a uint16) [4]int { return [4]int{int(r), int(g), int(b), int(a)} }
	switch im := im.(type) {
	case *image.NRGBA:
		p := im.Pix[im.PixOffset(x, y):]
		return four(wide(p[0]), wide(p[1]), wide(p[2]), wide(p[3]))
	case *image.NRGBA64:
		p := im.NRGBA64At(x, y)
		return four(p.R, p.G, p.B, p.A)
	case *image.Gray:
		v := wide(im.GrayAt(x, y).Y)
		return four(v, v, v, 0xffff)
	case *image.Gray16:
		v := im.Gray16At(x, y).Y
		return four(v, v, v, 0xffff)
	case *image.Paletted:
		if p, ok := im.At(x, y).(color.NRGBA); ok {
			return four(wide(p.R), wide(p.G), wide(p.B), wide(p.A))
		}
	}
	r, g, b, a := im.At(x, y).RGBA() // opaque: nothing is premultiplied
	return [4]int{int(r), int(g), int(b), int(a)}
}

// channels counts alpha too.
func (p plainPicture) channels() int {
	if p.alpha {
		return p.colors + 1
	}
	return p.colors
}

// usable lists the usable samples in raster order, and where each row ends in the list (§2).
func (p plainPicture) usable() (list []usableSample, ends []int) {
	n := p.channels()
	list = make([]usableSample, 0, p.width*p.height*p.colors)
	for pixel := range p.width * p.height {
		if begin := pixel * n; !p.alpha || p.samples[begin+n-1] != 0 {
			for c := range p.colors {
				list = append(list, usableSample{at: int32(begin + c), index: int32(pixel*p.colors + c)})
			}
		}
		if (pixel+1)%p.width == 0 {
			ends = append(ends, len(list))
		}
	}
	return list, ends
}

type usableSample struct{ at, index int32 }

// places are the samples of head and window (§4), nil where the picture ends too early.
func (p plainPicture) places(boxBits, rate int) (head, window []usableSample) {
	const headSamples = 384
	list, ends := p.usable()
	if len(list) < headSamples {
		return nil, nil
	}
	end := len(list)
	for y := len(ends) - 1; rate > 0 && y >= 0 && ends[y]-headSamples >= rate*boxBits; y-- {
		end = ends[y]
	}
	window = list[headSamples:end]
	if len(window) < max(1, rate)*boxBits {
		return list[:headSamples], nil
	}
	return list[:headSamples], window
}

// room counts the usable samples that can belong to a window (§4).
func (p plainPicture) room() int {
	_, window := p.places(0, 0)
	return len(window)
}

// hide embeds v1 (§4 to §6) and returns how many samples are changed, −1 where it does not fit.
func (p plainPicture) hide(sealed []byte, rate int, place, change [32]byte) int {
	const headBytes = 48
	box := sealed[headBytes:]
	head, window := p.places(8*len(box), rate)
	if window == nil {
		return -1
	}
	signs := chacha(change, (p.width*p.height*p.colors+7)/8)
	changed := 0
	put := func(s usableSample, want int) {
		v := &p.samples[s.at]
		if *v&1 == want {
			return
		}
		changed++
		switch {
		case *v == 0:
			*v = 1
		case *v == 1<<p.depth-1:
			*v--
		case signs[s.index/8]>>(s.index%8)&1 == 1:
			*v++
		default:
			*v--
		}
	}
	for i, s := range head {
		put(s, bitOf(sealed, i))
	}
	for _, w := range codewordsOf(window, 8*len(box), place) {
		syndrome, want := 0, 0
		for m, s := range w.samples {
			if p.samples[s.at]&1 == 1 {
				syndrome ^= m + 1
			}
		}
		for i := range w.k {
			want <<= 1
			if at := w.chunk*w.k + i; at < 8*len(box) {
				want |= bitOf(box, at)
			}
		}
		if m := syndrome ^ want; m != 0 {
			s := w.samples[m-1]
			put(s, 1-p.samples[s.at]&1)
		}
	}
	return changed
}

// plainCodeword is one codeword of §4.
type plainCodeword struct {
	k, chunk int
	samples  []usableSample
}

// codewordsOf divides a window (§4).
func codewordsOf(window []usableSample, boxBits int, place [32]byte) (list []plainCodeword) {
	k, count := 0, 0
	for try := 1; try <= 8; try++ {
		if n := (boxBits + try - 1) / try; n*(1<<try-1) <= len(window) {
			k, count = try, n
		}
	}
	n, each := 1<<k-1, len(window)/count
	at, f := placement(uint64(count), place), mixing(place)
	for j := range count {
		begin := j*each + int(f(6, uint64(j))>>32*uint64(each-n+1)/(1<<32))
		list = append(list, plainCodeword{k: k, chunk: int(at(uint64(j))), samples: window[begin : begin+n]})
	}
	return list
}

// bitOf returns bit i, the most significant of each byte first.
func bitOf(b []byte, i int) int { return int(b[i/8] >> (7 - i%8) & 1) }

// chacha is ChaCha20's stream under a nonce of zeros from counter 0.
func chacha(k [32]byte, n int) []byte {
	c, err := chacha20.NewUnauthenticatedCipher(k[:], make([]byte, 12))
	if err != nil {
		panic(err)
	}
	out := make([]byte, n)
	c.XORKeyStream(out, out)
	return out
}

// mixing is F of §5.
func mixing(place [32]byte) func(r int, x uint64) uint64 {
	stream := chacha(place, 112)
	return func(r int, x uint64) uint64 {
		a, c := binary.LittleEndian.Uint64(stream[16*r:]), binary.LittleEndian.Uint64(stream[16*r+8:])
		x = (x ^ a) * 0x9E3779B97F4A7C15
		x = x ^ x>>32
		x = (x + c) * 0xD6E8FEB86659FD93
		return x ^ x>>32
	}
}

// placement is P of §5.
func placement(n uint64, place [32]byte) func(i uint64) uint64 {
	b := max(2, bits.Len64(n-1))
	l := (b + 1) / 2
	h := b - l
	f := mixing(place)
	once := func(x uint64) uint64 {
		low, high := x%(1<<l), x>>l
		for _, r := range []int{0, 2, 4} {
			high ^= f(r, low) % (1 << h)
			low ^= f(r+1, high) % (1 << l)
		}
		return high<<l + low
	}
	return func(i uint64) uint64 {
		x := once(i)
		for x >= n {
			x = once(x)
		}
		return x
	}
}

// replace embeds classic (§7): gray becomes RGB first.
func (p *plainPicture) replace(sealed []byte) int {
	if p.colors == 1 {
		p.widen()
	}
	n := p.channels()
	changed := 0
	for i := range 8 * len(sealed) {
		v := &p.samples[i/3*n+i%3]
		if *v&1 != bitOf(sealed, i) {
			*v ^= 1
			changed++
		}
	}
	return changed
}

// widen makes RGB of gray.
func (p *plainPicture) widen() {
	var out []int
	for i := 0; i < len(p.samples); i += p.channels() {
		v := p.samples[i]
		out = append(out, v, v, v)
		if p.alpha {
			out = append(out, p.samples[i+1])
		}
	}
	p.colors, p.samples = 3, out
}

// colorType is the PNG colour type of the picture.
func (p plainPicture) colorType() byte {
	kind := byte(p.colors &^ 1) // 1: 0, 3: 2
	if p.alpha {
		kind |= 4
	}
	return kind
}
