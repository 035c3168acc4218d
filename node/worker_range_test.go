package node

import (
	"bytes"
	"crypto/sha256"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"p2pnode/wire"
)

// bring sends one range of an image and returns the answer.
func (o *office) bring(secret, image []byte, i int) wire.TaskResponse {
	o.t.Helper()
	p, at := tile(image, i)
	l := o.call(o.posts[0])
	l.say(wire.TaskRange{Secret: secret, Offset: uint64(at), Length: uint64(len(p))})
	l.write(p)
	return l.response()
}

// An image comes in ranges on other connections, and its result goes in ranges.
func TestImageInRanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		picture := photo(300, 200)
		j := jobFor(t, picture, "in ranges")
		q := requestFor(j, picture)
		if r := o.bring(testSecret, picture, 0); r.Accepted || r.Code != wire.CodeNotFound {
			t.Errorf("range of a job that is not here: %+v, want NOT_FOUND", r)
		}
		q.Split = true
		job := o.call(o.posts[0])
		job.say(q)
		if r := job.response(); !r.Accepted || !r.Split {
			t.Fatalf("%+v, want accepted in ranges", r)
		}
		last := (len(picture) - 1) / rangeSize
		for i := last; i >= 0; i-- {
			if r := o.bring(bytes.Repeat([]byte{4}, secretSize), picture, i); r.Accepted {
				t.Errorf("range with another secret: %+v", r)
			}
			if r := o.bring(testSecret, picture, i); !r.Accepted {
				t.Errorf("range %d: %+v", i, r)
			}
			if i == last {
				if r := o.bring(testSecret, picture, i); !r.Accepted {
					t.Errorf("range %d again: %+v, want accepted", i, r)
				}
			}
		}
		want := localResult(t, j, picture)
		if got, _ := job.result(); !bytes.Equal(got, want) {
			t.Errorf("result of %d bytes, want %d", len(got), len(want))
		}
		o.wantParts(want)
	})
}

// wantParts fetches ranges of the stored result, and what is none.
func (o *office) wantParts(want []byte) {
	o.t.Helper()
	for _, x := range []struct{ have, length, got uint64 }{{0, 10, 10}, {100, rangeSize, rangeSize}, {uint64(len(want)) - 3, 1 << 40, 3}, {uint64(len(want)), 1, 0}} {
		l := o.call(o.posts[0])
		l.say(wire.Fetch{Secret: testSecret, Have: x.have, Length: x.length, Result: sha256.Sum256(want)})
		if r := l.response(); !r.Stored || r.Offset != x.have || r.Size != uint64(len(want)) {
			o.t.Errorf("fetch %d from %d: %+v", x.length, x.have, r)
		}
		if got, err := io.ReadAll(wire.NewChunkReader(l)); err != nil || !bytes.Equal(got, want[x.have:x.have+x.got]) {
			o.t.Errorf("fetch %d from %d: %d bytes, %v, want %d", x.length, x.have, len(got), err, x.got)
		}
		if n, err := l.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			o.t.Errorf("after the range: %d, %v, want the end", n, err)
		}
	}
	for _, q := range []wire.Fetch{
		{Have: uint64(len(want)) + 1, Length: 1}, {Length: 1, Result: wire.Digest{1}}, {Have: 1 << 63, Length: 1 << 63},
	} {
		q.Secret = testSecret
		l := o.call(o.posts[0])
		l.say(q)
		if r := l.response(); r.Accepted || r.Code != wire.CodeConflict {
			o.t.Errorf("fetch %d from %d: %+v, want CONFLICT", q.Length, q.Have, r)
		}
	}
}

// In token mode a range needs the proof that its job needed.
func TestRangesNeedTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		picture := photo(300, 200)
		q := requestFor(jobFor(t, picture, "in ranges"), picture)
		q.Split = true
		job := o.call(o.posts[0])
		job.say(q)
		job.response()
		o.posts[0].transport.cfg.OpenClients = false
		if r := o.bring(testSecret, picture, 0); r.Accepted || r.Code != wire.CodeUnauthorized {
			t.Errorf("range without a proof: %+v, want UNAUTHORIZED", r)
		}
	})
}

// Ranges that stop coming end the upload as a silent stream does, and a wrong image is refused as a whole.
func TestRangesOfAnotherImage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		picture := photo(300, 200)
		q := requestFor(jobFor(t, picture, "in ranges"), picture)
		q.Split = true
		forged := bytes.Clone(picture)
		forged[len(forged)/2] ^= 1
		for _, x := range []struct {
			image []byte
			only  int
			want  wire.Code
		}{{picture, 2, wire.CodeTimeout}, {forged, 1 << 20, wire.CodeConflict}} {
			job, began := o.call(o.posts[0]), time.Now()
			job.say(q)
			job.response()
			for i := 0; i*rangeSize < len(x.image) && i < x.only; i++ {
				o.bring(testSecret, x.image, i)
			}
			if _, tr := job.result(); tr.Code != x.want || time.Since(began) > time.Minute {
				t.Errorf("%d ranges: %+v after %v, want %v", x.only, tr, time.Since(began), x.want)
			}
		}
	})
}
