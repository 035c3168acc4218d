package stego

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image/png"
	"math/rand"
	"os"
	"path/filepath"
	"testing"
)

// FuzzPNG says: a file that we take, image/png takes too, and both see the same
// pixels; a file that we refuse is refused with an error a user can be told. The
// CRCs are made right first, or no change would get past them.
func FuzzPNG(f *testing.F) {
	for name, file := range goodImages(f) {
		if filepath.Ext(name) == ".png" && len(file) < 1000 {
			f.Add(file)
		}
	}
	bad, err := filepath.Glob(filepath.Join(imageDir, "corrupt", "*.png"))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range bad {
		file, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if !bytes.HasPrefix(file, []byte(pngMagic)) {
			return
		}
		file = resummed(file)
		info, err := Probe(bytes.NewReader(file), Limits{MaxPixels: 1 << 16})
		if err != nil {
			if !typed(err) {
				t.Fatalf("Probe: %v", err)
			}
			return
		}
		pixels, err := decode(file)
		if err != nil {
			if !typed(err) {
				t.Fatalf("decode: %v", err)
			}
			return
		}
		samePixels(t, file, pixels, info.layout())
	})
}

// resummed is a PNG file with every CRC made right, as far as there are chunks.
func resummed(file []byte) []byte {
	out := bytes.Clone(file[:8])
	for b := file[8:]; len(b) >= 12; {
		n := binary.BigEndian.Uint32(b)
		if int64(n) > int64(len(b)-12) {
			return append(out, b...)
		}
		out = append(out, chunkBytes(string(b[4:8]), b[8:8+n])...)
		b = b[12+n:]
	}
	return out
}

// decode reads all rows of a file.
func decode(file []byte) ([]byte, error) {
	c, err := open(bytes.NewReader(file), Limits{MaxPixels: 1 << 16})
	if err != nil {
		return nil, err
	}
	row, out := make([]byte, c.info.layout().row()), []byte(nil)
	for range c.info.Height {
		if err := c.rows.next(row); err != nil {
			return nil, err
		}
		out = append(out, row...)
	}
	return out, c.rows.finish()
}

// samePixels compares rows with what the standard library decodes.
func samePixels(t *testing.T, file, rows []byte, l layout) {
	std, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatalf("image/png refuses what we took: %v", err)
	}
	for y := range l.height {
		for x := range l.width {
			p, at := straight(std, x, y), (y*l.width+x)*l.pixel()
			want := []uint16{p.R, p.G, p.B, p.A}
			switch l.model {
			case Gray:
				want = []uint16{p.R}
			case GrayAlpha:
				want = []uint16{p.R, p.A}
			case RGB:
				want = want[:3]
			}
			for i, w := range want {
				s := rows[at+i*l.sample():]
				if s[0] != byte(w>>8) || l.depth == 16 && s[1] != byte(w) {
					t.Fatalf("pixel %d,%d: % x, image/png says %x", x, y, rows[at:at+l.pixel()], want)
				}
			}
		}
	}
}

// FuzzCarrier says: any file of any type is measured, read through for a payload and embedded in, or is refused with an
// error a user can be told, within its limits; and what embedding makes is found again, and no larger than a header allows.
func FuzzCarrier(f *testing.F) {
	for _, file := range goodImages(f) {
		if len(file) < 4000 {
			f.Add(file)
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) > 10_000 {
			return
		}
		lim := Limits{MaxPixels: 1 << 14}
		info, err := Measure(bytes.NewReader(file), lim)
		if err != nil {
			if !typed(err) {
				t.Fatalf("Measure: %v", err)
			}
			return
		}
		if int64(info.Width)*int64(info.Height) > lim.MaxPixels {
			t.Fatalf("%d x %d pixels were measured", info.Width, info.Height)
		}
		if _, _, err := Extract(bytes.NewReader(file), ExtractOptions{Limits: lim}); err != nil && !errors.Is(err, ErrNoPayload) && !typed(err) {
			t.Fatalf("Extract: %v", err)
		}
		p := Payload{Kind: Text, Data: []byte("x")}
		e, err := Seal(p, info, SealOptions{Entropy: rand.New(rand.NewSource(1))})
		if err != nil {
			return // too small, or nothing in it may be changed
		}
		var out bytes.Buffer
		if _, err := Embed(&out, bytes.NewReader(file), e, EmbedOptions{Limits: lim}); err != nil {
			if !typed(err) { // not all that is measured is read to its end
				t.Fatalf("Embed: %v", err)
			}
			return
		}
		probed, err := Probe(bytes.NewReader(file), lim)
		if most := probed.Largest(int64(len(file))); err != nil || int64(out.Len()) > most {
			t.Fatalf("output of %d bytes, Largest = %d, %v", out.Len(), most, err)
		}
		if got, _, err := Extract(bytes.NewReader(out.Bytes()), ExtractOptions{}); err != nil || string(got.Data) != "x" {
			t.Fatalf("Extract finds %q, %v", got.Data, err)
		}
	})
}

