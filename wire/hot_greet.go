package wire

// Greetings are looked at by hand too: while a peer is missed, they are most of what is sent.

func (h Hello) append(p []byte) []byte { return h.fields(append(p, cborMap|h.pairs())) }

func (h *Hello) fields(p []byte) []byte {
	p = appendHead(append(p, 1), cborUint, uint64(h.MinVersion))
	p = appendHead(append(p, 2), cborUint, uint64(h.MaxVersion))
	p = appendField(p, 3, h.Features)
	p = appendText(p, 4, h.Name)
	p = appendAddresses(p, 5, h.Control)
	p = appendAddresses(p, 6, h.Data)
	p = appendBytes(p, 7, h.Cookie)
	p = appendBytes(p, 8, h.Echo)
	return appendBytes(p, 9, h.Pad)
}

func (h *Hello) read(c *cursor) {
	pairs := c.head(cborMap)
	h.readFields(c)
	c.expect(pairs == uint64(h.pairs()))
}

func (h *Hello) readFields(c *cursor) {
	c.key(1)
	h.MinVersion = uint8(c.limited(1<<8 - 1))
	c.key(2)
	h.MaxVersion = uint8(c.limited(1<<8 - 1))
	h.Features = c.number(3, 1<<64-1)
	h.Name = c.text(4)
	h.Control, h.Data = c.addresses(5), c.addresses(6)
	h.Cookie, h.Echo, h.Pad = c.blob(7), c.blob(8), c.blob(9)
}

func (h *Hello) pairs() byte {
	return 2 + filled(h.Features, uint64(len(h.Name)), uint64(len(h.Control)), uint64(len(h.Data)), uint64(len(h.Cookie)),
		uint64(len(h.Echo)), uint64(len(h.Pad)))
}

func (h HelloAck) append(p []byte) []byte {
	p = h.fields(append(p, cborMap|h.pairs()))
	p = appendField(p, 20, uint64(h.Refused))
	return appendText(p, 21, h.Detail)
}

func (h *HelloAck) read(c *cursor) {
	pairs := c.head(cborMap)
	h.readFields(c)
	h.Refused = Code(c.number(20, 1<<8-1))
	h.Detail = c.text(21)
	c.expect(pairs == uint64(h.pairs()))
}

func (h *HelloAck) pairs() byte {
	return h.Hello.pairs() + filled(uint64(h.Refused), uint64(len(h.Detail)))
}
