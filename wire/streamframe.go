package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// MaxFrame is the usual bound of a stream frame: a TaskRequest holds the sealed payload.
const MaxFrame = 64 << 20

// streamParsers decode the body of a stream frame. A kind that is not in it is refused.
var streamParsers = [...]func([]byte) (Frame, error){
	StreamTaskRequest:  parseFrame[TaskRequest],
	StreamTaskResponse: parseFrame[TaskResponse],
	StreamTaskTrailer:  parseFrame[TaskTrailer],
	StreamTaskAck:      parseFrame[TaskAck],
	StreamTaskCancel:   parseFrame[TaskCancel],
	StreamFetch:        parseFrame[Fetch],
	StreamQuery:        parseFrame[Query],
	StreamReport:       parseFrame[Report],
	StreamTaskRange:    parseFrame[TaskRange],
	StreamFault:        parseFrame[Fault],
	StreamStepDown:     parseFrame[StepDown],
	StreamReload:       parseFrame[Reload],
}

func parseFrame[F Frame](p []byte) (Frame, error) {
	var f F
	if err := unmarshal(p, &f, fmt.Sprintf("%T", f)[len("wire."):]); err != nil {
		return nil, err
	}
	return f, bounds(f)
}

// AppendFrame appends f as a stream carries it: length (4, big endian, of all that follows) ‖ kind (1) ‖ CBOR.
func AppendFrame(p []byte, f Frame) ([]byte, error) {
	v := tidy(f)
	if err := bounds(v); err != nil {
		return p, err
	}
	body := marshal(v)
	p = binary.BigEndian.AppendUint32(p, uint32(1+len(body)))
	p = append(p, byte(f.StreamKind()))
	return append(p, body...), nil
}

// WriteFrame writes f with one Write.
func WriteFrame(w io.Writer, f Frame) error {
	p, err := AppendFrame(nil, f)
	if err != nil {
		return err
	}
	_, err = w.Write(p)
	return err
}

// ReadFrame reads one frame of at most max bytes. Memory grows with what arrives, not with what the length promises.
// At the end of the stream it returns io.EOF between frames and io.ErrUnexpectedEOF within one.
func ReadFrame(r io.Reader, max int) (Frame, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:1]); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(r, head[1:]); err != nil {
		return nil, unexpected(err)
	}
	n, kind := int64(binary.BigEndian.Uint32(head[:4])), head[4]
	switch {
	case n < 1:
		return nil, FormatError("empty stream frame")
	case n > int64(max):
		return nil, FormatError(fmt.Sprintf("stream frame of %d bytes, at most %d", n, max))
	case int(kind) >= len(streamParsers) || streamParsers[kind] == nil:
		return nil, FormatError(fmt.Sprintf("unknown stream frame %d", kind))
	}
	var body bytes.Buffer
	if _, err := io.CopyN(&body, r, n-1); err != nil {
		return nil, unexpected(err)
	}
	return streamParsers[kind](body.Bytes())
}

// unexpected says that a stream ended where it must not.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