// FuzzContent says: what was sealed by the right key but by a hostile hand never
// panics nor grows, and what parses seals to the same again.
func FuzzContent(f *testing.F) {
	for _, p := range []Payload{{Kind: Text, Data: []byte("hello")}, {Kind: File, Name: "a.txt", Data: bytes.Repeat([]byte("x"), 300)}} {
		raw, err := p.content()
		if err != nil {
			f.Fatal(err)
		}
		packed, codec := pack(raw)
		f.Add(header{kind: p.Kind, codec: codec, rate: 10, raw: uint32(len(raw)), box: uint32(len(packed) + tagSize)}.append(nil), packed)
	}
	f.Fuzz(func(t *testing.T, head, packed []byte) {
		if len(head) != headerSize {
			return
		}
		h, err := parseHeader(head)
		if err != nil || h.raw > 1<<20 {
			return
		}
		raw, err := unpack(packed, h.codec, h.raw)
		if err != nil {
			return
		}
		p, err := parseContent(h.kind, raw)
		if err != nil {
			return
		}
		if again, err := p.content(); err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("content of %q is not what it was parsed from: %v", p.Name, err)
		}
	})
}

// FuzzEmbed says: whatever fits into a random image of any type comes back, and
// image/png sees that nothing else changed.
func FuzzEmbed(f *testing.F) {
	f.Add(uint8(40), uint8(30), uint8(2), uint8(8), false, false, int64(1), []byte("hello"))
	f.Add(uint8(99), uint8(9), uint8(6), uint8(16), true, true, int64(2), []byte("hello"))
	f.Add(uint8(255), uint8(3), uint8(3), uint8(4), true, false, int64(3), []byte(""))
	f.Add(uint8(130), uint8(4), uint8(4), uint8(8), false, true, int64(4), bytes.Repeat([]byte{0xaa}, 20))
	f.Fuzz(func(t *testing.T, width, height, kind, depth uint8, interlaced, spread bool, seed int64, data []byte) {
		r := rand.New(rand.NewSource(seed))
		s := pngSpec{width: int(width), height: int(height), kind: kind, depth: int(depth), interlaced: interlaced, seed: seed, palette: colors16()}
		if !s.head().legal() || width == 0 || height == 0 || len(data) > 2000 {
			return
		}
		if s.kind != typePalette {
			s.palette = nil
		} else if s.depth < 4 {
			s.palette = s.palette[:3<<s.depth]
		}
		carrier := s.encode()
		info, err := Measure(bytes.NewReader(carrier), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		p := Payload{Kind: File, Name: "f", Data: data}
		e, err := Seal(p, info, SealOptions{Spread: spread, Entropy: r})
		if err != nil {
			if most := info.Capacity(V1).Bytes; !sameCapacity(err, CapacityError{Need: int64(len(data) + 3), Have: most}) && len(data)+3 <= int(most) {
				t.Fatalf("Seal: %v, but %d bytes fit", err, most)
			}
			return
		}
		var out bytes.Buffer
		rep, err := Embed(&out, bytes.NewReader(carrier), e, EmbedOptions{})
		if err != nil {
			t.Fatal(err)
		}
		confirm(t, carrier, out.Bytes(), e, p, ExtractOptions{})
		sameButLowest(t, carrier, out.Bytes(), rep, false)
	})
}
