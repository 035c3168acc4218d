package stego

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestContentRoundTrips(t *testing.T) {
	for _, p := range []Payload{
		{Kind: Text}, {Kind: Text, Data: []byte("héllo")}, {Kind: Text, Data: bytes.Repeat([]byte("ab"), 5000)},
		{Kind: File}, {Kind: File, Name: "a b.txt", Data: []byte{0xff}}, {Kind: File, Name: strings.Repeat("n", 255)},
	} {
		raw, err := p.content()
		if err != nil {
			t.Fatal(err)
		}
		packed, codec := pack(raw)
		if (len(packed) < len(raw)) != (codec == codecDeflate) {
			t.Errorf("%d bytes packed to %d with codec %d", len(raw), len(packed), codec)
		}
		back, err := unpack(packed, codec, uint32(len(raw)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseContent(p.Kind, back)
		if err != nil || got.Name != p.Name || !bytes.Equal(got.Data, p.Data) {
			t.Errorf("%v %q: got %q, %v", p.Kind, p.Name, got.Name, err)
		}
	}
}

func TestWhatDoesNotFitSaysHowItIsCounted(t *testing.T) {
	noise := make([]byte, 200)
	rand.New(rand.NewSource(7)).Read(noise)
	hex := []byte(fmt.Sprintf("%x", noise[:150])) // 300 bytes that deflate to less, and not to nothing
	small := Info{Window: 8 * (10 + tagSize), Measured: true}
	for want, p := range map[string]Payload{
		"payload needs 11 bytes, image holds 10":                                                                        {Kind: Text, Data: []byte("just above!")},
		"payload needs # bytes, image holds 10 (after compression)":                                                     {Kind: Text, Data: hex},
		"payload needs 209 bytes, image holds 10 (the file's name takes 9 of the bytes needed)":                         {Kind: File, Name: "a b.txt", Data: noise},
		"payload needs 202 bytes, image holds 10 (the file's name takes 2 of the bytes needed)":                         {Kind: File, Data: noise},
		"payload needs # bytes, image holds 10 (after compression, the file's name included)":                           {Kind: File, Name: "a b.txt", Data: hex},
		"payload needs 67108872 bytes, no image holds more than 67108864 (the file's name takes 9 of the bytes needed)": {Kind: File, Name: "a b.txt", Data: make([]byte, MaxContent-1)},
	} {
		_, err := Seal(p, small, SealOptions{})
		var got *CapacityError
		if !errors.As(err, &got) {
			t.Errorf("Seal of %d bytes = %v, want a CapacityError", len(p.Data), err)
			continue
		}
		if want := "stego: " + strings.Replace(want, "#", strconv.FormatInt(got.Need, 10), 1); err.Error() != want {
			t.Errorf("Seal of %d bytes says\n%q, want\n%q", len(p.Data), err, want)
		}
	}
}

func TestNamesAreNeverPaths(t *testing.T) {
	for _, name := range []string{"..", ".", "a/b", `a\b`, "a\x00", "a\nb", "\x1b[31m", "a\x7f", "a\u0085", "gnp.\u202eexe", "\xff", strings.Repeat("n", 256)} {
		if _, err := (Payload{Kind: File, Name: name}).content(); err != errName {
			t.Errorf("sealing %q: %v, want errName", name, err)
		}
		raw := append([]byte{byte(len(name) >> 8), byte(len(name))}, name...)
		if p, err := parseContent(File, raw); err == nil {
			t.Errorf("extracting %q gave %q", name, p.Name)
		}
	}
}

func TestUnpackHoldsNoMoreThanTheHeaderSays(t *testing.T) {
	bomb, codec := pack(make([]byte, 32<<20))
	var err error
	if used := spent(func() { _, err = unpack(bomb, codec, 1000) }); err == nil || used > 1<<20 {
		t.Errorf("unpack allocated %d bytes, error %v", used, err)
	}
	if _, err := unpack([]byte("abc"), codecNone, 4); err == nil {
		t.Error("stored content of another length was taken")
	}
	if _, err := unpack(bomb[:len(bomb)-9], codec, 32<<20); err == nil {
		t.Error("cut content was taken")
	}
}

func TestHeadersOfTheFutureAreRefused(t *testing.T) {
	good := header{kind: Text, rate: 10, raw: 5, box: 21}
	b := good.append(nil)
	if h, err := parseHeader(b); err != nil || h != good {
		t.Errorf("parseHeader = %+v, %v; want %+v", h, err, good)
	}
	for i, v := range map[int]byte{0: 3, 2: 3, 3: 2, 4: 0xff, 8: 0xff} {
		bad := bytes.Clone(b)
		bad[i] = v
		if h, err := parseHeader(bad); !typed(err) {
			t.Errorf("byte %d = %d: %+v, %v", i, v, h, err)
		}
	}
}

// TestHeadersLeaveRoomForAdaptivePlaces: docs/STEGO.md §3.6. A reader of today refuses
// every flag as something newer, and does not look at the three bytes that go with one.
func TestHeadersLeaveRoomForAdaptivePlaces(t *testing.T) {
	good := header{kind: Text, rate: 10, raw: 5, box: 21}
	plain := good.append(nil)
	if !bytes.Equal(plain[13:], []byte{0, 0, 0}) || plain[1] != 0 {
		t.Errorf("header is %x, want no flags and zeros at its end", plain)
	}
	for flags := 1; flags < 256; flags++ {
		b := bytes.Clone(plain)
		b[1] = byte(flags)
		_, err := parseHeader(b)
		if newer, ok := err.(*UnsupportedError); !ok || !strings.Contains(newer.What, "newer") {
			t.Errorf("flags %#x: %v, want that a newer reader is needed", flags, err)
		}
	}
	for at := 13; at < headerSize; at++ {
		for v := range 256 {
			b := bytes.Clone(plain)
			b[at] = byte(v)
			if h, err := parseHeader(b); err != nil || h != good {
				t.Errorf("byte %d = %d: %+v, %v; want it ignored", at, v, h, err)
			}
		}
	}
}

// TestReservedBytesAreIgnoredInAnImage seals a header by hand.
func TestReservedBytesAreIgnoredInAnImage(t *testing.T) {
	r := rand.New(rand.NewSource(45))
	info := Info{Width: 40, Height: 30, Model: RGB, Depth: 8}
	info.count()
	k := randomKeys(r)
	for name, c := range map[string]struct {
		at   int
		want string
	}{"reserved": {14, "secret"}, "flag": {1, ""}} {
		plain := header{kind: Text, rate: 2, raw: 6, box: 6 + tagSize}.append(nil)
		plain[c.at] = 1
		sealed := k.head.seal(make([]byte, saltSize), plain, labelHead, info)
		sealed = k.seal.seal(sealed, []byte("secret"), labelSeal, info)
		w := newWeaver(noise{r}, info.layout(), &Embedding{Format: V1, Rate: 2, Sealed: sealed, Place: k.place, Change: k.change})
		p, _, err := (&carrier{info: info, rows: w, meta: &metadata{}}).extract(fixed(k))
		if string(p.Data) != c.want || (err == nil) != (c.want != "") || err != nil && !typed(err) {
			t.Errorf("%s: %q, %v; want %q", name, p.Data, err, c.want)
		}
	}
}

// TestFormerVersionIsRead: images of container version 1, whose bits lay one by one in a window that began with a row of its own, or
// behind the head in an image of one row. They were made by the last program that wrote it.
func TestFormerVersionIsRead(t *testing.T) {
	for _, name := range []string{"rgb8.png", "rgb8-spread.png", "rgba8.png", "rgba8-spread.png", "onerow.png"} {
		file, err := os.ReadFile("../testdata/stego/version1/" + name)
		if err != nil {
			t.Fatal(err)
		}
		p, x, err := Extract(bytes.NewReader(file), ExtractOptions{})
		if err != nil || string(p.Data) != "hidden before the window moved" || x.Format != V1 {
			t.Errorf("%s: %q, %v, %v", name, p.Data, x.Format, err)
		}
	}
}
