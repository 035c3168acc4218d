package stego

import (
	"bytes"
	"strings"
	"testing"
)

// TestStrictInflaterIsStrict: what is to find mistakes in streams finds them.
func TestStrictInflaterIsStrict(t *testing.T) {
	good := pngSpec{width: 60, height: 60, kind: 2, depth: 8, sample: at8(3)}
	lines := good.lines()
	if got, err := strictly(deflated(lines)); err != nil || !bytes.Equal(got, lines) {
		t.Errorf("a good stream: %d bytes, want %d, %v", len(got), len(lines), err)
	}
	tried := 0
	for name, bad := range badPNGs() {
		for _, kind := range []string{"zlib-", "adler", "block-", "stored-", "distance-", "length-symbol", "code-", "repeat-", "stream-", "idat-empty"} {
			if strings.HasPrefix(name, kind) {
				tried++
				if _, err := strictly(pixelStream(bad.data)); err == nil {
					t.Errorf("%s: taken", name)
				}
			}
		}
	}
	if tried != 15 {
		t.Errorf("%d bad streams were tried, want 15", tried)
	}
	for window := 8; window <= 15; window++ {
		s := &stream{choices: seeded(1, map[string]int{}), raw: bytes.Repeat(lines, 4), plan: streamPlan{window: window, tokens: "farthest", blocks: "dynamic", size: "some", codes: "fitted"}}
		z := s.zlib()
		if _, err := strictly(z); err != nil {
			t.Errorf("window of %d bits: %v", window, err)
		}
		if window == 8 {
			continue
		}
		copy(z, [][]byte{{0x08, 0x1d}, {0x18, 0x19}, {0x28, 0x15}, {0x38, 0x11}, {0x48, 0x0d}, {0x58, 0x09}, {0x68, 0x05}}[window-9])
		if _, err := strictly(z); err == nil || !strings.Contains(err.Error(), "distance") {
			t.Errorf("window of %d bits that the header says is half as large: %v", window, err)
		}
	}
}
