//go:build linux

package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"p2pnode/wire"
)

// smallDisk is a file system of its own at a path.
type smallDisk struct {
	t    *testing.T
	path string
}

func newSmallDisk(t *testing.T, path string, megabytes int) *smallDisk {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", path, "tmpfs", 0, fmt.Sprintf("size=%dm", megabytes)); err != nil {
		t.Skipf("a file system of its own: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(path, unix.MNT_DETACH) })
	return &smallDisk{t, path}
}

// filler is the file that takes what is left.
func (d *smallDisk) filler() string { return filepath.Join(d.path, "filler") }

// fill takes all that is left, to the last byte.
func (d *smallDisk) fill() {
	d.t.Helper()
	f, err := os.Create(d.filler())
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; size /= 2 {
		for zeros := make([]byte, size); err == nil; {
			_, err = f.Write(zeros)
		}
		err = nil
	}
}

func (d *smallDisk) free() {
	d.t.Helper()
	if err := os.Remove(d.filler()); err != nil {
		d.t.Fatal(err)
	}
}

// TestFullDiskOfTheOnlyServer fills the disk under a server that holds a result: it refuses new jobs in clear words, still
// serves what it has, and works again once there is room.
func TestFullDiskOfTheOnlyServer(t *testing.T) {
	on := newLAN(t, "n1", "client")
	l := newLab(t)
	disk := newSmallDisk(t, filepath.Join(l.dir, "n1"), 24)
	c := staff(l, on, []string{"n1"})
	c.agree(10 * time.Second)
	n1, client, photo := c.procs[0], on.host("client"), c.photos()[0]
	image, err := os.ReadFile(photo)
	if err != nil {
		t.Fatal(err)
	}
	q := request(t, secretOf('k'), image, measured(t, image), "kept")
	kept := c.stored(t, c.stranger(t, client), n1, q, image)

	disk.fill()
	r := c.hides(t.Context(), client, photo, "no room", "--timeout", "6s")
	if r.exit == 0 || !strings.Contains(strings.ToLower(r.Error), "disk full") {
		t.Errorf("a job without room for it: exit %d, %s: %s", r.exit, r.Code, r.Error)
	}
	t.Logf("full disk: exit %d, %s: %s", r.exit, r.Code, r.Error)
	if !n1.alive() {
		t.Fatalf("the server is gone: %s", n1.lastWords(500))
	}
	c.fetches(t, client, n1, q, kept, "with a full disk")
	disk.free()
	wantExit(t, "a job when there is room again", c.hides(t.Context(), client, photo, "room", "--timeout", "20s").outcome, 0)
	disk.fill()
	n1.kill()
	disk.free()
	n1.start()
	c.fetches(t, client, n1, q, kept, "after a restart")
	wantExit(t, "a job after the restart", c.hides(t.Context(), client, photo, "restarted", "--timeout", "20s").outcome, 0)
	if leftover, err := filepath.Glob(filepath.Join(disk.path, "*", "*.part")); err != nil || len(leftover) > 0 {
		t.Errorf("half-written files are left: %q, %v", leftover, err)
	}
}

// stored does a job up to its stored result, without acknowledging it.
func (c *crew) stored(t *testing.T, s *stranger, p *proc, q wire.TaskRequest, image []byte) []byte {
	t.Helper()
	v := s.open(c, p)
	v.say(q)
	if r := hear[wire.TaskResponse](v); !r.Accepted {
		t.Fatalf("refused: %+v", r)
	}
	go v.Write(image)
	result, trailer := v.result()
	if trailer.Code != wire.CodeOK || sha256.Sum256(result) != [32]byte(trailer.Result) {
		t.Fatalf("the job ended with %+v", trailer)
	}
	v.CancelRead(1)
	v.CancelWrite(1)
	return result
}

// fetches wants the same stored result again.
func (c *crew) fetches(t *testing.T, h *host, p *proc, q wire.TaskRequest, want []byte, when string) {
	t.Helper()
	v := c.stranger(t, h).open(c, p)
	v.say(wire.Fetch{Secret: q.Secret})
	if r := hear[wire.TaskResponse](v); !r.Accepted {
		t.Fatalf("%s: the stored result is refused: %+v", when, r)
	}
	if got, tr := v.result(); tr.Code != wire.CodeOK || !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes that are not the stored result, %+v", when, len(got), tr)
	}
}

// alive reports whether the server's process has not ended.
func (p *proc) alive() bool {
	_, gone := p.process()
	select {
	case <-gone:
		return false
	default:
		return true
	}
}

