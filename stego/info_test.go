package stego

import (
	"bytes"
	"testing"
)

func TestMeasureCountsUsableSamples(t *testing.T) {
	// The left half is transparent; alpha is the second of two channels.
	half := func(x, y, c int) int {
		if c == 1 && x < 50 {
			return 0
		}
		return 200
	}
	for name, c := range map[string]struct {
		spec           pngSpec
		usable, window int64
	}{
		"gray: head fills 6.4 rows of 60":   {pngSpec{width: 60, height: 10, kind: 0, depth: 8, sample: half}, 600, 216},
		"head ends with its row":            {pngSpec{width: 128, height: 4, kind: 0, depth: 8, sample: half}, 512, 128},
		"rgb in one row: the rest of it":    {pngSpec{width: 200, height: 1, kind: 2, depth: 8, sample: half}, 600, 216},
		"head ends in the last row":         {pngSpec{width: 100, height: 2, kind: 2, depth: 8, sample: half}, 600, 216},
		"half transparent":                  {pngSpec{width: 100, height: 20, kind: 4, depth: 8, sample: half}, 1000, 616},
		"half transparent, 16 bit":          {pngSpec{width: 100, height: 20, kind: 4, depth: 16, sample: half}, 1000, 616},
		"exactly the head and nothing else": {pngSpec{width: 128, height: 1, kind: 2, depth: 8, sample: half}, 384, 0},
		"less than the head":                {pngSpec{width: 127, height: 1, kind: 2, depth: 8, sample: half}, 381, 0},
		"one pixel":                         {pngSpec{width: 1, height: 1, kind: 6, depth: 8, sample: at8(3)}, 3, 0},
		"all transparent":                   {pngSpec{width: 50, height: 50, kind: 6, depth: 8, sample: func(x, y, c int) int { return 0 }}, 0, 0},
	} {
		info, err := Measure(bytes.NewReader(c.spec.encode()), Limits{})
		if err != nil || !info.Measured || info.Usable != c.usable || info.Window != c.window {
			t.Errorf("%s: usable %d, window %d, %v; want %d and %d", name, info.Usable, info.Window, err, c.usable, c.window)
		}
	}
}

func TestCapacityOfKnownWindows(t *testing.T) {
	for window, want := range map[int64]Capacity{
		0:    {0, 0, false},
		127:  {0, 0, false},
		128:  {0, 0, true},
		136:  {1, 0, true},
		1360: {154, 1, true},
		1e12: {MaxContent, MaxContent, true},
	} {
		if got := (Info{Window: window}).Capacity(V1); got != want {
			t.Errorf("window %d: %+v, want %+v", window, got, want)
		}
	}
}

func TestSmallestImages(t *testing.T) {
	empty := Payload{Kind: Text}
	fits := pngSpec{width: 512, height: 1, kind: 0, depth: 8, sample: at8(1)}.encode()
	if info, err := Measure(bytes.NewReader(fits), Limits{}); err != nil || info.Capacity(V1) != (Capacity{Fits: true}) {
		t.Errorf("512 samples: Capacity = %+v, %v; want that an empty text fits", info.Capacity(V1), err)
	}
	out, e, _ := embed(t, fits, empty, SealOptions{})
	confirm(t, fits, out, e, empty, ExtractOptions{})
	for name, s := range map[string]pngSpec{
		"511 samples": {width: 511, height: 1, kind: 0, depth: 8},
		"one pixel":   {width: 1, height: 1, kind: 2, depth: 8},
	} {
		info, err := Measure(bytes.NewReader(s.encode()), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Capacity(V1); got != (Capacity{}) {
			t.Errorf("%s: Capacity = %+v, want that nothing fits", name, got)
		}
		if _, err := Seal(empty, info, SealOptions{}); !sameCapacity(err, CapacityError{}) || err.Error() != "stego: image is too small to hold any payload" {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := Extract(bytes.NewReader(s.encode()), ExtractOptions{}); !isNoPayload(err) {
			t.Errorf("%s: Extract = %v, want ErrNoPayload", name, err)
		}
	}
}

func TestProbeReadsOnlyTheHeader(t *testing.T) {
	for name, file := range goodImages(t) {
		full, err := Measure(bytes.NewReader(file), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := Probe(bytes.NewReader(file), Limits{})
		if got.Measured == got.Model.Alpha() {
			t.Errorf("%s: %v measured by Probe: %v", name, got.Model, got.Measured)
		}
		got.Usable, got.Window, got.Measured = full.Usable, full.Window, true
		if err != nil || got != full {
			t.Errorf("%s: Probe says %+v, Measure %+v, %v", name, got, full, err)
		}
	}
}

func TestFormatNames(t *testing.T) {
	for _, f := range []Format{V1, Classic} {
		if got, err := ParseFormat(f.String()); err != nil || got != f {
			t.Errorf("ParseFormat(%q) = %v, %v", f, got, err)
		}
	}
	if f, err := ParseFormat("v2"); err == nil {
		t.Errorf("ParseFormat(v2) = %v, want an error", f)
	}
}

// TestMemoryCoversWhatWasMeasured: the least is the peak of a process that embedded
// 100 bytes into a picture of 24 MP.
func TestMemoryCoversWhatWasMeasured(t *testing.T) {
	big := Info{Width: 6000, Height: 4000, Model: RGB, Depth: 8, Source: "png"}
	jpeg, progressive, cmyk := big, big, big
	jpeg.Source, progressive.Source, cmyk.Source = "jpeg", "jpeg", "jpeg"
	progressive.Interlaced, cmyk.Expanded = true, true
	const mb = 1 << 20
	for name, c := range map[string]struct {
		info        Info
		least, most int64
	}{
		"png": {big, 12 * mb, 70 * mb}, "jpeg": {jpeg, 84 * mb, 160 * mb},
		"cmyk": {cmyk, 200 * mb, 260 * mb}, "progressive": {progressive, 366 * mb, 500 * mb},
	} {
		if got := c.info.Memory(&Embedding{Format: V1, Sealed: make([]byte, headSize+tagSize)}); got < c.least || got > c.most {
			t.Errorf("%s of 24 MP: %d MB, measured %d, want at most %d", name, got/mb, c.least/mb, c.most/mb)
		}
	}
}
