package stego

import (
	"encoding/binary"
	"sync"
)

// conveyor takes an image's rows in bands, has several of them deflated at once
// and writes them in their order. This is the only place in the package that
// starts goroutines, and rows waits for all of them.
type conveyor struct {
	p     *pngWriter
	queue []*band       // begun and not written, in order
	wrote *band         // the last one written: the next may still look at it
	spare chan struct{} // a place for each core beside the caller's
	work  sync.WaitGroup
	adler uint32
}

// rows writes all rows of an image on so many cores, that of the caller being
// one: it reads, and deflates what finds no other core free. The bytes are the
// same however many there are.
func (p *pngWriter) rows(from rows, cores int) error {
	c := &conveyor{p: p, spare: make(chan struct{}, max(1, cores)-1), adler: 1}
	defer c.end()
	var b *band
	for y := 0; y < p.l.height && p.err == nil; y += b.n {
		b = c.next(b)
		if err := b.read(from, y); err != nil {
			close(b.done)
			return err
		}
		c.start(b)
		c.write(2 * cap(c.spare))
	}
	c.write(0)
	return nil
}

// next returns an empty band to be put behind b.
func (c *conveyor) next(b *band) *band {
	fresh := bands.Get().(*band)
	fresh.begin(c.p.l, b)
	c.queue = append(c.queue, fresh)
	return fresh
}

// start has a band deflated: by another core if one is free, else here and now.
func (c *conveyor) start(b *band) {
	select {
	case c.spare <- struct{}{}:
		c.work.Add(1)
		go func() {
			defer c.work.Done()
			b.deflate()
			<-c.spare
		}()
	default:
		b.deflate()
	}
}

// write writes the bands at the head of the queue that are done, and waits for
// them only while more than so many are in it. A writer that fails ends it.
func (c *conveyor) write(most int) {
	for len(c.queue) > 0 && c.p.err == nil && (len(c.queue) > most || c.queue[0].isDone()) {
		b := c.queue[0]
		<-b.done
		c.queue = c.queue[1:]
		c.adler = joinAdler(c.adler, b.adler, len(b.lines))
		if b.last {
			b.out.Write(binary.BigEndian.AppendUint32(nil, c.adler))
		}
		c.p.chunk("IDAT", b.out.Bytes())
		c.release(c.wrote)
		c.wrote, b.prev = b, nil
	}
}

// isDone reports whether a band can be written.
func (b *band) isDone() bool {
	select {
	case <-b.done:
		return true
	default:
		return false
	}
}

// release lets others use a band, unless absurdly long rows made it too large to keep.
func (c *conveyor) release(b *band) {
	if b != nil && cap(b.rows) <= 4*bandSize {
		b.prev = nil
		bands.Put(b)
	}
}

// end waits for all that was started.
func (c *conveyor) end() {
	c.work.Wait()
	c.release(c.wrote)
	for _, b := range c.queue {
		c.release(b)
	}
}
