package stego

// MaxContent is the largest payload content, in bytes before compression.
const MaxContent = 64 << 20

// maxWidth bounds a row, so that no header makes a reader hold more than 8 MiB per row.
const maxWidth = 1 << 20

// Limits bounds what a carrier may cost.
type Limits struct {
	// MaxPixels is the most pixels an image may announce. If zero, 100e6 is used.
	MaxPixels int64
	// MaxBytes is the largest file of the formats that are read whole
	// (GIF, BMP, TIFF, WebP). If zero, 256 MiB is used.
	MaxBytes int64
}

func (l Limits) pixels() int64 {
	if l.MaxPixels == 0 {
		return 100e6
	}
	return l.MaxPixels
}

func (l Limits) bytes() int64 {
	if l.MaxBytes == 0 {
		return 256 << 20
	}
	return l.MaxBytes
}

// check says whether an image of this size may be read at all.
func (l Limits) check(kind string, width, height int64) error {
	switch {
	case width <= 0 || height <= 0:
		return &FormatError{Kind: kind, Reason: "image has no pixels"}
	case width > l.pixels()/height:
		return &LimitError{Pixels: saturate(width, height), Max: l.pixels()}
	case width > maxWidth:
		return &UnsupportedError{What: "image wider than 1048576 pixels"}
	}
	return nil
}

// saturate returns a × b, or the greatest int64 where that does not fit.
func saturate(a, b int64) int64 {
	if a > (1<<63-1)/b {
		return 1<<63 - 1
	}
	return a * b
}

// Info is what a carrier offers. Model and Depth are those of the v1 output.
type Info struct {
	Source        string // Source is png, jpeg, gif, bmp, tiff or webp.
	Width, Height int
	Model         Model
	Depth         int  // Depth is the bits of an output sample: 8 or 16.
	Expanded      bool // Expanded: the output's samples are not the file's (palette, depth below 8, tRNS, CMYK).
	Interlaced    bool // Interlaced: Adam7, or a progressive JPEG: all of it is held in memory to read it.

	// Usable counts the samples v1 may change; Window counts those of them that
	// may carry payload, behind the head (docs/STEGO.md §4). Probe leaves both
	// zero where there is alpha; Measure counts them exactly.
	Usable, Window int64
	// Measured reports whether Usable and Window are exact.
	Measured bool
}

// Pixels returns how many pixels the image has.
func (i Info) Pixels() int64 { return int64(i.Width) * int64(i.Height) }

// Splices reports whether embedding in a format decodes only the rows it changes and passes the rest of the file through:
// then it works on an upload as it arrives, in memory that does not grow with the image.
func (i Info) Splices(f Format) bool {
	return i.Source == "png" && !i.Expanded && !i.Interlaced && (f == V1 || i.Model.colored() == i.Model)
}

// Memory returns about how many bytes embedding e holds at most for this carrier
// (the worst window, the decoder's own image), to weigh requests by. Of a PNG with alpha so many
// rows may be held until it is known how many the window takes.
func (i Info) Memory(e *Embedding) int64 {
	const flat = 8 << 20
	image := i.Pixels() * int64(i.Model.channels()*i.Depth/8)
	samples := i.Pixels() * int64(i.Model.Colors())
	if window := e.need() + int64(i.Width*i.Model.Colors()); e.Format == V1 && e.Rate > 0 && !i.Model.Alpha() {
		samples = min(samples, window)
	}
	lowest, rows := samples/8, 8*int64(i.layout().row())
	switch {
	case i.Source == "jpeg":
		return flat + lowest + image*i.jpegCost()
	case i.Source != "png":
		return flat + lowest + 3*image
	case i.Interlaced && i.Model.Alpha():
		return flat + lowest + 2*image
	case i.Interlaced:
		return flat + lowest + image
	case i.Model.Alpha():
		return flat + lowest + rows + aheadCost*mostAhead
	}
	return flat + lowest + rows
}

// jpegCost returns how many times the output's size the decoder holds: four more
// samples for CMYK and its parts, and coefficients of 4 bytes where progressive.
func (i Info) jpegCost() int64 {
	cost := int64(1)
	if i.Expanded {
		cost = 3
	}
	if i.Interlaced {
		cost += 5
	}
	return cost
}

// Capacity is how many bytes of content fit, after compression.
type Capacity struct {
	Bytes   int64 // Bytes is the most that fits, at rate 1.
	Default int64 // Default is what fits at the default rate; classic has one rate only.
	Fits    bool  // Fits: something does. In v1 that may be an empty text and no more: then Bytes is 0.
}

// Capacity returns what the carrier holds. A v1 answer needs a measured Info.
func (i Info) Capacity(f Format) Capacity {
	if f == Classic {
		most := max(0, i.Pixels()*3/8-classicHead)
		return Capacity{Bytes: most, Default: most, Fits: most > 0}
	}
	return Capacity{Bytes: i.holds(1), Default: i.holds(DefaultRate), Fits: i.Window >= windowNeed(tagSize, 1)}
}

// holds returns the content bytes that fit at a rate.
func (i Info) holds(rate int64) int64 {
	return min(MaxContent, max(0, i.Window/(8*rate)-tagSize))
}

// Largest returns the most bytes that an output can have for a carrier of so many, whoever deflates it how: rows in colour, as
// classic writes them, stored as they are, each in a chunk of its own, and metadata that takes no more than the whole carrier.
func (i Info) Largest(carrier int64) int64 {
	const (
		perRow = 32       // a filter, a chunk around it, the head of a deflate block
		around = 64 << 10 // the file's other chunks, a profile that did not deflate
	)
	l := i.layout()
	l.model = l.model.colored()
	row := int64(l.row())
	return int64(i.Height)*(row+row>>10+perRow) + carrier + around
}

// layout returns the shape of the output's rows.
func (i Info) layout() layout {
	return layout{width: i.Width, height: i.Height, model: i.Model, depth: i.Depth}
}

// count fills Usable and Window where every sample is usable.
func (i *Info) count() {
	if i.Model.Alpha() {
		return
	}
	perRow := int64(i.Width) * int64(i.Model.Colors())
	i.Usable, i.Measured = perRow*int64(i.Height), true
	i.Window = windowOf(i.Usable)
}

// windowOf returns how many of so many usable samples may carry payload.
func windowOf(usable int64) int64 { return max(0, usable-headBits) }
