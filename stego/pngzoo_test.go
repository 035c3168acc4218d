package stego

import (
	"math"
	"math/rand/v2"
	"slices"
)

// zooPicture is one PNG of the zoo: every type, filter, kind of block and division there is.
type zooPicture struct {
	*choices
	spec  pngSpec
	photo bool // photo: like a photograph, and spliced
}

// drawPicture chooses a picture.
func drawPicture(c *choices) zooPicture {
	s := pngSpec{}
	z := zooPicture{choices: c}
	z.drawType(&s)
	z.drawSize(&s)
	z.drawContent(&s)
	z.drawFilter(&s)
	z.drawChunks(&s)
	plan := drawPlan(c)
	division := c.of("idat", "one", "single-bytes", "with-empty-ones", "in-the-frame", "8-KiB", "random")
	s.pieces = func(lines []byte) [][]byte {
		stream := &stream{choices: c, raw: lines, plan: plan}
		return z.divide(stream.zlib(), division)
	}
	z.spec = s
	return z
}

// drawType chooses colour type, depth and what needs the whole picture.
func (z *zooPicture) drawType(s *pngSpec) {
	name := z.of("type", "gray8", "gray16", "graya8", "graya16", "rgb8", "rgb16", "rgba8", "rgba16",
		"gray8", "gray16", "graya8", "graya16", "rgb8", "rgb16", "rgba8", "rgba16",
		"gray1", "gray2", "gray4", "palette1", "palette2", "palette4", "palette8")
	kinds := map[string]byte{"gray": 0, "rgb": 2, "palette": 3, "graya": 4, "rgba": 6}
	digits := 1
	if name[len(name)-2:] == "16" {
		digits = 2
	}
	s.kind = kinds[name[:len(name)-digits]]
	for _, d := range name[len(name)-digits:] {
		s.depth = s.depth*10 + int(d-'0')
	}
	s.interlaced = z.of("interlaced", "no", "no", "no", "no", "no", "no", "no", "yes") == "yes"
	transparent := z.of("tRNS", "no", "no", "no", "no", "yes") == "yes"
	switch {
	case s.kind == typePalette:
		s.palette = make([]byte, 3*(1+z.r.IntN(1<<s.depth)))
		z.fill(s.palette)
		if transparent {
			s.trns = make([]byte, 1+z.r.IntN(len(s.palette)/3))
			z.fill(s.trns)
			s.trns[0] = 0
		}
	case transparent && s.kind < 4:
		s.trns = make([]byte, 2*Model(s.kind).Colors()) // of a pixel: drawContent
	}
}

// noise returns a generator for what is no choice: a fuzzer's bytes are too good for it.
func (z *zooPicture) noise() *rand.Rand { return rand.New(rand.NewPCG(z.r.Uint64(), 3)) }

// fill makes random bytes.
func (z *zooPicture) fill(b []byte) {
	r := z.noise()
	for i := range b {
		b[i] = byte(r.Uint32())
	}
}

// drawSize chooses width and height. Of the large ones the greatest part of the stream lies
// behind all that an embedding touches.
func (z *zooPicture) drawSize(s *pngSpec) {
	between := func(least, most int) int { return least + z.r.IntN(most-least+1) }
	switch z.of("size", "tiny", "one-row", "one-column", "small", "small", "large", "large", "large", "large", "large") {
	case "tiny":
		s.width, s.height = between(1, 24), between(1, 24)
	case "one-row":
		s.width, s.height = between(1, 3000), 1
	case "one-column":
		s.width, s.height = 1, between(1, 3000)
	case "small":
		s.width, s.height = between(20, 120), between(20, 120)
	case "large":
		bytes := between(z.large/2, z.large)
		s.width = between(60, 500)
		s.height = max(1, bytes/s.head().rowBytes(int64(s.width)))
		s.height = min(s.height, 1200)
	}
}

// drawContent chooses what is to be seen.
func (z *zooPicture) drawContent(s *pngSpec) {
	name := z.of("content", "noise", "photo", "photo", "photo", "flat", "screenshot", "screenshot", "zero", "most")
	value := z.content(name)
	shift, most := 16-s.depth, 1<<s.depth-1
	channels := s.head().bits() / s.depth
	clear := func(x, y int) int { return most }
	if channels%2 == 0 {
		clear = z.clearing(s)
	}
	s.sample = func(x, y, c int) int {
		if channels%2 == 0 && c == channels-1 {
			return min(most, clear(x, y))
		}
		return value(x, y, c) >> shift
	}
	if s.kind != typePalette && s.trns != nil {
		x, y := z.r.IntN(s.width), z.r.IntN(s.height)
		for c := range len(s.trns) / 2 {
			v := s.sample(x, y, c)
			s.trns[2*c], s.trns[2*c+1] = byte(v>>8), byte(v)
		}
	}
	z.photo = name == "photo" && s.depth >= 8 && s.kind != typePalette && s.trns == nil && !s.interlaced
}

