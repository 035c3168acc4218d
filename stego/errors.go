package stego

import (
	"errors"
	"fmt"
	"io"
)

// ErrNoPayload means that nothing is hidden in an image, or that it is sealed
// with another passphrase: by design the two cannot be told apart.
var ErrNoPayload = errors.New("stego: no hidden payload")

// CapacityError means that a payload does not fit into an image. Both numbers
// are bytes of content after compression, as Capacity counts them.
type CapacityError struct {
	Need, Have int64
	Name       int64 // Name is how many bytes of content, before compression, a file's name takes; zero: it is a text, or not known.
	Deflated   bool  // Deflated: Need is less than what was given.
}

func (e *CapacityError) Error() string {
	if e.Need <= e.Have {
		return "stego: image is too small to hold any payload"
	}
	holds := "image holds"
	if e.Have == MaxContent {
		holds = "no image holds more than"
	}
	return fmt.Sprintf("stego: payload needs %d bytes, %s %d%s", e.Need, holds, e.Have, e.why())
}

// why says why Need is not the size of what was given.
func (e *CapacityError) why() string {
	switch {
	case e.Deflated && e.Name > 0:
		return " (after compression, the file's name included)"
	case e.Deflated:
		return " (after compression)"
	case e.Name > 0:
		return fmt.Sprintf(" (the file's name takes %d of the bytes needed)", e.Name)
	}
	return ""
}

// PayloadError means that a payload cannot be hidden in any image.
type PayloadError struct{ Reason string }

func (e *PayloadError) Error() string { return "stego: payload: " + e.Reason }

// LimitError means that an image announces more pixels than allowed.
type LimitError struct{ Pixels, Max int64 }

func (e *LimitError) Error() string {
	return fmt.Sprintf("stego: image has %d pixels, limit is %d", e.Pixels, e.Max)
}

// FormatError means that an image, or what is hidden in it, is damaged.
type FormatError struct {
	Kind   string // Kind is the file format, or "payload".
	Chunk  string // Chunk is the PNG chunk at fault. If empty, none is known.
	Offset int64  // Offset is where in the file the chunk begins. If zero, it is not known.
	Reason string
}

func (e *FormatError) Error() string {
	at := ""
	if e.Chunk != "" {
		at = fmt.Sprintf("%s chunk at byte %d: ", e.Chunk, e.Offset)
	}
	return "stego: invalid " + e.Kind + ": " + at + e.Reason
}

// UnsupportedError means that an image is of a type, or uses a feature, that is not handled.
type UnsupportedError struct{ What string }

func (e *UnsupportedError) Error() string { return "stego: unsupported: " + e.What }

// VerifyError means that an output is not what embedding into the carrier makes.
type VerifyError struct {
	Row    int // Row is the first image row that differs, or -1.
	Reason string
}

func (e *VerifyError) Error() string {
	if e.Row < 0 {
		return "stego: verification failed: " + e.Reason
	}
	return fmt.Sprintf("stego: verification failed: row %d: %s", e.Row, e.Reason)
}

// isEnd reports whether err means that the input ended, perhaps too early.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
