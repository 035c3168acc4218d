package wire

// Heartbeats and the pings around them are most of what peers say to each other, so they are encoded by hand. A test
// holds each equal to what encoding makes of it.

// hot is a message that appends its own CBOR form.
type hot interface{ append(p []byte) []byte }

// hotSize holds most of them.
const hotSize = 80

func (h Heartbeat) append(p []byte) []byte {
	p = append(p, cborMap|4+filled(uint64(h.Role), h.Digest, uint64(h.Count), uint64(h.View), h.Echo, h.Done, uint64(h.PID)))
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
	return appendField(p, 11, uint64(h.PID))
}

func (l Load) append(p []byte) []byte {
	p = append(p, cborMap|1+filled(uint64(l.CPU), uint64(l.Memory), uint64(l.Active)))
	p = appendHead(append(p, 1), cborUint, uint64(l.Score))
	p = appendField(p, 2, uint64(l.CPU))
	p = appendField(p, 3, uint64(l.Memory))
	return appendField(p, 4, uint64(l.Active))
}

func (m Ping) append(p []byte) []byte {
	p = append(p, cborMap|2+filled(m.Epoch))
	p = appendHead(append(p, 1), cborUint, m.Sequence)
	p = appendField(p, 2, m.Epoch)
	return appendID(append(p, 3), m.Leader)
}

func (m Pong) append(p []byte) []byte {
	p = append(p, cborMap|3+filled(m.Epoch))
	p = appendHead(append(p, 1), cborUint, m.Sequence)
	p = appendField(p, 2, m.Epoch)
	p = appendID(append(p, 3), m.Leader)
	return appendID(append(p, 4), m.Target)
}
