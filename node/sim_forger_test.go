package node

import (
	"bytes"

	"p2pnode/wire"
)

// forger has no key. It says what looks right from outside, and what was right until a bit of it was changed, from any
// address. Nothing of it may change a node in any way.
type forger struct {
	r     *swarmRun
	cable *capture
}

func (f *forger) act() {
	for range 1 + f.r.rand.IntN(2) {
		x := f.r.any()
		p := f.garbage()
		if d, ok := f.cable.pick(); ok && f.r.rand.IntN(2) == 0 {
			p = f.damage(d.data)
		}
		f.r.check.forge(x, f.r.pretended(attackerAt(0)), p)
	}
}

// garbage is random octets of any length; the longer ones mostly have a header as it has to be.
func (f *forger) garbage() []byte {
	p := make([]byte, f.r.rand.IntN(wire.MaxDatagram+100))
	seeded{f.r.rand}.Read(p)
	if len(p) >= 32 && f.r.rand.IntN(4) > 0 {
		d, ok := f.cable.pick()
		if ok {
			copy(p, d.data[:[...]int{8, 24, 32}[f.r.rand.IntN(3)]])
		}
	}
	return p
}

// damage changes a bit, cuts octets off or adds some.
func (f *forger) damage(p []byte) []byte {
	p = bytes.Clone(p)
	switch f.r.rand.IntN(4) {
	case 0:
		return p[:f.r.rand.IntN(len(p))]
	case 1:
		return append(p, byte(f.r.rand.Uint32()))
	}
	p[f.r.rand.IntN(len(p))] ^= 1 << f.r.rand.IntN(8)
	return p
}
