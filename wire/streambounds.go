package wire

// The bounds of PROTOCOL.md §9.3. Sealed bytes and reports are bounded by the frame that holds them.
const (
	secretSize      = 16
	maxProof        = 64
	maxFileName     = 255
	maxStreamDetail = 1024
)

func secret(p []byte) error {
	if len(p) != secretSize {
		return FormatError("a job secret that is not 16 bytes")
	}
	return nil
}

func (t TaskRequest) bounds() error {
	return first(secret(t.Secret), text("client", t.Client, maxName), text("name", t.Name, maxFileName),
		atMost("proof", len(t.Proof), maxProof))
}

func (t TaskResponse) bounds() error { return text("detail", t.Detail, maxStreamDetail) }

func (t TaskTrailer) bounds() error {
	return first(text("detail", t.Detail, maxStreamDetail), text("name", t.Name, maxName))
}

func (t TaskCancel) bounds() error { return secret(t.Secret) }

func (f Fetch) bounds() error {
	return first(secret(f.Secret), atMost("proof", len(f.Proof), maxProof))
}

func (q Query) bounds() error {
	return first(text("query", q.What, maxName), text("run", q.Run, maxName), atMost("proof", len(q.Proof), maxProof),
		atMost("proof", len(q.Peer), maxProof))
}

func (f Fault) bounds() error { return atMost("proof", len(f.Peer), maxProof) }

func (s StepDown) bounds() error { return atMost("proof", len(s.Peer), maxProof) }

func (r Reload) bounds() error { return atMost("proof", len(r.Peer), maxProof) }

func (r Report) bounds() error { return text("detail", r.Detail, maxStreamDetail) }

func (r TaskRange) bounds() error {
	return first(secret(r.Secret), atMost("proof", len(r.Proof), maxProof))
}
