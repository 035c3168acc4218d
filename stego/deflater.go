package stego

import (
	"bytes"
	"sync"

	"github.com/klauspost/compress/flate"
)

const (
	matchLevel = 6
	reach      = 32 << 10 // how far back a match may look: RFC 1951, §2
)

// deflaters keep what a deflater allocates, a megabyte where it looks for
// matches, from one band to the next and between callers. What one wrote before
// does not show in what it writes.
var (
	huffmans = sync.Pool{New: func() any { return newDeflater(flate.HuffmanOnly) }}
	matchers = sync.Pool{New: func() any { return newDeflater(matchLevel) }}
)

// newDeflater is flate.NewWriter with a level that is known to exist.
func newDeflater(level int) *flate.Writer {
	w, err := flate.NewWriter(nil, level)
	if err != nil {
		panic("stego: " + err.Error())
	}
	return w
}

// deflate appends blocks that end on a byte boundary, by a sync flush: such
// pieces make a stream when put one behind the other. before is what precedes
// lines in it: matches may look back there, Huffman codes alone do not.
func deflate(out *bytes.Buffer, lines, before []byte, matching bool) {
	pool := &huffmans
	if matching {
		pool = &matchers
	}
	w := pool.Get().(*flate.Writer)
	w.ResetDict(out, before)
	w.Write(lines) // a bytes.Buffer takes everything
	w.Flush()
	w.ResetDict(nil, nil) // let go of both
	pool.Put(w)
}

// tail returns the end of b that a match may look back to.
func tail(b []byte) []byte { return b[max(0, len(b)-reach):] }

// joinAdler returns the Adler-32 checksum of two strings of bytes of which each
// has one, the second being n bytes long: RFC 1950, §8.2. Both halves are sums,
// and each byte of the second adds the first's lower half once more to the upper.
func joinAdler(first, second uint32, n int) uint32 {
	const mod = 65521
	lower, upper := first&0xffff, first>>16
	more := uint32(uint64(n)*uint64(lower+mod-1)%mod) + second>>16
	return (upper+more)%mod<<16 | (lower+second&0xffff+mod-1)%mod
}
