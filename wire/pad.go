package wire

// Questions are padded, because no answer may be longer than its question (PROTOCOL.md §2.5).
const (
	questionSize = 640         // holds any answer about one node
	querySize    = MaxDatagram // holds a list of nodes
)

// padded lengthens a client's question.
func padded(m Message) Message {
	switch q := m.(type) {
	case LeaderQuery:
		q.Pad = filler(Size(q), min(querySize, Size(q)-len(marshal(q))+MaxPayload))
		return q
	case TaskAssignmentRequest:
		q.Pad = filler(Size(q), questionSize)
		return q
	case TaskStatusQuery:
		q.Pad = filler(Size(q), questionSize)
		return q
	case Hello:
		q.Pad = filler(Size(q), questionSize)
		return q
	}
	return m
}

// filler is the pad that makes a datagram of have bytes want long, or a few bytes less.
func filler(have, want int) []byte {
	const key, length, payload = 1, 3, 2 // the pad's own head, and how much its frame's may grow
	return make([]byte, max(0, want-have-key-length-payload))
}
