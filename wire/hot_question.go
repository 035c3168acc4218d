package wire

// What clients ask about their jobs they ask again until they are answered.

func (t TaskAssignmentRequest) append(p []byte) []byte {
	p = append(p, cborMap|t.pairs())
	p = append(appendHead(append(p, 1), cborBytes, uint64(len(t.Cookie))), t.Cookie...)
	p = appendID(append(p, 2), t.Job)
	p = appendText(p, 3, t.Client)
	p = appendField(p, 4, t.Request)
	p = appendField(p, 5, t.Size)
	if len(t.Avoid) > 0 {
		p = appendHead(append(p, 6), cborArray, uint64(len(t.Avoid)))
		for _, id := range t.Avoid {
			p = appendID(p, id)
		}
	}
	return appendBytes(p, 7, t.Pad)
}

func (t *TaskAssignmentRequest) read(c *cursor) {
	pairs := c.head(cborMap)
	c.key(1)
	t.Cookie = c.clone()
	t.Job = c.id(2)
	t.Client, t.Request, t.Size = c.text(3), c.number(4, 1<<64-1), c.number(5, 1<<64-1)
	if c.field(6) {
		t.Avoid = make([]NodeID, c.some(maxAvoid))
		for i := range t.Avoid {
			t.Avoid[i] = c.nonce()
		}
	}
	t.Pad = c.blob(7)
	c.expect(pairs == uint64(t.pairs()))
}

func (t *TaskAssignmentRequest) pairs() byte {
	return 2 + filled(uint64(len(t.Client)), t.Request, t.Size, uint64(len(t.Avoid)), uint64(len(t.Pad)))
}

func (t TaskStatusQuery) append(p []byte) []byte {
	p = append(p, cborMap|t.pairs())
	p = append(appendHead(append(p, 1), cborBytes, uint64(len(t.Cookie))), t.Cookie...)
	p = appendID(append(p, 2), t.Job)
	return appendBytes(p, 3, t.Pad)
}

func (t *TaskStatusQuery) read(c *cursor) {
	pairs := c.head(cborMap)
	c.key(1)
	t.Cookie = c.clone()
	t.Job, t.Pad = c.id(2), c.blob(3)
	c.expect(pairs == uint64(t.pairs()))
}

func (t *TaskStatusQuery) pairs() byte { return 2 + filled(uint64(len(t.Pad))) }
