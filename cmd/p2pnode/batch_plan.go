package main

import (
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"p2pnode/stego"
)

// rowsMax is how many images one batch may have, and how many files a watched directory.
const rowsMax = 1_000_000

// item is one image of many.
type item struct {
	target
	line     int     // of the manifest; 0: there is none
	text     *string // what to hide; with nil and no file, what the flags say
	textFile string
	payload  string
}

// plan is the images of a batch, in their order. No two results meet.
type plan struct {
	name  string // of the directory or manifest, for people
	from  string // the directory; empty: there is a manifest
	into  string // OUTDIR
	given bool   // the flags say what to hide
	rows  []item
	away  int            // links out of the directory, which are left out
	taken map[string]int // output → index of its row
}

// newPlan reads what the argument of batch names.
func newPlan(name, into string, given bool) (*plan, error) {
	p := &plan{name: name, into: into, given: given, taken: map[string]int{}}
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		err = p.readDirectory()
	case isManifest(name):
		err = readManifest(name, p.addEntry)
	default:
		return nil, usagef("%s is neither a directory nor a manifest named .csv or .jsonl", name).next("p2pnode encrypt IMAGE..., for single images")
	}
	if err == nil && len(p.rows) == 0 {
		err = usagef("%s names no image", name).next(columnsHelp)
		if p.from != "" {
			err = usagef("%s holds no image: no file below it is named %s", name, strings.Join(pictureKinds, ", "))
		}
	}
	p.taken = nil
	return p, err
}

// readDirectory plans every image below the directory. Where OUTDIR lies in it, that is left out, so that no result is hidden in.
func (p *plan) readDirectory() error {
	p.from = p.name
	skip, inside, err := whereBelow(p.from, p.into)
	switch {
	case err != nil:
		return err
	case !p.given:
		return usagef("batch of a directory needs --text, --text-file or --payload").next("p2pnode batch " + shellWord(p.name) + " -o OUTDIR --text hello")
	case skip == ".":
		return usagef("%s and %s are one directory: the next run would hide in the results", p.from, p.into).next("-o " + filepath.Join(p.into, "stego"))
	case !inside:
		skip = ""
	}
	return walkPictures(p.from, skip, func(s sighted) error {
		if s.away {
			p.away++
			return nil
		}
		return p.add(item{target: target{filepath.Join(p.from, s.name), filepath.Join(p.into, stegoName(s.name))}})
	}, func(err error) error { return err })
}

// addEntry plans a row of the manifest.
func (p *plan) addEntry(e entry) error {
	contents := 0
	for _, has := range []bool{e.text != nil, e.textFile != "", e.payload != ""} {
		if has {
			contents++
		}
	}
	switch {
	case e.image == "":
		return atLine(p.name, e.line, "it names no image")
	case contents > 1:
		return atLine(p.name, e.line, "text, text_file and payload exclude one another")
	case contents == 0 && !p.given:
		return atLine(p.name, e.line, "there is nothing to hide in %s", e.image).next("give it a text, text_file or payload, or all such rows --text T")
	case e.text != nil && !utf8.ValidString(*e.text):
		return atLine(p.name, e.line, "the text is not UTF-8").next("name a file with these bytes as payload")
	}
	result, err := resultBelow(e.image, e.output)
	if err != nil {
		return atLine(p.name, e.line, "%v", err)
	}
	return p.add(item{
		target: target{p.beside(e.image), filepath.Join(p.into, result)}, line: e.line,
		text: e.text, textFile: p.beside(e.textFile), payload: p.beside(e.payload),
	})
}

// beside is a path of the manifest, which is relative to the manifest's directory.
func (p *plan) beside(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	if path = filepath.Join(filepath.Dir(p.name), path); path == "-" {
		path = "." + string(filepath.Separator) + path // a file of that name, not stdin
	}
	return path
}

// resultBelow says where below OUTDIR the result of a manifest's row goes: where its image is below the manifest, or just there
// for an image from elsewhere, unless the row says it.
func resultBelow(image, output string) (string, error) {
	switch base := filepath.Base(image); {
	case os.IsPathSeparator(base[0]):
		return "", usagef("image %q is a directory", image)
	case output == "" && filepath.IsLocal(image):
		return stegoName(filepath.Clean(image)), nil
	case output == "":
		return stegoName(base), nil
	case !filepath.IsLocal(output) || filepath.Clean(output) == ".":
		return "", usagef("output %q is no path below OUTDIR", output)
	case os.IsPathSeparator(output[len(output)-1]):
		return filepath.Join(output, stegoName(base)), nil
	}
	return filepath.Clean(output), namesPNG(output)
}

// add plans one image more.
func (p *plan) add(r item) error {
	if len(p.rows) == rowsMax {
		return usagef("%s: more than %d images", p.name, rowsMax).next("split it, and run batch for each part")
	}
	if i, taken := p.taken[r.output]; taken {
		return p.meet(p.rows[i], r)
	}
	p.taken[r.output] = len(p.rows)
	p.rows = append(p.rows, r)
	return nil
}

// meet refuses two images whose results would be one.
func (p *plan) meet(a, b item) error {
	if b.line == 0 {
		return usagef("%s and %s would both become %s", a.input, b.input, b.output).next("rename one of them, or take a manifest with a column output")
	}
	return atLine(p.name, b.line, "%s would become %s, as %s of line %d does", b.input, b.output, a.input, a.line).next("give one of them another output")
}

// with is what is to be done to a row.
func (h *hiding) with(r item) (*hiding, error) {
	if r.text == nil && r.textFile == "" && r.payload == "" {
		return h, nil
	}
	own, err := *h, error(nil)
	switch {
	case r.text != nil:
		own.content = stego.Payload{Kind: stego.Text, Data: []byte(*r.text)}
	case r.textFile != "":
		own.content, err = h.p.textFile(r.textFile)
	default:
		own.content, err = h.p.filePayload(r.payload)
	}
	if err != nil {
		return nil, err
	}
	return &own, own.allowed()
}
