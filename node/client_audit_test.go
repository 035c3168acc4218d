package node

import (
	"bytes"
	"crypto/sha256"
	"image"
	"image/color/palette"
	"image/draw"
	"image/png"
	"io"
	"testing"
	"testing/synctest"

	"p2pnode/wire"
)

// flat is a picture with a palette: no row of it can be passed through.
func flat(t *testing.T, w, h int) []byte {
	t.Helper()
	src, err := png.Decode(bytes.NewReader(photo(w, h)))
	if err != nil {
		t.Fatal(err)
	}
	m := image.NewPaletted(src.Bounds(), palette.Plan9)
	draw.Draw(m, m.Bounds(), src, image.Point{}, draw.Src)
	return encoded(t, m)
}

func encoded(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// arriving is an errand whose result has come in pieces, as from a server.
func arriving(t *testing.T, picture []byte, result func(j Job) []byte) *errand {
	t.Helper()
	j := jobFor(t, picture, "audited")
	j.Size = int64(len(picture))
	e := &errand{cl: &Client{}, job: j, most: 1 << 20}
	if err := e.resume(wire.TaskResponse{Accepted: true}); err != nil {
		t.Fatal(err)
	}
	for p := result(j); len(p) > 0; {
		n := min(len(p), 5000)
		if err := e.accept(nil, p[:n]); err != nil {
			t.Fatal(err)
		}
		p = p[n:]
		synctest.Wait()
	}
	return e
}

// A result is checked while it comes; at its end all that was to be found is.
func TestAuditWhileTheResultComes(t *testing.T) {
	for name, picture := range map[string][]byte{"passed through": photo(120, 90), "made anew": flat(t, 120, 90)} {
		for _, c := range []struct {
			what   string
			result func(good []byte) []byte
			passed bool // on its way
			right  bool // after another look at all of it
		}{
			{"as it is", func(p []byte) []byte { return p }, true, true},
			{"cut off", func(p []byte) []byte { return p[:len(p)-1] }, false, false},
			{"longer", func(p []byte) []byte { return append(p, 0) }, false, false},
			{"other pixels", func([]byte) []byte { return picture }, false, false},
			{"nothing", func([]byte) []byte { return nil }, false, false},
		} {
			t.Run(name+", "+c.what, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var p []byte
					e := arriving(t, picture, func(j Job) []byte {
						p = c.result(localResult(t, j, picture))
						return p
					})
					if sum, err := e.sum(); err != nil || sum != sha256.Sum256(p) {
						t.Errorf("sum = %v, %v, want that of all bytes", sum, err)
					}
					if got := e.audit.passed(); got != c.passed {
						t.Errorf("passed = %v (payload: %v, picture: %v), want %v", got, e.audit.payload, e.audit.picture, c.passed)
					}
					if err := e.compare(); (err == nil) != c.right {
						t.Errorf("compare = %v, want right: %v", err, c.right)
					}
					e.forgo()
				})
			})
		}
	}
}

// Another program may write the same pixels in other bytes: then they are compared.
func TestAuditOfAnotherProgramsBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		picture := photo(120, 90)
		e := arriving(t, picture, func(j Job) []byte {
			m, err := png.Decode(bytes.NewReader(localResult(t, j, picture)))
			if err != nil {
				t.Fatal(err)
			}
			return encoded(t, m)
		})
		if e.audit.passed() || e.audit.payload != nil {
			t.Errorf("passed, or payload %v; want other bytes with the payload in them", e.audit.payload)
		}
		if err := e.compare(); err != nil {
			t.Errorf("compare = %v, want the same picture", err)
		}
		e.forgo()
	})
}

// An audit goes on with a result that is resumed where it broke off, and begins again with one that does.
func TestAuditOfAResumedResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		picture := photo(120, 90)
		var whole []byte
		e := arriving(t, picture, func(j Job) []byte {
			whole = localResult(t, j, picture)
			return whole[:7000]
		})
		if err := e.resume(wire.TaskResponse{Accepted: true, Stored: true, Offset: 7000}); err != nil {
			t.Fatal(err)
		}
		e.accept(nil, whole[7000:9000])
		if err := e.resume(wire.TaskResponse{Accepted: true}); err != nil {
			t.Fatal(err)
		}
		e.accept(nil, whole[:100])
		if err := e.resume(wire.TaskResponse{Accepted: true, Stored: true, Offset: 100, Size: uint64(len(whole))}); err != nil {
			t.Fatal(err)
		}
		e.accept(nil, whole[100:])
		if !e.audit.passed() {
			t.Errorf("payload: %v, picture: %v, want both right", e.audit.payload, e.audit.picture)
		}
		if p, err := io.ReadAll(e.result()); err != nil || !bytes.Equal(p, whole) {
			t.Errorf("%d bytes in the file, %v, want %d", len(p), err, len(whole))
		}
		e.forgo()
		if sum, err := e.sum(); err != nil || sum != sha256.Sum256(whole) {
			t.Errorf("sum without an audit = %v, %v", sum, err)
		}
	})
}
