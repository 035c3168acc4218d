package wire

// Heartbeats and the pings around them are most of what peers say to each other, so they are encoded and decoded by hand;
// so are a few others, in hot_*.go.
// Tests hold what is appended equal to what the library makes of it, and what is read to what the library reads.

// hot is a message that appends its own CBOR form.
type hot interface{ append(p []byte) []byte }

// hotSize holds most of them.
const hotSize = 80

// hotReader is the other way, where the bytes are in that form; else the cursor is lost and the library reads them.
type hotReader interface{ read(c *cursor) }

func (h Heartbeat) append(p []byte) []byte {
	p = append(p, cborMap|h.pairs())
	p = appendHead(append(p, 1), cborUint, h.Sequence)
	p = appendHead(append(p, 2), cborUint, h.Epoch)
	p = appendID(append(p, 3), h.Leader)
	p = appendField(p, 4, uint64(h.Role))
	p = h.Load.append(append(p, 5))
	p = appendField(p, 6, h.Digest)
	p = appendField(p, 7, uint64(h.Count))
	p = appendField(p, 8, uint64(h.View))
	p = appendField(p, 9, h.Echo)
	p = appendField(p, 10, h.Done)
	p = appendField(p, 11, uint64(h.PID))
	if len(h.Met) > 0 {
		p = appendHead(append(p, 12), cborArray, uint64(len(h.Met)))
	}
	for i := range h.Met {
		p = h.Met[i].append(p)
	}
	return p
}

func (h *Heartbeat) read(c *cursor) {
	pairs := c.head(cborMap)
	h.Sequence, h.Epoch, h.Leader = c.must(1), c.must(2), c.id(3)
	h.Role = Role(c.number(4, 1<<8-1))
	c.key(5)
	h.Load.read(c)
	h.Digest = c.number(6, 1<<64-1)
	h.Count = uint32(c.number(7, 1<<32-1))
	h.View = uint16(c.number(8, 1<<16-1))
	h.Echo, h.Done = c.number(9, 1<<64-1), c.number(10, 1<<64-1)
	h.PID = uint32(c.number(11, 1<<32-1))
	if c.field(12) {
		h.Met = make([]Node, c.some(MaxMet))
	}
	for i := range h.Met {
		h.Met[i].read(c)
	}
	c.expect(pairs == uint64(h.pairs()))
}

func (h *Heartbeat) pairs() byte {
	return 4 + filled(uint64(h.Role), h.Digest, uint64(h.Count), uint64(h.View), h.Echo, h.Done, uint64(h.PID), uint64(len(h.Met)))
}

func (l Load) append(p []byte) []byte {
	p = append(p, cborMap|l.pairs())
	p = appendHead(append(p, 1), cborUint, uint64(l.Score))
	p = appendField(p, 2, uint64(l.CPU))
	p = appendField(p, 3, uint64(l.Memory))
	return appendField(p, 4, uint64(l.Active))
}

func (l *Load) read(c *cursor) {
	pairs := c.head(cborMap)
	c.key(1)
	l.Score = uint16(c.limited(1<<16 - 1))
	l.CPU = uint16(c.number(2, 1<<16-1))
	l.Memory = uint16(c.number(3, 1<<16-1))
	l.Active = uint16(c.number(4, 1<<16-1))
	c.expect(pairs == uint64(l.pairs()))
}

func (l *Load) pairs() byte { return 1 + filled(uint64(l.CPU), uint64(l.Memory), uint64(l.Active)) }

func (m Ping) append(p []byte) []byte {
	p = append(p, cborMap|2+filled(m.Epoch))
	p = appendHead(append(p, 1), cborUint, m.Sequence)
	p = appendField(p, 2, m.Epoch)
	return appendID(append(p, 3), m.Leader)
}

func (m *Ping) read(c *cursor) {
	pairs := c.head(cborMap)
	m.Sequence, m.Epoch, m.Leader = c.must(1), c.number(2, 1<<64-1), c.id(3)
	c.expect(pairs == uint64(2+filled(m.Epoch)))
}

func (m Pong) append(p []byte) []byte {
	p = append(p, cborMap|3+filled(m.Epoch))
	p = appendHead(append(p, 1), cborUint, m.Sequence)
	p = appendField(p, 2, m.Epoch)
	p = appendID(append(p, 3), m.Leader)
	return appendID(append(p, 4), m.Target)
}

func (m *Pong) read(c *cursor) {
	pairs := c.head(cborMap)
	m.Sequence, m.Epoch, m.Leader, m.Target = c.must(1), c.number(2, 1<<64-1), c.id(3), c.id(4)
	c.expect(pairs == uint64(3+filled(m.Epoch)))
}
