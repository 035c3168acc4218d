package stego

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var formatsBin = flag.String("formats", "", "a built p2pnode: TestFormats makes carriers with other people's encoders, and asks other people's decoders what it did to them")

// encoders are commands that make a PNG at $out of $png, or of the same picture as $pnm, which
// has no alpha.
var encoders = []string{
	"cp $png $out",
	"pnmtopng -compression=1 -sub $pnm > $out",
	"pnmtopng -compression=9 -paeth $pnm > $out",
	"pnmtopng -compression=6 -avg $pnm > $out",
	"pnmtopng -compression=0 $pnm > $out",
	"pnmtopng -interlace $pnm > $out",
	"optipng -quiet -nb -nc -np -force -zc9 -zm9 -zs0 -f5 $png -out $out",
	"optipng -quiet -nb -nc -np -force -zc9 -zm1 -zs1 -f0 -zw256 $png -out $out",
	"optipng -quiet -nb -nc -np -force -zc1 -zm8 -zs2 -f4 -zw4k $png -out $out",
	"optipng -quiet -nb -nc -np -force -zc5 -zm5 -zs3 -f3 -zw512 $png -out $out",
	"optipng -quiet -o1 -force -i1 $png -out $out",
	"optipng -quiet -o2 -force $png -out $out",
	"zopflipng -y --iterations=1 --filters=0 $png $out",
	"zopflipng -y --iterations=2 --filters=4 $png $out",
	"zopflipng -y --iterations=1 --filters=m --splitting=0 $png $out",
	"$magick $png -quality 10 $out",
	"$magick $png -quality 94 $out",
	"$magick $png -define png:compression-strategy=2 -define png:compression-filter=5 $out",
	"$magick $png -define png:compression-strategy=3 -define png:compression-filter=1 $out",
	"$magick $png -define png:compression-strategy=4 -define png:compression-filter=2 $out",
	"$magick $png -define png:bit-depth=16 $out",
	"$magick $png -interlace PNG $out",
	"$magick $png -colors 200 PNG8:$out",
	"$magick $png -alpha off -colorspace Gray -depth 4 -define png:color-type=0 -define png:bit-depth=4 $out",
	"$magick $png -alpha off -monochrome $out",
	"$magick $png -alpha off -colorspace Gray -define png:color-type=4 $out",
}

// formats hides in carriers made by many encoders.
type formats struct {
	t        *testing.T
	dir      string
	magick   string
	carriers []string
}

func TestFormats(t *testing.T) {
	if *formatsBin == "" {
		t.Skip("make formats runs it: it needs netpbm, pngcheck, pngfix, optipng, zopfli and ImageMagick")
	}
	f := &formats{t: t, dir: t.TempDir(), magick: imageMagick(t)}
	for name, im := range formatPictures(t) {
		f.encode(name, im)
	}
	out := filepath.Join(f.dir, "out")
	const text = "what one hides another finds"
	f.must(exec.Command(*formatsBin, append([]string{"encrypt", "--local", "--quiet", "--text", text, "--output", out + "/"}, f.carriers...)...))
	f.checkCheckers()
	changed := 0
	for _, carrier := range f.carriers {
		hidden := filepath.Join(out, strings.TrimSuffix(filepath.Base(carrier), ".png")+".stego.png")
		if got := f.must(exec.Command(*formatsBin, "decrypt", "--quiet", hidden)); strings.TrimSpace(got) != text {
			t.Errorf("%s: decrypt finds %q", filepath.Base(carrier), got)
		}
		f.complaints(carrier, hidden)
		n := f.compare(carrier, hidden)
		if most := headBits + 8*(len(text)+tagSize); n == 0 || n > most {
			t.Errorf("%s: %d samples differ, want 1 to %d", filepath.Base(carrier), n, most)
		}
		changed += n
	}
	t.Logf("formats: %d carriers of %d encoders passed through p2pnode, %d samples changed by one each, by netpbm's count and ImageMagick's; "+
		"pngcheck and pngfix complain of nothing new", len(f.carriers), len(encoders), changed)
}

