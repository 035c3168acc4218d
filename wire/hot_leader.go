package wire

// Who leads is what clients ask most.

func (q LeaderQuery) append(p []byte) []byte {
	p = append(p, cborMap|q.pairs())
	p = appendHead(append(p, 1), cborUint, q.Nonce)
	return appendBytes(p, 2, q.Pad)
}

func (q *LeaderQuery) read(c *cursor) {
	pairs := c.head(cborMap)
	q.Nonce, q.Pad = c.must(1), c.blob(2)
	c.expect(pairs == uint64(q.pairs()))
}

func (q *LeaderQuery) pairs() byte { return 1 + filled(uint64(len(q.Pad))) }

func (l LeaderResponse) append(p []byte) []byte {
	p = append(p, cborMap|l.pairs())
	p = appendHead(append(p, 1), cborUint, l.Nonce)
	p = appendID(append(p, 2), l.Leader)
	p = appendField(p, 3, l.Epoch)
	p = appendHead(append(p, 4), cborArray, uint64(len(l.Nodes)))
	for i := range l.Nodes {
		p = l.Nodes[i].append(p)
	}
	p = appendID(append(p, 5), l.Cluster)
	p = appendText(p, 6, l.Label)
	p = append(appendHead(append(p, 7), cborBytes, uint64(len(l.Authority))), l.Authority...)
	p = append(appendHead(append(p, 8), cborBytes, uint64(len(l.Cookie))), l.Cookie...)
	p = appendTrue(p, 9, l.Token)
	if len(l.Kin) > 0 {
		p = appendHead(append(p, 10), cborArray, uint64(len(l.Kin)))
	}
	for i := range l.Kin {
		p = l.Kin[i].append(p)
	}
	return p
}

func (l *LeaderResponse) read(c *cursor) {
	pairs := c.head(cborMap)
	l.Nonce, l.Leader, l.Epoch = c.must(1), c.id(2), c.number(3, 1<<64-1)
	c.key(4)
	l.Nodes = make([]Node, c.count(maxNodes))
	for i := range l.Nodes {
		l.Nodes[i].read(c)
	}
	l.Cluster, l.Label = c.id(5), c.text(6)
	c.key(7)
	l.Authority = c.clone()
	c.key(8)
	l.Cookie = c.clone()
	l.Token = c.isTrue(9)
	if c.field(10) {
		l.Kin = make([]Kin, c.some(maxKin))
	}
	for i := range l.Kin {
		l.Kin[i].read(c)
	}
	c.expect(pairs == uint64(l.pairs()))
}

func (l *LeaderResponse) pairs() byte {
	return 6 + filled(l.Epoch, uint64(len(l.Label)), number(l.Token), uint64(len(l.Kin)))
}

func (k *Kin) append(p []byte) []byte {
	p = append(p, cborMap|k.pairs())
	p = append(appendHead(append(p, 1), cborBytes, uint64(len(k.Authority))), k.Authority...)
	return appendBytes(p, 2, k.Statement)
}

func (k *Kin) read(c *cursor) {
	pairs := c.head(cborMap)
	c.key(1)
	k.Authority = c.clone()
	k.Statement = c.blob(2)
	c.expect(pairs == uint64(k.pairs()))
}

func (k *Kin) pairs() byte { return 1 + filled(uint64(len(k.Statement))) }

func (n *Node) append(p []byte) []byte {
	p = append(p, cborMap|n.pairs())
	p = appendID(append(p, 1), n.ID)
	p = append(appendHead(append(p, 2), cborText, uint64(len(n.Name))), n.Name...)
	p = appendAddresses(p, 3, n.Control)
	return appendAddresses(p, 4, n.Data)
}

func (n *Node) read(c *cursor) {
	pairs := c.head(cborMap)
	n.ID = c.id(1)
	c.key(2)
	n.Name = c.words()
	n.Control, n.Data = c.addresses(3), c.addresses(4)
	c.expect(pairs == uint64(n.pairs()))
}

func (n *Node) pairs() byte { return 2 + filled(uint64(len(n.Control)), uint64(len(n.Data))) }
