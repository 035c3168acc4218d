package wire

// Questions are padded, because no answer may be longer than its question (PROTOCOL.md §2.5).
const (
	questionSize = 640         // holds any answer about one node
	querySize    = MaxDatagram // holds a list of nodes
)

// padded lengthens a question.
func padded(m Message) Message {
	switch q := m.(type) {
	case LeaderQuery:
		q.Pad = filler(querySize, func(p []byte) int { q.Pad = p; return Size(q) })
		return q
	case TaskAssignmentRequest:
		q.Pad = filler(questionSize, func(p []byte) int { q.Pad = p; return Size(q) })
		return q
	case TaskStatusQuery:
		q.Pad = filler(questionSize, func(p []byte) int { q.Pad = p; return Size(q) })
		return q
	case Hello:
		q.Pad = filler(questionSize, func(p []byte) int { q.Pad = p; return Size(q) })
		return q
	}
	return m
}

// filler returns the longest pad with which size is at most want.
func filler(want int, size func(pad []byte) int) []byte {
	pad := make([]byte, max(0, want-size(nil)-2))
	for len(pad) > 0 && size(pad) > want {
		pad = pad[1:]
	}
	return pad
}
