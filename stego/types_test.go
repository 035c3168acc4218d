package stego

import (
	"bytes"
	"fmt"
	"testing"
)

// everyPNGType is each legal pair of colour type and depth, each interlaced and not, with tRNS and without.
func everyPNGType() map[string]pngSpec {
	out := map[string]pngSpec{}
	for _, kind := range []byte{0, 2, 3, 4, 6} {
		for _, depth := range []int{1, 2, 4, 8, 16} {
			for _, interlaced := range []bool{false, true} {
				s := pngSpec{kind: kind, depth: depth, interlaced: interlaced, seed: int64(depth)}
				if !s.head().legal() {
					continue
				}
				name := fmt.Sprintf("type%d/%d", kind, depth)
				if interlaced {
					name += "/interlaced"
				}
				if kind == typePalette {
					s.palette = colors16()[:min(48, 3<<depth)]
				}
				out[name] = s
				if kind < 4 {
					s.trns = map[byte][]byte{0: {0, 1}, 2: {0, 1, 0, 1, 0, 1}, 3: {7, 0}}[kind]
					s.sample = func(x, y, c int) int { return x*y/3 + c*x/5 + 1 }
					out[name+"/tRNS"] = s
				}
			}
		}
	}
	return out
}

// TestEveryPNGTypeIsReadAndWrittenAsImagePNGHasIt takes sizes at which passes are empty and words end amid a pixel.
func TestEveryPNGTypeIsReadAndWrittenAsImagePNGHasIt(t *testing.T) {
	mayBeSkipped(t)
	for name, s := range everyPNGType() {
		t.Run(name, func(t *testing.T) {
			for _, size := range [][2]int{{1, 1}, {2, 1}, {1, 5}, {3, 3}, {4, 9}, {5, 8}, {8, 8}, {17, 7}, {33, 18}, {130, 11}} {
				s.width, s.height = size[0], size[1]
				carrier := s.encode()
				info, err := Probe(bytes.NewReader(carrier), Limits{})
				if err != nil {
					t.Fatal(err)
				}
				rows, err := decodeAll(carrier)
				if err != nil {
					t.Fatalf("%d×%d: %v", s.width, s.height, err)
				}
				samePixels(t, carrier, rows, info.layout())
				var out bytes.Buffer
				row := info.layout().row()
				from := &made{fill: func(dst []byte, y int) { copy(dst, rows[y*row:]) }}
				if err := encodeRows(t, &out, info.layout(), from, 1); err != nil {
					t.Fatal(err)
				}
				samePixels(t, out.Bytes(), rows, info.layout())
			}
		})
	}
}
