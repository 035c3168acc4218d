package node

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// tile is one range of an image.
func tile(image []byte, i int) ([]byte, int64) {
	from := i * rangeSize
	return image[from:min(len(image), from+rangeSize)], int64(from)
}

// fixedNoise is an image of a size that is no multiple of a range's.
func fixedNoise(n int) []byte {
	p, r := make([]byte, n), newNoise(3)
	for i := range p {
		p[i] = r()
	}
	return p
}

// mosaicOf makes an empty mosaic for an image in a spool of a node with this much room.
func mosaicOf(t *testing.T, image []byte, room int64) (*mosaic, *Results) {
	t.Helper()
	r, err := OpenResults(t.TempDir(), room)
	if err != nil {
		t.Fatal(err)
	}
	spool, err := r.Spool(int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { spool.Close(); r.Close() })
	return newMosaic(spool, int64(len(image))), r
}

// Ranges in any order, and twice, make the image, which counts once against the disk.
func TestMosaicPutsRangesTogether(t *testing.T) {
	image := fixedNoise(5*rangeSize + 77)
	m, r := mosaicOf(t, image, 1<<20)
	read := make(chan []byte)
	go func() {
		p, err := io.ReadAll(m)
		if err != nil {
			t.Errorf("ReadAll: %v", err)
		}
		read <- p
	}()
	for _, i := range []int{5, 3, 0, 3, 1, 5, 4, 2} {
		p, at := tile(image, i)
		if err := m.put(p, at); err != nil {
			t.Fatalf("put range %d: %v", i, err)
		}
	}
	if got := <-read; !bytes.Equal(got, image) {
		t.Errorf("%d bytes were read, want the %d of the image", len(got), len(image))
	}
	if got := r.Usage().Spooled; got != int64(len(image)) {
		t.Errorf("%d bytes spooled, want %d", got, len(image))
	}
}

func TestMosaicRefusesWhatIsNoRange(t *testing.T) {
	m, _ := mosaicOf(t, make([]byte, 3*rangeSize+5), 1<<20)
	for _, x := range []struct{ offset, length uint64 }{
		{1, rangeSize}, {0, rangeSize - 1}, {0, rangeSize + 1}, {0, 0}, {3 * rangeSize, rangeSize}, {3 * rangeSize, 4},
		{4 * rangeSize, 5}, {1 << 63, rangeSize}, {^uint64(0) - rangeSize + 1, rangeSize},
	} {
		if ok, err := m.wants(x.offset, x.length); ok || !errors.Is(err, errRange) {
			t.Errorf("wants(%d, %d) = %v, %v, want %v", x.offset, x.length, ok, err, errRange)
		}
	}
	if ok, err := m.wants(3*rangeSize, 5); !ok || err != nil {
		t.Errorf("wants the last range: %v, %v", ok, err)
	}
	if err := m.put(make([]byte, rangeSize), 0); err != nil {
		t.Fatal(err)
	}
	if ok, err := m.wants(0, rangeSize); ok || err != nil {
		t.Errorf("wants a range that is there: %v, %v, want false", ok, err)
	}
	m.close()
	if _, err := m.wants(rangeSize, rangeSize); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("wants after close: %v, want %v", err, io.ErrClosedPipe)
	}
}

// A full disk ends the image for the reader too.
func TestMosaicOnAFullDisk(t *testing.T) {
	image := make([]byte, 3*rangeSize)
	m, _ := mosaicOf(t, image, 2*rangeSize)
	for i := range 3 {
		if err := m.put(tile(image, 2-i)); (i == 2) != errors.Is(err, ErrNoSpace) {
			t.Errorf("put number %d: %v", i, err)
		}
	}
	if n, err := m.Read(make([]byte, 10)); n != 0 || !errors.Is(err, ErrNoSpace) {
		t.Errorf("Read = %d, %v, want %v", n, err, ErrNoSpace)
	}
}

func TestMosaicReadWaits(t *testing.T) {
	image := make([]byte, 2*rangeSize)
	m, _ := mosaicOf(t, image, 1<<20)
	synctest.Test(t, func(t *testing.T) {
		m.change = make(chan struct{})
		m.put(tile(image, 1))
		began, p := time.Now(), make([]byte, 10)
		m.SetReadDeadline(began.Add(time.Second))
		if _, err := m.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("Read without its range: %v after %v, want a timeout after 1s", err, time.Since(began))
		}
		m.SetReadDeadline(time.Time{})
		time.AfterFunc(time.Second, func() { m.SetReadDeadline(past) })
		if _, err := m.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 2*time.Second {
			t.Errorf("Read cut short: %v after %v", err, time.Since(began))
		}
		m.SetReadDeadline(time.Time{})
		time.AfterFunc(time.Second, func() { m.put(tile(image, 0)) })
		if n, err := m.Read(p); n != 10 || err != nil || time.Since(began) != 3*time.Second {
			t.Errorf("Read = %d, %v after %v, want 10 after 3s", n, err, time.Since(began))
		}
		time.AfterFunc(time.Second, m.close)
		if _, err := io.ReadAll(m); err != nil {
			t.Errorf("the rest: %v", err)
		}
		time.Sleep(2 * time.Second)
	})
}
