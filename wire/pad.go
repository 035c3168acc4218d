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
		q.Pad = nil
		q.Pad = filler(querySize, q)
		return q
	case TaskAssignmentRequest:
		q.Pad = nil
		q.Pad = filler(questionSize, q)
		return q
	case TaskStatusQuery:
		q.Pad = nil
		q.Pad = filler(questionSize, q)
		return q
	case Hello:
		q.Pad = nil
		q.Pad = filler(questionSize, q)
		return q
	}
	return m
}

// zeros is what every pad is made of; nobody writes to it.
var zeros [MaxDatagram]byte

// filler returns the longest pad with which the size of m, which has none yet, is at most want.
func filler(want int, m Message) []byte {
	k, bare := m.Kind(), len(marshal(m))
	pad := max(0, want-sizeOf(k, bare)-2)
	for pad > 0 && sizeOf(k, bare+1+bytesSize(pad)) > want { // its key is one byte
		pad--
	}
	return zeros[:pad:pad]
}

// Size is the length of the datagram in which SendTo sends m: what has to be at most an event's Room.
func Size(m Message) int { return sizeOf(m.Kind(), len(marshal(m))) }

// sizeOf is the length of a datagram with one NON of n bytes, and nothing else.
func sizeOf(k Kind, n int) int {
	return overhead + bareOverhead + frame{Kind: k}.size() - bytesSize(0) + bytesSize(n)
}