// content returns samples of 16 bits.
func (z *zooPicture) content(name string) func(x, y, c int) int {
	one := z.r.IntN(1 << 16)
	table, r := make([]int, 4099), z.noise()
	for i := range table {
		table[i] = r.IntN(1 << 16)
	}
	switch name {
	case "noise":
		return func(x, y, c int) int { return table[(x*1009+y*31*x+y*2003+c*101)%len(table)] }
	case "photo":
		return scene(int64(one))
	case "screenshot": // a border, and glyphs of two colours that come again
		return func(x, y, c int) int {
			if x%97 < 20 || y%61 < 9 || table[(x%11)*13+y%13+y/61]&3 != 0 {
				return one &^ 0xff
			}
			return table[c] &^ 0xff
		}
	case "zero":
		return func(x, y, c int) int { return 0 }
	case "most":
		return func(x, y, c int) int { return 0xffff }
	}
	return func(x, y, c int) int { return one }
}

// clearing returns alpha.
func (z *zooPicture) clearing(s *pngSpec) func(x, y int) int {
	half := s.height / 2
	switch z.of("alpha", "opaque", "opaque", "spots", "spots", "top-clear", "glass", "all-clear") {
	case "spots":
		table, r := make([]int, 997), z.noise()
		for i := range table {
			table[i] = r.IntN(1<<16) * r.IntN(2)
		}
		return func(x, y int) int { return table[(x/3*31+y/2*17+x*y/50)%len(table)] }
	case "top-clear":
		return func(x, y int) int { return max(0, y-half) * 0xffff }
	case "all-clear":
		return func(x, y int) int { return 0 }
	case "glass":
		return func(x, y int) int { return 1 }
	}
	return func(x, y int) int { return 0xffff }
}

// drawFilter chooses the filter of each row.
func (z *zooPicture) drawFilter(s *pngSpec) {
	switch name := z.of("filter", "0", "1", "2", "3", "4", "random", "least"); name {
	case "random":
		s.filter = func([]byte, []byte, int) byte { return byte(z.r.IntN(5)) }
	case "least":
		s.filter = leastFilter
	default:
		s.filter = func([]byte, []byte, int) byte { return name[0] - '0' }
	}
}

// leastFilter is what most encoders do: the filter whose line has the least sum of
// absolute values (PNG §12.7).
func leastFilter(cur, prior []byte, step int) (best byte) {
	least := math.MaxInt
	for f := range byte(5) {
		sum := 0
		for _, v := range appendFiltered(nil, f, cur, prior, step)[1:] {
			sum += int(max(int8(v), -int8(v)))
		}
		if sum < least {
			best, least = f, sum
		}
	}
	return best
}

// drawChunks puts chunks before and behind the pixels.
func (z *zooPicture) drawChunks(s *pngSpec) {
	if z.of("metadata", "no", "no", "yes") == "no" {
		return
	}
	s.before = append(slices.Clone(tags), chunk{"xyZz", []byte("safe to copy")}, chunk{"xyZZ", []byte("not safe")})
	s.after = []chunk{{"tIME", []byte{7, 231, 1, 2, 3, 4, 5}}, {"tEXt", []byte("Comment\x00behind the pixels")}, {"abZZ", nil}}
}

// divide cuts a zlib stream into the data of IDAT chunks.
func (z *zooPicture) divide(b []byte, how string) [][]byte {
	const singles = 3000 // chunks of one byte cost thirteen each
	var out [][]byte
	for len(b) > 0 {
		n := len(b)
		switch how {
		case "single-bytes":
			if len(out) < singles || len(b) <= 10 {
				n = 1
			} else {
				n -= 10
			}
		case "with-empty-ones":
			n = 1 + z.r.IntN(3000)
		case "in-the-frame": // inside the header of two bytes, and inside the Adler-32
			n = max(1, len(b)-1-z.r.IntN(3))
			if out == nil || len(b) <= 3 {
				n = 1
			}
		case "8-KiB":
			n = 8 << 10
		case "random":
			n = 1 + z.r.IntN(1<<(1+z.r.IntN(16)))
		}
		n = min(n, len(b))
		out = append(out, b[:n])
		b = b[n:]
		for how == "with-empty-ones" && z.r.IntN(2) == 0 {
			out = append(out, nil)
		}
	}
	if how == "with-empty-ones" {
		out = append([][]byte{nil}, out...)
	}
	return out
}
