package stego

// look are the chunks that change how pixels are shown.
var look = map[string]bool{
	"gAMA": true, "cHRM": true, "sRGB": true, "iCCP": true, "cICP": true,
	"mDCV": true, "cLLI": true, "pHYs": true, "sBIT": true, "bKGD": true,
}

// about are the chunks that only tell of the picture: --strip-metadata drops them.
var about = map[string]bool{
	"eXIf": true, "tEXt": true, "zTXt": true, "iTXt": true, "tIME": true, "sPLT": true, "hIST": true,
	"oFFs": true, "sCAL": true, "pCAL": true, "sTER": true, "gIFg": true, "gIFx": true,
}

// known reports whether a chunk is kept. Of those that nobody told us about only
// the safe-to-copy are: the others may be wrong once a pixel has changed.
func known(kind string) bool {
	const safe = 0x20
	return look[kind] || about[kind] || kind[3]&safe != 0
}

// retention says which chunks stay true in an output of a certain shape.
func (i Info) retention(out layout, strip bool) func(kind string) bool {
	widened := out.model != i.Model
	changed := i.Expanded || widened
	return func(kind string) bool {
		switch kind {
		case "PLTE", "hIST":
			return !changed && !strip && i.Model.Colors() == 3
		case "sBIT", "bKGD":
			return !changed
		case "iCCP":
			return !widened
		}
		return !strip || look[kind]
	}
}
