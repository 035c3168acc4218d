package stego

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/binary"
	"hash/adler32"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"io"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// noisyPhoto is a PNG by the standard encoder of a picture that is smooth and noisy as photographs are.
func noisyPhoto(t testing.TB, width, height int, level png.CompressionLevel) []byte {
	t.Helper()
	r := rand.New(rand.NewPCG(1, uint64(width)))
	im := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			v := func(k int) uint8 { return uint8(128 + (x*k/9+y/(k+1))%90 + int(r.NormFloat64()*4)) }
			im.SetRGBA(x, y, color.RGBA{v(1), v(2), v(3), 255})
		}
	}
	var b bytes.Buffer
	e := png.Encoder{CompressionLevel: level}
	if err := e.Encode(&b, im); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSplicePassesTheRestOfAFileThrough(t *testing.T) {
	carrier := noisyPhoto(t, 1200, 900, png.DefaultCompression)
	out, e, rep := embed(t, carrier, Payload{Kind: Text, Data: []byte("hello")}, SealOptions{})
	if rep.Decoded > 60 {
		t.Errorf("%d rows were made anew, want few", rep.Decoded)
	}
	const end = 4 + 4 + 12 // Adler-32, the last IDAT's CRC, IEND
	tail := carrier[len(carrier)/8 : len(carrier)-end]
	if at := len(out) - end - len(tail); !bytes.Equal(out[at:len(out)-end], tail) {
		t.Error("the rest of the carrier is not in the output, byte for byte")
	}
	if grown := len(out) - len(carrier); grown > 2048 {
		t.Errorf("output is %d bytes larger", grown)
	}
	if err := Check(bytes.NewReader(out), e, Limits{}, rep.Decoded); err != nil {
		t.Errorf("Check of %d rows = %v", rep.Decoded, err)
	}
}

func TestEmbedBytesMakesWhatEmbedMakes(t *testing.T) {
	carriers := goodImages(t)
	carriers["photo"] = noisyPhoto(t, 500, 400, png.DefaultCompression)
	for name, carrier := range carriers {
		info, err := Measure(bytes.NewReader(carrier), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		e, err := Seal(Payload{Kind: Text, Data: []byte("x")}, info, SealOptions{})
		if err != nil {
			continue // too small
		}
		var want bytes.Buffer
		rep, err := Embed(&want, bytes.NewReader(carrier), e, EmbedOptions{})
		if err != nil {
			t.Fatal(err)
		}
		list, got, err := EmbedBytes(carrier, e, EmbedOptions{})
		if all := bytes.Join(list, nil); err != nil || !bytes.Equal(all, want.Bytes()) {
			t.Errorf("%s: EmbedBytes made %d bytes, %v, want the %d of Embed", name, len(all), err, want.Len())
		}
		if got.SHA256 = sha256.Sum256(want.Bytes()); got != rep {
			t.Errorf("%s: EmbedBytes reports %+v, Embed %+v", name, got, rep)
		}
	}
}

func TestChecksumsFollowChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "a")
		b := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "b")
		rest := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "rest")
		crc := func(parts ...[]byte) uint32 { return crc32.ChecksumIEEE(bytes.Join(parts, nil)) }
		if got, want := crcBehind(crc(a, rest), crc(a), crc(b), int64(len(rest))), crc(b, rest); got != want {
			t.Fatalf("crcBehind = %08x, want %08x", got, want)
		}
		was := append(bytes.Clone(a), rest...)
		is, s := bytes.Clone(was), adlerShift{n: int64(len(was))}
		for i := 0; i < len(is); {
			n := min(rapid.IntRange(1, 500).Draw(t, "row"), len(is)-i)
			for k := i; k < i+n; k += rapid.IntRange(1, 9).Draw(t, "step") {
				is[k] ^= rapid.Byte().Draw(t, "by")
			}
			s.change(int64(i), was[i:i+n], is[i:i+n])
			i += n
		}
		if got, want := s.apply(adler32.Checksum(was)), adler32.Checksum(is); got != want {
			t.Fatalf("Adler-32 = %08x, want %08x", got, want)
		}
		if got, want := adlerUpdate(adler32.Checksum(a), rest), adler32.Checksum(was); got != want {
			t.Fatalf("adlerUpdate = %08x, want %08x", got, want)
		}
		difference := make([]byte, len(rest))
		for i := range rest {
			difference[i] = is[len(a)+i] ^ rest[i]
		}
		changed := append(bytes.Clone(a), is[len(a):]...)
		if got, want := crc(was)^crcChange(difference), crc(changed); got != want {
			t.Fatalf("crcChange leads to %08x, want %08x", got, want)
		}
	})
}

// crumbled is a photograph's PNG in whose pixel data each byte is a block of its own, of the kinds in turn.
func crumbled(t testing.TB, photo []byte, kinds ...string) []byte {
	t.Helper()
	var z []byte
	for at := len(pngMagic); at < len(photo); {
		n := int(binary.BigEndian.Uint32(photo[at:]))
		if string(photo[at+4:at+8]) == "IDAT" {
			z = append(z, photo[at+8:at+8+n]...)
		}
		at += 12 + n
	}
	r, err := zlib.NewReader(bytes.NewReader(z))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{choices: seeded(1, map[string]int{}), plan: streamPlan{codes: "fitted"}}
	s.w.out = []byte{0x78, 0x9c}
	for i := range raw {
		s.plan.blocks = kinds[i%len(kinds)]
		s.block([]zooToken{{literal: raw[i]}}, raw[i:i+1], i == len(raw)-1)
	}
	s.w.align()
	z = binary.BigEndian.AppendUint32(s.w.out, adler32.Checksum(raw))
	return bytes.Join([][]byte{photo[:len(pngMagic)+25], chunkBytes("IDAT", z), chunkBytes("IEND", nil)}, nil)
}

func TestSpliceTakesBlocksOfOneByte(t *testing.T) {
	mayBeSkipped(t)
	photo := noisyPhoto(t, 700, 24, png.DefaultCompression)
	p := Payload{Kind: Text, Data: []byte("crumbs")}
	for _, kinds := range [][]string{{"stored"}, {"fixed"}, {"dynamic", "dynamic", "stored", "fixed", "stored"}} {
		carrier := crumbled(t, photo, kinds...)
		out, e, rep := embed(t, carrier, p, SealOptions{})
		if rep.Decoded >= 24 {
			t.Errorf("%v: %d rows were made anew, want fewer than all", kinds, rep.Decoded)
		}
		confirm(t, carrier, out, e, p, ExtractOptions{})
	}
}
