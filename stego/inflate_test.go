package stego

import (
	"bytes"
	"compress/zlib"
	"io"
	"math/rand/v2"
	"testing"
)

// inflated decodes a zlib stream in steps of some bytes of output, from pieces of some bytes of input.
func inflated(data []byte, piece, step, most int) ([]byte, error) {
	z := inflater{more: func() ([]byte, error) {
		if len(data) == 0 {
			return nil, io.EOF
		}
		p := data[:min(piece, len(data))]
		data = data[len(p):]
		return p, nil
	}}
	if _, err := z.header(); err != nil {
		return nil, err
	}
	for z.state != atEnd && len(z.raw) <= most {
		if err := z.run(len(z.raw) + step); err != nil {
			return nil, err
		}
	}
	return z.raw, nil
}

// FuzzInflate holds the inflater to what the standard library makes of a stream, checksums aside, however it comes.
func FuzzInflate(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for level := zlib.HuffmanOnly; level <= zlib.BestCompression; level++ {
		var b bytes.Buffer
		w, _ := zlib.NewWriterLevel(&b, level)
		for i := range 3000 {
			w.Write([]byte{byte(r.IntN(1 + i/50)), byte(i / 7)})
		}
		w.Close()
		f.Add(b.Bytes(), uint8(level+2), uint16(level*100))
	}
	f.Fuzz(func(t *testing.T, data []byte, piece uint8, step uint16) {
		const most = 1 << 16
		got, err := inflated(data, int(piece)+1, int(step)+16, most)
		if len(data) < 2 {
			return
		}
		std, e := zlib.NewReader(bytes.NewReader(data))
		if e != nil {
			if err == nil {
				t.Fatalf("decoded %d bytes, the standard library says %v", len(got), e)
			}
			return
		}
		want, e := io.ReadAll(io.LimitReader(std, most+1))
		if len(got) > most && len(want) > most {
			got, want = got[:most], want[:most]
		}
		ended := e == nil || e == zlib.ErrChecksum || e == io.ErrUnexpectedEOF && err == nil // the checksum is not looked at here
		if ended != (err == nil) {
			t.Fatalf("%d bytes, %v; the standard library: %d bytes, %v", len(got), err, len(want), e)
		}
		if err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%d bytes that differ from the %d of the standard library", len(got), len(want))
		}
	})
}

func TestInflaterDecodesWhatOthersWrite(t *testing.T) {
	want := make([]byte, 300_000)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range want {
		want[i] = byte(r.IntN(3) * (i / 1000))
	}
	for level := zlib.HuffmanOnly; level <= zlib.BestCompression; level++ {
		var b bytes.Buffer
		w, _ := zlib.NewWriterLevel(&b, level)
		w.Write(want)
		w.Close()
		for _, sizes := range [][2]int{{1, 1 << 20}, {1 << 20, 1}, {7, 1000}, {1 << 20, 1 << 20}} {
			got, err := inflated(b.Bytes(), sizes[0], sizes[1], 1<<20)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("level %d, input by %d and output by %d: %d bytes, %v", level, sizes[0], sizes[1], len(got), err)
			}
		}
	}
}
