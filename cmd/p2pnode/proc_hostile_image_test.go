//go:build linux

package main

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"p2pnode/wire"
)

// pngChunk is one chunk with its right checksum.
func pngChunk(kind string, body []byte) []byte {
	p := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	p = append(append(p, kind...), body...)
	return binary.BigEndian.AppendUint32(p, crc32.ChecksumIEEE(p[4:]))
}

// pngOf is a PNG of RGB samples that says it has these measures, whatever its data are.
func pngOf(width, height uint32, chunks ...[]byte) []byte {
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	p := append([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", append(head, 8, 2, 0, 0, 0))...)
	return append(p, bytes.Join(chunks, nil)...)
}

// interlacedOf has a PNG say that its rows are in seven passes: then all of it has to be decoded.
func interlacedOf(p []byte) []byte {
	const head, crc = 8 + 4, 8 + 8 + 13
	p[crc-1] = 1
	binary.BigEndian.PutUint32(p[crc:], crc32.ChecksumIEEE(p[head:crc]))
	return p
}

// deflated is so many zero bytes, packed.
func deflated(n int) []byte {
	var b bytes.Buffer
	z, _ := zlib.NewWriterLevel(&b, zlib.BestCompression)
	zeros := make([]byte, 1<<20)
	for ; n > 0; n -= len(zeros) {
		z.Write(zeros[:min(n, len(zeros))])
	}
	z.Close()
	return b.Bytes()
}

// poison is an image that is none, and what a server says of it.
type poison struct {
	name  string
	data  []byte
	code  wire.Code
	says  string
	local int // exit status of encrypt --local
}

func poisons(t *testing.T, good []byte) []poison {
	bomb := deflated(1 << 30)
	end := pngChunk("IEND", nil)
	giga := pngOf(31623, 31623, pngChunk("IDAT", []byte{0x78, 0x9c}))
	if len(giga) != 47 || len(bomb) > 1_100_000 {
		t.Fatalf("the gigapixel PNG has %d bytes, the bomb %d", len(giga), len(bomb))
	}
	jpegOf := func(w, h uint16) []byte {
		p := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16([]byte{0xff, 0xd8, 0xff, 0xc2, 0, 17, 8}, h), w)
		p = append(p, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0)
		return append(p, 0xff, 0xda, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0, 0, 0, 0, 0, 0xff, 0xd9)
	}
	return []poison{
		{"gigapixel.png", giga, wire.CodeTooManyPixels, "1000014129", 5},
		{"bomb.png", interlacedOf(pngOf(640, 480, pngChunk("IDAT", bomb), end)), wire.CodeBadImage, "more pixel data", 5},
		{"cut.png", good[:len(good)/2], wire.CodeBadImage, "cut off", 5},
		{"stub.png", good[:30], wire.CodeBadImage, "cut off", 5},
		{"empty.png", nil, wire.CodeBadImage, "empty", 5},
		{"text.png", []byte("this is a text, whatever its name says\n"), wire.CodeUnsupported, "known type", 5},
		{"gigapixel.jpg", jpegOf(65000, 65000), wire.CodeTooManyPixels, "4225000000", 5},
		{"zero.png", pngOf(0, 480, end), wire.CodeBadImage, "", 5},
		{"half.png", pngOf(640, 480, pngChunk("IDAT", deflated(1000)), end), wire.CodeBadImage, "", 5},
	}
}

// TestHostileImages sends each of them to a server by a client that checks nothing, and by one that does.
func TestHostileImages(t *testing.T) {
	on := newLAN(t, "n1", "client")
	c := staff(newLab(t), on, []string{"n1"})
	c.agree(10 * time.Second)
	n1, client := c.procs[0], on.host("client")
	good, err := os.ReadFile(c.photos()[0])
	if err != nil {
		t.Fatal(err)
	}
	s := c.stranger(t, client)
	for i, p := range poisons(t, good) {
		q := request(t, secretOf(byte(i)), p.data, measured(t, good), "a text")
		code, detail := s.submit(c, n1, q, p.data)
		if code != p.code || !strings.Contains(detail, p.says) {
			t.Errorf("%s: the server says %v %q, want %v and %q", p.name, code, detail, p.code, p.says)
		}
		path := filepath.Join(c.dir, p.name)
		if err := os.WriteFile(path, p.data, 0o600); err != nil {
			t.Fatal(err)
		}
		wantExit(t, "encrypt --local "+p.name, c.run(t.Context(), nil, "encrypt", "--local", "--text", "x", path), p.local, p.says)
		r := c.encryptIn(t.Context(), client.prefix(), "--timeout", "20s", "--text", "x", path)
		wantExit(t, "encrypt "+p.name, r.outcome, p.local, p.says)
		t.Logf("%-14s %7d bytes: server %v, %s", p.name, len(p.data), code, detail)
	}
	bomb := pngOf(640, 480, pngChunk("IDAT", deflated(1<<30)), pngChunk("IEND", nil))
	code, detail := s.submit(c, n1, request(t, secretOf('b'), bomb, measured(t, good), "a text"), bomb)
	if code != wire.CodeOK {
		t.Errorf("a bomb of which only the beginning is decoded: the server says %v %q, want %v", code, detail, wire.CodeOK)
	}
	t.Logf("peak memory of the server %d MB", n1.memory(t, "VmHWM")>>20)
	if peak := n1.memory(t, "VmHWM"); peak > 300<<20 {
		t.Errorf("the server took %d MB", peak>>20)
	}
	wantExit(t, "a good job after all", c.hides(t.Context(), client, c.photos()[0], "still here", "--timeout", "20s").outcome, 0)
}

// TestLyingUploads breaks every promise that a job's first frame makes.
func TestLyingUploads(t *testing.T) {
	on := newLAN(t, "n1", "client")
	c := staff(newLab(t), on, []string{"n1"})
	c.agree(10 * time.Second)
	n1, s := c.procs[0], c.stranger(t, on.host("client"))
	good, err := os.ReadFile(c.photos()[0])
	if err != nil {
		t.Fatal(err)
	}
	info := measured(t, good)
	small := pngOf(64, 64, pngChunk("IDAT", deflated(64*(64*3+1))), pngChunk("IEND", nil))
	honest := func(i byte) wire.TaskRequest { return request(t, secretOf(i), good, info, "a text") }

	other := honest('d')
	other.Image = sha256.Sum256([]byte("another"))
	huge := honest('h')
	huge.Size = 1 << 40
	none := honest('n')
	none.Format = 99
	long := request(t, secretOf('l'), small, info, strings.Repeat("longer than fits ", 5000))
	long.Sealed = bytes.Repeat([]byte{1}, 50_000)
	for _, lie := range []struct {
		name string
		q    wire.TaskRequest
		data []byte
		code wire.Code
		says string
	}{
		{"another image than announced", other, good, wire.CodeConflict, "SHA-256"},
		{"a terabyte announced", huge, nil, wire.CodeUnsupported, "1099511627776"},
		{"an unknown format", none, nil, wire.CodeUnsupported, "99"},
		{"more than the image holds", long, small, wire.CodeCapacity, "holds"},
	} {
		code, detail := s.submit(c, n1, lie.q, lie.data)
		if code != lie.code || !strings.Contains(detail, lie.says) {
			t.Errorf("%s: the server says %v %q, want %v and %q", lie.name, code, detail, lie.code, lie.says)
		}
		t.Logf("%-28s %v: %s", lie.name, code, detail)
	}
	wantExit(t, "a good job after all", c.hides(t.Context(), on.host("client"), c.photos()[0], "still here", "--timeout", "20s").outcome, 0)
}

// submit sends a job as it is, and returns how it ended.
func (s *stranger) submit(c *crew, p *proc, q wire.TaskRequest, data []byte) (wire.Code, string) {
	s.t.Helper()
	v := s.open(c, p)
	v.say(q)
	r := hear[wire.TaskResponse](v)
	if !r.Accepted {
		return r.Code, r.Detail
	}
	go v.Write(data)
	if n, err := io.Copy(io.Discard, wire.NewChunkReader(v)); err != nil {
		s.t.Errorf("result of %d bytes: %v", n, err)
	}
	tr := hear[wire.TaskTrailer](v)
	return tr.Code, tr.Detail
}

// TestLargePhotosNeedLittleMemory hides in several photos of 24 MP at once and looks at the most a server ever held.
func TestLargePhotosNeedLittleMemory(t *testing.T) {
	on := newLAN(t, "n1", "client")
	c := staff(newLab(t), on, []string{"n1"})
	c.agree(10 * time.Second)
	photos := []string{c.paint("24mp.jpg", 6000, 4000)}
	if n := times(3, 1); n > len(photos) {
		photos = append(photos, c.paint("24mp.png", 6000, 4000), photos[0])
	}
	var clients sync.WaitGroup
	for i, photo := range photos {
		clients.Go(func() {
			r := c.hides(t.Context(), on.host("client"), photo, fmt.Sprintf("large %d", i), "--timeout", "120s")
			wantExit(t, "encrypt "+photo, r.outcome, 0)
		})
	}
	clients.Wait()
	peak := c.procs[0].memory(t, "VmHWM")
	t.Logf("%d photos of 24 MP at once: the server's peak is %d MB", len(photos), peak>>20)
	if peak > 700<<20 {
		t.Errorf("the server held %d MB, at most 700 are allowed", peak>>20)
	}
}
