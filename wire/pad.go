package wire

// Questions are padded, because no answer may be longer than its question (PROTOCOL.md §2.5).
const (
	questionSize = 640         // holds any answer about one node
	querySize    = MaxDatagram // holds a list of nodes
)

// pads says of each kind of question how long its datagram is to be, and which key its pad has: its last.
var pads = [len(rules)]struct {
	size int
	key  byte
}{
	KindLeaderQuery:           {querySize, 2},
	KindTaskAssignmentRequest: {questionSize, 7},
	KindTaskStatusQuery:       {questionSize, 3},
	KindHello:                 {questionSize, 9},
}

// pad lengthens an encoded question that has no pad yet. What is no question it leaves as it is.
func pad(k Kind, p []byte) []byte {
	n := padding(pads[k].size, k, len(p))
	if n == 0 {
		return p
	}
	p[0]++ // the map has one pair more, and of so few the first byte tells
	return appendBytes(p, pads[k].key, zeros[:n])
}

// bare is a question without what its asker put in for a pad.
func bare(m Message) Message {
	switch q := m.(type) {
	case LeaderQuery:
		if q.Pad != nil {
			q.Pad = nil
			return q
		}
	case TaskAssignmentRequest:
		if q.Pad != nil {
			q.Pad = nil
			return q
		}
	case TaskStatusQuery:
		if q.Pad != nil {
			q.Pad = nil
			return q
		}
	case Hello:
		if q.Pad != nil {
			q.Pad = nil
			return q
		}
	}
	return m
}

// zeros is what every pad is made of; nobody writes to it.
var zeros [MaxDatagram]byte

// padding is the length of the longest pad with which the datagram of a message of n bytes, which has none yet, is at most want.
func padding(want int, k Kind, n int) int {
	pad := max(0, want-sizeOf(k, n)-2)
	for pad > 0 && sizeOf(k, n+1+bytesSize(pad)) > want { // its key is one byte
		pad--
	}
	return pad
}

// filler is a pad for m, which has none yet.
func filler(want int, m Message) []byte {
	n := padding(want, m.Kind(), len(marshal(m)))
	return zeros[:n:n]
}

// Size is the length of the datagram in which SendTo sends m: what has to be at most an event's Room.
func Size(m Message) int { return sizeOf(m.Kind(), len(marshal(m))) }

// sizeOf is the length of a datagram with one NON of n bytes, and nothing else.
func sizeOf(k Kind, n int) int {
	return overhead + bareOverhead + frame{Kind: k}.size() - bytesSize(0) + bytesSize(n)
}
