package stego

import (
	"bytes"
	"compress/zlib"
	"io"
	"slices"
	"testing"
)

// chunksOf lists a PNG's chunks; consecutive IDAT chunks count as one, without data.
func chunksOf(t testing.TB, file []byte) []chunk {
	t.Helper()
	var out []chunk
	for b := file[8:]; len(b) >= 12; {
		n := int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		c := chunk{string(b[4:8]), b[8 : 8+n]}
		b = b[12+n:]
		if c.kind == "IDAT" {
			c.data = nil
			if out[len(out)-1].kind == "IDAT" {
				continue
			}
		}
		out = append(out, c)
	}
	return out
}

func kinds(list []chunk) (out []string) {
	for _, c := range list {
		out = append(out, c.kind)
	}
	return out
}

// through embeds a byte of classic, or of v1, and returns the output's chunks.
func through(t *testing.T, carrier []byte, f Format, strip bool) []chunk {
	t.Helper()
	info, err := Measure(bytes.NewReader(carrier), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := Seal(Payload{Kind: Text, Data: []byte("x")}, info, SealOptions{Format: f})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := Embed(&out, bytes.NewReader(carrier), e, EmbedOptions{StripMetadata: strip}); err != nil {
		t.Fatal(err)
	}
	return chunksOf(t, out.Bytes())
}

func TestMetadataStaysInPlace(t *testing.T) {
	carrier := goodImages(t)["rgb8.png"]
	got, want := through(t, carrier, V1, false), chunksOf(t, carrier)
	for i := range want {
		if i >= len(got) || got[i].kind != want[i].kind || !bytes.Equal(got[i].data, want[i].data) {
			t.Fatalf("chunks %v, want %v, byte for byte", kinds(got), kinds(want))
		}
	}
}

func TestMetadataThatWouldBeWrongIsDropped(t *testing.T) {
	extra := []chunk{{"sBIT", []byte{5, 5, 5}}, {"hIST", make([]byte, 32)}, {"bKGD", []byte{1}}, {"tEXt", []byte("a\x00b")},
		{"xyZz", []byte("safe to copy")}, {"xyZZ", []byte("unsafe to copy")}, {"iCCP", []byte("p\x00\x00")}}
	plain := pngSpec{width: 60, height: 60, kind: 2, depth: 8, sample: at8(3), palette: colors16(), before: extra}
	indexed, dim := plain, plain
	indexed.kind, indexed.trns = 3, []byte{1}
	dim.kind, dim.palette = 0, nil
	for name, c := range map[string]struct {
		spec  pngSpec
		f     Format
		strip bool
		want  []string
	}{
		"rgb":              {plain, V1, false, []string{"IHDR", "PLTE", "sBIT", "hIST", "bKGD", "tEXt", "xyZz", "iCCP", "IDAT", "IEND"}},
		"palette":          {indexed, V1, false, []string{"IHDR", "tEXt", "xyZz", "iCCP", "IDAT", "IEND"}},
		"gray":             {dim, V1, false, []string{"IHDR", "sBIT", "bKGD", "tEXt", "xyZz", "iCCP", "IDAT", "IEND"}},
		"gray, classic":    {dim, Classic, false, []string{"IHDR", "tEXt", "xyZz", "IDAT", "IEND"}},
		"rgb, stripped":    {plain, V1, true, []string{"IHDR", "sBIT", "bKGD", "iCCP", "IDAT", "IEND"}},
		"palette stripped": {indexed, V1, true, []string{"IHDR", "iCCP", "IDAT", "IEND"}},
	} {
		if got := kinds(through(t, c.spec.encode(), c.f, c.strip)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestJPEGKeepsExifAndProfile(t *testing.T) {
	got := through(t, goodImages(t)["exif.jpg"], V1, false)
	if want := []string{"IHDR", "iCCP", "eXIf", "IDAT", "IEND"}; !slices.Equal(kinds(got), want) {
		t.Fatalf("chunks %v, want %v", kinds(got), want)
	}
	if !bytes.Equal(got[2].data, tags[3].data) {
		t.Errorf("eXIf is %x, want %x", got[2].data, tags[3].data)
	}
	name, packed, _ := bytes.Cut(got[1].data, []byte{0, 0})
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if profile, err := io.ReadAll(z); string(name) != "ICC profile" || string(profile) != testProfile() {
		t.Errorf("iCCP %q holds %d bytes, %v; want the profile", name, len(profile), err)
	}
	stripped := kinds(through(t, goodImages(t)["exif.jpg"], V1, true))
	if want := []string{"IHDR", "iCCP", "IDAT", "IEND"}; !slices.Equal(stripped, want) {
		t.Errorf("stripped: %v, want %v", stripped, want)
	}
}

func TestIncompleteProfileIsDropped(t *testing.T) {
	file := goodImages(t)["exif.jpg"]
	at := bytes.LastIndex(file, []byte("ICC_PROFILE\x00\x02\x02")) - 4
	end := at + 2 + int(file[at+2])<<8 + int(file[at+3])
	got := kinds(through(t, append(bytes.Clone(file[:at]), file[end:]...), V1, false))
	if want := []string{"IHDR", "eXIf", "IDAT", "IEND"}; !slices.Equal(got, want) {
		t.Errorf("chunks %v, want %v", got, want)
	}
}
