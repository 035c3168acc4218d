package node

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"p2pnode/wire"
)

// behindGlass is a picture that is transparent but for its first row and its last ones: its window ends so far down that it is read twice.
func behindGlass(t *testing.T) []byte {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, 800, 700))
	noise := newNoise(5)
	for y := range 700 {
		alpha := uint8(0)
		if y == 0 || y > 650 {
			alpha = 255
		}
		for x := range 800 {
			m.SetNRGBA(x, y, color.NRGBA{noise(), noise(), noise(), alpha})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// longText is a text that does not deflate to less than a row holds.
func longText() string {
	noise, b := rand.New(rand.NewPCG(1, 2)), strings.Builder{}
	for range 300 {
		b.WriteByte(byte(' ' + noise.IntN(95)))
	}
	return b.String()
}

// A picture that turns out to have to be read twice is kept from its first byte on, and read when it is whole: the result is the same, whether it
// was worked on while it came or not.
func TestPicturesThatAreReadTwice(t *testing.T) {
	for name, busy := range map[string]bool{"as it comes": false, "from the spool": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, "a")
				passing := o.posts[0].transport.passing
				if busy && !passing.try(passingBytes) {
					t.Fatal("somebody works already")
				}
				picture := behindGlass(t)
				j := jobFor(t, picture, longText())
				l := o.call(o.posts[0])
				l.say(requestFor(j, picture))
				l.response()
				l.write(picture[:len(picture)/2])
				time.Sleep(time.Second)
				if u := o.posts[0].results.Usage(); u.Spooled < int64(len(picture)/2) {
					t.Errorf("%d bytes are kept of %d that came", u.Spooled, len(picture)/2)
				}
				l.write(picture[len(picture)/2:])
				got, tr := l.result()
				if want := localResult(t, j, picture); tr.Code != wire.CodeOK || !bytes.Equal(got, want) {
					t.Errorf("%d bytes came with %+v, want %d", len(got), tr, len(want))
				}
				if busy {
					passing.give(passingBytes)
				}
				o.posts[0].wantIdle()
			})
		})
	}
}

// A client that vanishes when its picture is to be read a second time leaves nothing behind.
func TestClientDiesBeforeItsPictureIsReadTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		picture := behindGlass(t)
		l, q := o.begin(picture, longText(), len(picture)*9/10)
		time.Sleep(time.Second)
		o.vanish(l, q, picture)
	})
}

// A client checks the result of such a picture as that of any other.
func TestClientOfAPictureThatIsReadTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a", "b")
		j := jobFor(t, behindGlass(t), longText())
		if r, err := o.client(nil).Encrypt(t.Context(), j); err != nil || !r.Verified {
			t.Fatalf("%+v, %v", r, err)
		}
		wantText(t, j, longText())
	})
}
