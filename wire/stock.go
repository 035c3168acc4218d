package wire

// stock is memory from which datagrams are cut, a large piece at a time. What is cut off is its taker's for good.
type stock struct {
	rest  []byte
	piece int // length of the last piece: few send much
}

const maxPiece = 16 << 10

// cut returns room for n bytes, which are not there yet.
func (s *stock) cut(n int) []byte {
	if len(s.rest) < n {
		s.piece = min(2*s.piece+MaxDatagram, maxPiece)
		s.rest = make([]byte, s.piece)
	}
	p := s.rest[:0:n]
	s.rest = s.rest[n:]
	return p
}
