package wire

// Records go to every node, one by one and in chunks.

func (h HistoryAdd) append(p []byte) []byte    { return h.Record.append(append(p, cborMap|1, 1)) }
func (h HistoryRemove) append(p []byte) []byte { return h.Record.append(append(p, cborMap|1, 1)) }

func (h *HistoryAdd) read(c *cursor)    { h.Record.readOnly(c) }
func (h *HistoryRemove) read(c *cursor) { h.Record.readOnly(c) }

// readOnly reads a map that has a record and no more.
func (r *Record) readOnly(c *cursor) {
	c.expect(c.head(cborMap) == 1)
	c.key(1)
	r.read(c)
}

func (h HistoryChunk) append(p []byte) []byte {
	p = append(p, cborMap|h.pairs())
	p = appendHead(append(p, 1), cborUint, h.Buckets)
	p = appendHead(append(p, 2), cborArray, uint64(len(h.Records)))
	for i := range h.Records {
		p = h.Records[i].append(p)
	}
	p = appendTrue(p, 3, h.More)
	return appendField(p, 4, h.Epoch)
}

func (h *HistoryChunk) read(c *cursor) {
	pairs := c.head(cborMap)
	h.Buckets = c.must(1)
	c.key(2)
	h.Records = make([]Record, c.count(maxRecords))
	for i := range h.Records {
		h.Records[i].read(c)
	}
	h.More = c.isTrue(3)
	h.Epoch = c.number(4, 1<<64-1)
	c.expect(pairs == uint64(h.pairs()))
}

func (h *HistoryChunk) pairs() byte { return 2 + filled(number(h.More), h.Epoch) }

func (r *Record) append(p []byte) []byte {
	p = append(p, cborMap|r.pairs())
	p = appendID(append(p, 1), r.Job)
	p = appendHead(append(p, 2), cborUint, uint64(r.Attempt))
	p = appendHead(append(p, 3), cborUint, uint64(r.State))
	p = appendHead(append(p, 4), cborUint, r.Epoch)
	p = appendID(append(p, 5), r.Leader)
	p = appendID(append(p, 6), r.Server)
	p = appendText(p, 7, r.Client)
	p = appendField(p, 8, r.Request)
	p = appendBytes(p, 9, r.Owner)
	p = appendField(p, 10, r.Size)
	if r.Result != (Digest{}) {
		p = appendBytes(p, 11, r.Result[:])
	}
	return appendField(p, 12, uint64(r.Code))
}

func (r *Record) read(c *cursor) {
	pairs := c.head(cborMap)
	r.Job = c.id(1)
	c.key(2)
	r.Attempt = uint32(c.limited(1<<32 - 1))
	c.key(3)
	r.State = State(c.limited(1<<8 - 1))
	r.Epoch, r.Leader, r.Server = c.must(4), c.id(5), c.id(6)
	r.Client, r.Request, r.Owner, r.Size = c.text(7), c.number(8, 1<<64-1), c.blob(9), c.number(10, 1<<64-1)
	if c.field(11) {
		b := c.bytes()
		c.expect(copy(r.Result[:], b) == len(r.Result) && len(b) == len(r.Result))
	}
	r.Code = Code(c.number(12, 1<<8-1))
	c.expect(pairs == uint64(r.pairs()))
}

func (r *Record) pairs() byte {
	return 6 + filled(uint64(len(r.Client)), r.Request, uint64(len(r.Owner)), r.Size, number(r.Result != Digest{}), uint64(r.Code))
}
