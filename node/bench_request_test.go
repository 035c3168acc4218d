package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"p2pnode/stego"
)

// BenchmarkTransferRequest hides a text in a picture of 12 MP, 36 MB that do not compress, through a server: the image goes up, the result comes
// down and is verified, stored and acknowledged. The anchor sends the same bytes there and back on a connection of the same kind,
// and does nothing with them. Beside it stands what no request can do without (PROTOCOL.md §9): SHA-256 on both sides of both ways, and a
// synced file at the server and at the client. All by turns; the ratios are medians.
func BenchmarkTransferRequest(b *testing.B) {
	c := newTestCluster(b, "n1")
	n := c.nodes[0]
	n.await(b, "leader", led(1))
	path := largePNG(b, 4000, 3000)
	picture, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	server := newEchoServer(b, udpOnLoopback(b, true), nil)
	conn := server.dial(b, server.dialer(b, udpOnLoopback(b, true), nil))
	k := c.client(n.control)
	firsts := make(timings, 1000)
	n.transport.cfg.Metrics = firsts
	request(b, k, path, b.TempDir()) // the connection is kept
	var walls, cpus, digests, files []float64
	for b.Loop() {
		var ours, anchor, hashing, storing cost
		dir, err := os.MkdirTemp(b.TempDir(), "") // files that stay would make the machine find memory for each one's pages
		if err != nil {
			b.Fatal(err)
		}
		anchor.measure(b, func() error { return echo(conn, picture, copySize) })
		ours.measure(b, func() error { request(b, k, path, dir); return nil })
		hashing.measure(b, func() error { return hashed(picture, 4) })
		storing.measure(b, func() error { return stored(dir, picture, 2) })
		if err := os.RemoveAll(dir); err != nil {
			b.Fatal(err)
		}
		walls = append(walls, float64(ours.wall)/float64(anchor.wall))
		cpus = append(cpus, float64(ours.cpu)/float64(anchor.cpu))
		digests = append(digests, float64(hashing.cpu)/float64(anchor.cpu))
		files = append(files, float64(storing.cpu)/float64(anchor.cpu))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(walls), "×echo-wall")
	b.ReportMetric(median(cpus), "×echo-cpu")
	b.ReportMetric(median(digests), "digests-×echo-cpu")
	b.ReportMetric(median(files), "files-×echo-cpu")
	close(firsts)
	var first []float64
	for t := range firsts {
		first = append(first, t.First.Seconds()*1000)
	}
	b.ReportMetric(median(first), "ms-to-first-byte")
}

func hashed(p []byte, times int) error {
	for range times {
		if sum := sha256.Sum256(p); sum == [32]byte{} {
			return errors.New("no digest")
		}
	}
	return nil
}

// stored writes so many files and has them on the disk.
func stored(dir string, p []byte, files int) error {
	for k := range files {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint(k)))
		if err != nil {
			return err
		}
		_, err = f.Write(p)
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// request hides a text in a file by a server, as the command does.
func request(b *testing.B, k *Client, path, dir string) {
	b.Helper()
	in, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	info, err := stego.Measure(in, stego.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	p := stego.Payload{Kind: stego.Text, Data: []byte("a needle")}
	e, err := stego.Seal(p, info, stego.SealOptions{Format: stego.V1})
	if err != nil {
		b.Fatal(err)
	}
	out, err := os.Create(filepath.Join(dir, "out.png"))
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err = k.Encrypt(ctx, Job{
		Name: "large.png", Image: in, Embedding: e, Payload: p, Extract: stego.ExtractOptions{Format: stego.V1}, Output: out,
	}); err != nil {
		b.Fatal(err)
	}
}
