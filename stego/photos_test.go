package stego

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

var photosFrom = flag.String("photos", "", "folder of photographs from which testdata/photos is made anew: .ci/photos gives it")

const (
	photoDir  = "../testdata/photos"
	photoSide = 256
)

// photoFiles are JPEG files, and the short names of the crops made from each.
var photoFiles = map[string]string{
	"Bridge_by_Sander_Klootwijk": "bridge", "Dragonfly_by_Bolly": "dragonfly", "Picture_0B_by_freespace": "fig",
	"Picture_1A_by_freespace": "brushes", "Wine_by_Jakkub_Mede": "wine", "aitzgorri_by_Aitzol_Berasategi": "aitzgorri",
	"free_by_Peter_Nerlich": "bird", "friends_by_Aitzol_Berasategi": "friends", "life_by_Aitzol_Berasategi": "life",
	"picosdeeuropa_by_Aitzol_Berasategi": "picos", "seeding_by_Clements_Engelhardt": "seeding",
	"sunset_by_Aitzol_Berasategi": "sunset", "Kleiber_by_Lukas_Baubkus": "nuthatch",
}

// TestPhotosAreThere makes testdata/photos when -photos is given, and else checks that all of it is there.
func TestPhotosAreThere(t *testing.T) {
	if *photosFrom != "" {
		for file, name := range photoFiles {
			makeCrops(t, filepath.Join(*photosFrom, file+".jpg"), name)
		}
	}
	if n := len(photoCrops(t)); n != 4*len(photoFiles) {
		t.Errorf("%d crops in %s, want %d; .ci/photos makes them", n, photoDir, 4*len(photoFiles))
	}
}

// makeCrops writes four crops of a photograph's brightness, made smaller: what JPEG did to single
// pixels is averaged away, and the lowest bits are those of an average, as a camera's are.
func makeCrops(t *testing.T, path, name string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	im, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	small := shrink(t, im.(*image.YCbCr))
	for i := range 4 {
		// the middles of the four quarters, which do not overlap
		x, y := small.Rect.Dx()*(1+2*(i%2))/4-photoSide/2, small.Rect.Dy()*(1+2*(i/2))/4-photoSide/2
		var out bytes.Buffer
		e := png.Encoder{CompressionLevel: png.BestCompression}
		if err := e.Encode(&out, small.SubImage(image.Rect(x, y, x+photoSide, y+photoSide))); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(photoDir, fmt.Sprintf("%s%d.png", name, i)), out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// shrink averages squares of pixels, as large as leave room for four crops: 4, 3 or 2 on a side.
func shrink(t *testing.T, im *image.YCbCr) *image.Gray {
	t.Helper()
	k := min(4, im.Rect.Dx()/(2*photoSide), im.Rect.Dy()/(2*photoSide))
	if k < 2 {
		t.Fatalf("%v is too small to be shrunk", im.Rect)
	}
	out := image.NewGray(image.Rect(0, 0, im.Rect.Dx()/k, im.Rect.Dy()/k))
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			sum := 0
			for dy := range k {
				for dx := range k {
					sum += int(im.Y[im.YOffset(x*k+dx, y*k+dy)])
				}
			}
			out.Pix[y*out.Stride+x] = byte((sum + k*k/2) / (k * k))
		}
	}
	return out
}

// photoCrops reads testdata/photos.
func photoCrops(t *testing.T) map[string][]byte {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(photoDir, "*.png"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, path := range list {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(path)] = b
	}
	return out
}
