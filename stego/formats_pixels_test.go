package stego

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
)

// pam is a picture as netpbm writes it.
type pam struct {
	width, height, depth, most int
	alpha                      bool
	samples                    []int
}

// compare returns how many colour samples differ, all of them by one and of pixels that can be seen.
func (f *formats) compare(carrier, hidden string) int {
	f.t.Helper()
	a, b := f.pam(carrier).wide(), f.pam(hidden).wide()
	n := f.differences(carrier, a, b)
	if m := f.differences(carrier, f.rgba(carrier, a), f.rgba(hidden, b)); m != n {
		f.t.Errorf("%s: ImageMagick sees %d samples differ, netpbm %d", filepath.Base(carrier), m, n)
	}
	return n
}

// pam decodes by netpbm.
func (f *formats) pam(path string) pam {
	f.t.Helper()
	out, err := exec.Command("pngtopam", "-alphapam", path).Output()
	if err != nil {
		f.t.Fatalf("pngtopam %s: %v", path, err)
	}
	p, err := parsePAM(out)
	if err != nil {
		f.t.Fatalf("pngtopam %s: %v", path, err)
	}
	return p
}

// parsePAM reads a PAM file.
func parsePAM(b []byte) (p pam, err error) {
	r := bufio.NewReader(bytes.NewReader(b))
	for line := ""; line != "ENDHDR\n"; {
		if line, err = r.ReadString('\n'); err != nil {
			return p, err
		}
		for name, v := range map[string]*int{"WIDTH": &p.width, "HEIGHT": &p.height, "DEPTH": &p.depth, "MAXVAL": &p.most} {
			if strings.HasPrefix(line, name+" ") {
				fmt.Sscan(line[len(name):], v)
			}
		}
		p.alpha = p.alpha || strings.HasPrefix(line, "TUPLTYPE") && strings.Contains(line, "ALPHA")
	}
	data, err := io.ReadAll(r)
	size := 1
	if p.most > 255 {
		size = 2
	}
	if want := p.width * p.height * p.depth * size; len(data) != want {
		return p, fmt.Errorf("%d bytes of samples, want %d", len(data), want)
	}
	for ; len(data) > 0; data = data[size:] {
		v := int(data[0])
		if size == 2 {
			v = v<<8 | int(data[1])
		}
		p.samples = append(p.samples, v)
	}
	return p, err
}

// wide is the picture as RGBA in samples of 8 bits, or of 16.
func (p pam) wide() pam {
	out := pam{width: p.width, height: p.height, depth: 4, most: 255, alpha: true}
	if p.most > 255 {
		out.most = 65535
	}
	for i := 0; i < len(p.samples); i += p.depth {
		pixel := p.samples[i : i+p.depth]
		a := p.most
		if p.alpha {
			a = pixel[p.depth-1]
		}
		rgb := []int{pixel[0], pixel[0], pixel[0]}
		if p.depth >= 3 {
			rgb = pixel[:3]
		}
		for _, v := range append(append([]int(nil), rgb...), a) {
			out.samples = append(out.samples, v*out.most/p.most)
		}
	}
	return out
}

// rgba decodes a picture of a known size and depth by ImageMagick.
func (f *formats) rgba(path string, like pam) pam {
	f.t.Helper()
	depth, size := "8", 1
	out := pam{width: like.width, height: like.height, depth: 4, most: 255, alpha: true}
	if like.most > 255 {
		depth, size, out.most = "16", 2, 65535
	}
	data, err := exec.Command(f.magick, path, "-depth", depth, "-endian", "MSB", "rgba:-").Output()
	if err != nil || len(data) != size*4*out.width*out.height {
		f.t.Fatalf("ImageMagick reads %d bytes from %s, %v", len(data), path, err)
	}
	for ; len(data) > 0; data = data[size:] {
		v := int(data[0])
		if size == 2 {
			v = v<<8 | int(data[1])
		}
		out.samples = append(out.samples, v)
	}
	return out
}

// differences counts the samples that differ; gray, which is there three times, counts once.
func (f *formats) differences(carrier string, a, b pam) int {
	f.t.Helper()
	name := filepath.Base(carrier)
	if a.width != b.width || a.height != b.height || a.most != b.most {
		f.t.Fatalf("%s: %d x %d of %d, was %d x %d of %d", name, b.width, b.height, b.most, a.width, a.height, a.most)
	}
	n, gray := 0, true
	for i := 0; i < len(a.samples); i += 4 {
		p, q := a.samples[i:i+4], b.samples[i:i+4]
		gray = gray && q[0] == q[1] && q[1] == q[2]
		if p[3] != q[3] {
			f.t.Fatalf("%s: alpha of pixel %d is %d, was %d", name, i/4, q[3], p[3])
		}
		for c := range 3 {
			switch d := distance(p[c], q[c]); {
			case d == 0:
			case d > 1 || p[3] == 0:
				f.t.Fatalf("%s: pixel %d is %v, was %v", name, i/4, q, p)
			default:
				n++
			}
		}
	}
	if gray {
		return n / 3
	}
	return n
}
