package node

import (
	"bufio"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"p2pnode/stego"
)

const (
	largeJobs  = 4
	largeBound = 4 << 20 // bytes of heap that one job may take, client and server together, above an echo of its image
)

// Large pictures that are passed through take no more memory than sending them there and back does, and a little.
func TestLargeImagesNeedLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("moves hundreds of megabytes")
	}
	c := newTestCluster(t, "n1")
	n := c.nodes[0]
	n.await(t, "leader", led(1))
	path := largePNG(t, 4096, 4000)
	base := peak(t, func() error { return n.echo(t, path) })
	jobs := peak(t, func() error { return n.large(t, c, path) })
	each := (int64(jobs) - int64(base)) / largeJobs
	info, _ := os.Stat(path)
	t.Logf("%d pictures of %d MB: %d KB of heap for an echo, %d KB for jobs, %d KB a job above it", largeJobs, info.Size()>>20, base>>10, jobs>>10, each>>10)
	if each > largeBound {
		t.Errorf("a job takes %d KB of heap above an echo of its image, want at most %d", each>>10, largeBound>>10)
	}
}

// peak runs f so many times at once and returns by how much the live heap grew.
func peak(t *testing.T, f func() error) (most uint64) {
	t.Helper()
	before, done := live(), make(chan struct{})
	var all sync.WaitGroup
	for range largeJobs {
		all.Go(func() {
			if err := f(); err != nil {
				t.Error(err)
			}
		})
	}
	go func() {
		defer close(done)
		all.Wait()
	}()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return most - min(most, before)
		case <-tick.C:
			most = max(most, live())
		}
	}
}

// live returns the bytes of heap that are in use.
func live() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// largePNG writes a picture of noise, which no compressor makes smaller, and returns its path.
func largePNG(t testing.TB, w, h int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "large.png")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriterSize(f, 1<<20)
	chunk := func(kind string, data []byte) {
		head := append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), kind...)
		out.Write(head)
		out.Write(data)
		out.Write(binary.BigEndian.AppendUint32(nil, crc32.Update(crc32.ChecksumIEEE(head[4:]), crc32.IEEETable, data)))
	}
	out.WriteString("\x89PNG\r\n\x1a\n")
	size := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(w)), uint32(h))
	chunk("IHDR", append(size, 8, 2, 0, 0, 0))
	idat := bufio.NewWriterSize(writes(func(p []byte) { chunk("IDAT", p) }), 32<<10)
	z, err := zlib.NewWriterLevel(idat, zlib.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	noise, row := rand.NewChaCha8([32]byte{1}), make([]byte, 1+3*w)
	for range h {
		noise.Read(row[1:])
		z.Write(row)
	}
	if err := errors.Join(z.Close(), idat.Flush()); err != nil {
		t.Fatal(err)
	}
	chunk("IEND", nil)
	if err := errors.Join(out.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

type writes func(p []byte)

func (w writes) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

// large has the cluster hide a text in a picture.
func (n *testNode) large(t *testing.T, c *testCluster, path string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := stego.Measure(in, stego.Limits{})
	if err != nil {
		return err
	}
	p := stego.Payload{Kind: stego.Text, Data: []byte("a needle")}
	e, err := stego.Seal(p, info, stego.SealOptions{Format: stego.V1})
	if err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "out.png"))
	if err != nil {
		return err
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	_, err = c.client(n.control).Encrypt(ctx, Job{
		Name: "large.png", Image: in, Embedding: e, Payload: p, Extract: stego.ExtractOptions{Format: stego.V1}, Output: out,
	})
	return err
}

// echo sends a picture to a server that sends it back, over the same transport as jobs.
func (n *testNode) echo(t *testing.T, path string) error {
	server, err := Listen("127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer server.Control.Close()
	defer server.Data.Close()
	q := &quic.Transport{Conn: server.Data, ConnectionIDLength: 8}
	defer q.Close()
	l, err := q.Listen(n.transport.tls, n.transport.quicConfig())
	if err != nil {
		return err
	}
	defer l.Close()
	client, err := Listen("127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return err
	}
	client.Control.Close()
	d := newDialer(client.Data, func() []link { return nil }, 0)
	defer d.close()
	back := make(chan error, 1)
	go func() { back <- giveBack(l) }()
	a := &assignment{Authority: n.transport.ident.Authority}
	a.Server.ID = n.transport.self
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	conn, err := d.dialAfter(ctx, 0, addrPort(server.Data.LocalAddr()), a)
	if err != nil {
		return err
	}
	err = toAndFro(ctx, conn, path, filepath.Join(t.TempDir(), "echo"))
	conn.CloseWithError(0, "")
	return errors.Join(err, <-back)
}

// giveBack serves one stream.
func giveBack(l *quic.Listener) error {
	conn, err := l.Accept(context.Background())
	if err != nil {
		return err
	}
	s, err := conn.AcceptStream(context.Background())
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{s}, struct{ io.Reader }{s}, make([]byte, chunkSize))
	err = errors.Join(err, s.Close())
	<-conn.Context().Done()
	return err
}

func toAndFro(ctx context.Context, conn *quic.Conn, from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	s, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() {
		_, err := io.CopyBuffer(struct{ io.Writer }{s}, struct{ io.Reader }{in}, make([]byte, sendSize))
		sent <- errors.Join(err, s.Close())
	}()
	_, err = io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{s}, make([]byte, copySize))
	return errors.Join(err, <-sent)
}