// TestFullDiskSendsJobsElsewhere fills the disk of one of two servers: every job is done, by the other.
func TestFullDiskSendsJobsElsewhere(t *testing.T) {
	on := newLAN(t, "n1", "n2", "client")
	l := newLab(t)
	disk := newSmallDisk(t, filepath.Join(l.dir, "n1"), 16)
	c := staff(l, on, []string{"n1", "n2"})
	c.agree(10 * time.Second)
	photo := c.photos()[0]
	disk.fill()
	moved := 0
	for i := range times(10, 3) {
		r := c.hides(t.Context(), on.host("client"), photo, fmt.Sprintf("elsewhere %d", i), "--timeout", "30s")
		wantExit(t, "encrypt with a full server about", r.outcome, 0)
		if r.Server == "n1" {
			t.Errorf("n1 has no room for a result and made one")
		}
		moved += r.Failovers
	}
	t.Logf("%d jobs, %d failovers; n1 still runs: %v", times(10, 3), moved, among(c.procs, "n1").alive())
	if n1 := among(c.procs, "n1"); !n1.alive() {
		t.Errorf("n1 ended: %s", n1.lastWords(500))
	}
	disk.free()
	wantExit(t, "encrypt with room again", c.hides(t.Context(), on.host("client"), photo, "again", "--timeout", "30s").outcome, 0)
}

// TestFullDiskOfTheClient leaves no half-written output behind.
func TestFullDiskOfTheClient(t *testing.T) {
	on := newLAN(t, "n1", "client")
	l := newLab(t)
	disk := newSmallDisk(t, filepath.Join(l.dir, "out"), 1)
	c := staff(l, on, []string{"n1"})
	c.agree(10 * time.Second)
	out := filepath.Join(disk.path, "result.png")
	o := c.run(t.Context(), on.host("client").prefix(), "encrypt", "--text", "x", "--timeout", "20s", "-o", out, c.paint("big.png", 3000, 2000))
	wantExit(t, "encrypt to a full disk", o, 1, "disk full", out[:len(disk.path)])
	if left, err := os.ReadDir(disk.path); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	t.Logf("%s", o.stderr)
}

// TestLedgerGrowsOnAFullDisk gives a server with a full disk more records than its database had pages for: it goes on, and
// starts again.
func TestLedgerGrowsOnAFullDisk(t *testing.T) {
	on := newLAN(t, "n1", "client")
	l := newLab(t)
	disk := newSmallDisk(t, filepath.Join(l.dir, "n1"), 8)
	c := staff(l, on, []string{"n1"})
	c.agree(10 * time.Second)
	n1 := c.procs[0]
	disk.fill()
	q := on.host("client").questioner(t, wire.OpenKey, wire.KeyRef{Authority: wire.AuthorityOpen})
	at := netip.AddrPortFrom(c.homes[n1].addr, 47470)
	answers := map[string]int{}
	for i := 0; i < 240 && answers["nobody there"] == 0; i++ {
		answers[q.tryAssignment(at, jobOf(fmt.Appendf(nil, "job %d", i)))]++
	}
	if given := answers["wire.TaskAssignmentResponse"]; given != 240 || !n1.alive() {
		t.Fatalf("240 jobs asked for on a full disk: %v, n1 runs: %v\n%s", answers, n1.alive(), n1.lastWords(300))
	}
	n1.kill()
	n1.start()
	v, _ := c.agree(10 * time.Second)
	if v.ledger.Records != 240 {
		t.Errorf("%d records after a restart on the full disk, want 240", v.ledger.Records)
	}
	t.Logf("240 jobs assigned on a full disk, %d records after kill -9 and a restart on it", v.ledger.Records)
}

// tryAssignment is assignment that takes any answer, or none.
func (q *questioner) tryAssignment(leader netip.AddrPort, job wire.JobID) string {
	e, ok := q.try(leader, wire.NodeID{}, wire.Boot{}, wire.LeaderQuery{Nonce: 1})
	if !ok {
		return "nobody there"
	}
	e, ok = q.try(leader, e.Peer, e.Boot, wire.TaskAssignmentRequest{Cookie: e.Message.(wire.LeaderResponse).Cookie, Job: job, Client: "stranger", Size: 1})
	if b, busy := e.Message.(wire.Busy); ok && busy {
		return b.Code.String() + ": " + b.Detail
	}
	return fmt.Sprintf("%T", e.Message)
}
