package stego

// describe says what the output of a PNG is.
func (p *pngReader) describe() (Info, error) {
	i := Info{
		Source: "png", Width: int(p.h.width), Height: int(p.h.height),
		Model: Model(p.h.kind), Depth: max(8, p.h.depth), Interlaced: p.h.interlaced,
	}
	want := map[byte]int{byte(Gray): 2, byte(RGB): 6}
	switch {
	case p.h.kind == typePalette && p.palette == nil:
		return i, &FormatError{Kind: "png", Reason: "palette image without a PLTE chunk"}
	case p.h.kind == typePalette:
		i.Model = RGB
		if len(p.trns) > len(p.palette)/3 {
			return i, &FormatError{Kind: "png", Chunk: "tRNS", Offset: p.trnsAt, Reason: "longer than the palette"}
		}
	case p.trns != nil && len(p.trns) != want[p.h.kind]:
		return i, &FormatError{Kind: "png", Chunk: "tRNS", Offset: p.trnsAt, Reason: "does not fit the colour type"}
	}
	if p.trns != nil {
		i.Model |= GrayAlpha
	}
	i.Expanded = p.h.kind == typePalette || p.h.depth < 8 || p.trns != nil
	return i, nil
}

// expander returns what makes an output row of a file's row; nil: they are the same.
func (p *pngReader) expander(info Info) func(dst, raw []byte) error {
	switch {
	case !info.Expanded:
		return nil
	case p.h.kind == typePalette:
		return p.expandPalette
	case p.h.depth < 8:
		return p.expandGray
	}
	return p.expandKey
}

// expandPalette looks each pixel up.
func (p *pngReader) expandPalette(dst, raw []byte) error {
	at := 0
	for x := range int(p.h.width) {
		v := int(small(raw, x, p.h.depth))
		if v*3 >= len(p.palette) {
			return &FormatError{Kind: "png", Reason: "pixel outside the palette"}
		}
		at += copy(dst[at:], p.palette[v*3:v*3+3])
		if p.trns != nil {
			dst[at] = 0xff
			if v < len(p.trns) {
				dst[at] = p.trns[v]
			}
			at++
		}
	}
	return nil
}

// expandGray makes gray of 1, 2 or 4 bits one of 8.
func (p *pngReader) expandGray(dst, raw []byte) error {
	scale := byte(0xff / (1<<p.h.depth - 1))
	at := 0
	for x := range int(p.h.width) {
		v := small(raw, x, p.h.depth)
		dst[at] = v * scale
		at++
		if p.trns != nil {
			dst[at] = opaqueUnless(p.trns[0] == 0 && p.trns[1] == v)
			at++
		}
	}
	return nil
}

// expandKey adds alpha to gray or RGB: 0 where a pixel is exactly the colour in tRNS.
func (p *pngReader) expandKey(dst, raw []byte) error {
	size := p.h.depth / 8
	step := Model(p.h.kind).channels() * size
	for begin := 0; begin+step <= len(raw); begin += step {
		alpha := opaqueUnless(p.isKey(raw[begin:begin+step], size))
		dst = dst[copy(dst, raw[begin:begin+step]):]
		for i := range size {
			dst[i] = alpha
		}
		dst = dst[size:]
	}
	return nil
}

// isKey reports whether a pixel has the colour in tRNS, whose samples have 16 bits.
func (p *pngReader) isKey(pixel []byte, size int) bool {
	for i, v := range pixel {
		if size == 2 && v != p.trns[i] {
			return false
		}
		if size == 1 && (v != p.trns[2*i+1] || p.trns[2*i] != 0) {
			return false
		}
	}
	return true
}

func opaqueUnless(transparent bool) byte {
	if transparent {
		return 0
	}
	return 0xff
}