// imageMagick is the name of its command, which newer versions have changed. (What is called convert may be another program.)
func imageMagick(t *testing.T) string {
	for _, name := range []string{"magick", "convert-im6.q16", "convert-im6"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no ImageMagick")
	return ""
}

// must runs a command and returns what it says.
func (f *formats) must(c *exec.Cmd) string {
	f.t.Helper()
	out, err := c.CombinedOutput()
	if err != nil {
		f.t.Fatalf("%v: %v\n%s", c.Args, err, out)
	}
	return string(out)
}

// formatPictures are drawn, and photographed.
func formatPictures(t *testing.T) map[string]image.Image {
	crops := photoCrops(t)
	side := image.Rect(0, 0, photoSide, photoSide)
	colored, clear := image.NewNRGBA(side), image.NewNRGBA(side)
	for c := range 3 {
		p := readPlain(t, crops[fmt.Sprintf("picos%d.png", c)])
		for i, v := range p.samples {
			colored.Pix[4*i+c], colored.Pix[4*i+3] = byte(v), 255
			clear.Pix[4*i+c], clear.Pix[4*i+3] = byte(v), byte(max(0, i/photoSide-100))
		}
	}
	gray, err := png.Decode(bytes.NewReader(crops["fig0.png"]))
	if err != nil {
		t.Fatal(err)
	}
	deep, screen := image.NewNRGBA64(image.Rect(0, 0, 120, 100)), image.NewNRGBA(image.Rect(0, 0, 400, 300))
	light := at16(3)
	for i := range deep.Pix {
		v := light(i/8%120, i/960, i/2%4)
		deep.Pix[i] = byte(v >> (8 * (1 - i%2)))
		if i%8 >= 6 {
			deep.Pix[i] = 255
		}
	}
	glyphs := seeded(1, map[string]int{})
	value := (&zooPicture{choices: glyphs}).content("screenshot")
	for i := range screen.Pix {
		screen.Pix[i] = byte(value(i/4%400, i/1600, i%4) >> 8)
		if i%4 == 3 {
			screen.Pix[i] = 255
		}
	}
	return map[string]image.Image{"gray": gray, "colored": colored, "clear": clear, "deep": deep, "screen": screen}
}

// encode makes a picture's carriers.
func (f *formats) encode(name string, im image.Image) {
	f.t.Helper()
	base := filepath.Join(f.dir, name)
	file, err := os.Create(base + ".png")
	if err != nil {
		f.t.Fatal(err)
	}
	if err := png.Encode(file, im); err != nil {
		f.t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		f.t.Fatal(err)
	}
	f.must(exec.Command("sh", "-c", fmt.Sprintf("pngtopam %s.png > %s.pnm", base, base)))
	for i, e := range encoders {
		out := fmt.Sprintf("%s-%02d.png", base, i)
		e = strings.NewReplacer("$png", base+".png", "$pnm", base+".pnm", "$out", out, "$magick", f.magick).Replace(e)
		f.must(exec.Command("sh", "-c", e))
		if _, err := os.Stat(out); err != nil {
			f.t.Fatalf("%s made nothing: %v", e, err)
		}
		f.carriers = append(f.carriers, out)
	}
}

// checkers look for what is wrong with the chunks of a PNG file, and with its deflate stream.
var checkers = [][]string{{"pngcheck", "-q"}, {"pngfix", "-q", "-e", "-w"}}

// said is what a checker says of a file, and how it ends.
func said(checker []string, path string) string {
	out, err := exec.Command(checker[0], append(checker[1:], path)...).CombinedOutput()
	return strings.ReplaceAll(fmt.Sprintf("%s%v", out, err), path, "FILE")
}

// complaints compares what the checkers say of carrier and output.
func (f *formats) complaints(carrier, hidden string) {
	for _, c := range checkers {
		if before, after := said(c, carrier), said(c, hidden); before != after && after != "<nil>" {
			f.t.Errorf("%s: %v says\n%s\nof the output, and of the carrier\n%s", filepath.Base(carrier), c, after, before)
		}
	}
}

// checkCheckers shows them a picture that ends in a wrong CRC, and whose matches go back
// farther than its header says, which pngfix alone looks at.
func (f *formats) checkCheckers() {
	s := pngSpec{width: 100, height: 100, kind: 2, depth: 8, sample: at8(3)}
	s.pieces = func(lines []byte) [][]byte {
		stream := &stream{choices: seeded(1, map[string]int{}), raw: lines, plan: streamPlan{window: 15, tokens: "farthest", blocks: "fixed", size: "one"}}
		z := stream.zlib()
		copy(z, "\x08\x1d") // 256 bytes
		return [][]byte{z}
	}
	far := s.encode()
	sum := bytes.Clone(far)
	sum[len(sum)-1] ^= 1
	for i, file := range [][]byte{sum, far} {
		path := filepath.Join(f.dir, "bad.png")
		if err := os.WriteFile(path, file, 0o644); err != nil {
			f.t.Fatal(err)
		}
		if got := said(checkers[i], path); got == "<nil>" {
			f.t.Errorf("%v says nothing of a bad picture", checkers[i])
		}
	}
}
