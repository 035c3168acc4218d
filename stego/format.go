package stego

import "fmt"

// Format is a way of writing a payload into pixels.
type Format uint8

const (
	// V1 is the keyed and authenticated format of docs/STEGO.md §3. Its number was 1 while its window began with a row of its own: servers
	// and clients who place payloads differently refuse each other's jobs.
	V1 Format = 3
	// Classic is plain replacement of lowest bits, docs/STEGO.md §7.
	Classic Format = 2
)

// String returns the name that ParseFormat reads.
func (f Format) String() string {
	switch f {
	case V1:
		return "v1"
	case Classic:
		return "classic"
	}
	return fmt.Sprintf("format(%d)", uint8(f))
}

// ParseFormat returns the format of a name: v1 or classic.
func ParseFormat(name string) (Format, error) {
	switch name {
	case "v1":
		return V1, nil
	case "classic":
		return Classic, nil
	}
	return 0, fmt.Errorf("stego: unknown format %q: it is v1 or classic", name)
}

// Kind says what a payload is.
type Kind uint8

const (
	// Text is UTF-8, possibly empty.
	Text Kind = 1
	// File is any bytes with a file name, which may be empty.
	File Kind = 2
)

// String returns "text" or "file".
func (k Kind) String() string {
	switch k {
	case Text:
		return "text"
	case File:
		return "file"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Model is the colour model of an output image. Its number is the PNG colour type.
type Model uint8

const (
	// Gray has one colour sample per pixel.
	Gray Model = 0
	// RGB has three colour samples per pixel.
	RGB Model = 2
	// GrayAlpha has one colour sample and alpha.
	GrayAlpha Model = 4
	// RGBA has three colour samples and alpha, not premultiplied.
	RGBA Model = 6
)

// String returns the model's usual name.
func (m Model) String() string {
	switch m {
	case Gray:
		return "gray"
	case RGB:
		return "rgb"
	case GrayAlpha:
		return "gray+alpha"
	case RGBA:
		return "rgba"
	}
	return fmt.Sprintf("model(%d)", uint8(m))
}

// Colors returns how many colour samples a pixel has, alpha not counted.
func (m Model) Colors() int {
	if m&2 != 0 {
		return 3
	}
	return 1
}

// Alpha reports whether pixels have an alpha sample.
func (m Model) Alpha() bool { return m&4 != 0 }

// channels returns how many samples a pixel has, alpha counted.
func (m Model) channels() int {
	if m.Alpha() {
		return m.Colors() + 1
	}
	return m.Colors()
}

// colored returns the model that classic writes for m: gray becomes RGB.
func (m Model) colored() Model { return m | 2 }
