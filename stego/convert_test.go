package stego

import (
	"image"
	"image/color"
	"testing"
)

func TestTintsAreThoseOfTheStandardLibrary(t *testing.T) {
	var got [3]byte
	for v := range 1 << 24 {
		y, cb, cr := byte(v>>16), byte(v>>8), byte(v)
		tintOf(cb, cr).put(got[:], y)
		if r, g, b := color.YCbCrToRGB(y, cb, cr); got != [3]byte{r, g, b} {
			t.Fatalf("YCbCr %d %d %d is %v, want %d %d %d", y, cb, cr, got, r, g, b)
		}
	}
}

func TestChromaOfEveryRatioIsThatOfThePixel(t *testing.T) {
	ratios := []image.YCbCrSubsampleRatio{
		image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420,
		image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410,
	}
	for _, ratio := range ratios {
		for _, width := range []int{1, 2, 3, 4, 5, 17} {
			im := image.NewYCbCr(image.Rect(0, 0, width, 5), ratio)
			for i, s := range [][]byte{im.Y, im.Cb, im.Cr} {
				for j := range s {
					s[j] = byte(j*37 + i*101)
				}
			}
			row := make([]byte, width*3)
			for y := range 5 {
				fillYCbCr(row, im, y)
				for x := range width {
					c := im.YCbCrAt(x, y)
					if r, g, b := color.YCbCrToRGB(c.Y, c.Cb, c.Cr); [3]byte(row[x*3:]) != [3]byte{r, g, b} {
						t.Fatalf("%v, pixel %d,%d of %d: % x, want %x %x %x", ratio, x, y, width, row[x*3:x*3+3], r, g, b)
					}
				}
			}
		}
	}
}

func BenchmarkJPEGRow(b *testing.B) {
	for _, ratio := range []image.YCbCrSubsampleRatio{image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio420} {
		im := image.NewYCbCr(image.Rect(0, 0, 4000, 2), ratio)
		for i := range im.Cb {
			im.Cb[i], im.Cr[i] = byte(i/9), byte(i/7)
		}
		row := make([]byte, 12000)
		b.Run(ratio.String()[len("YCbCrSubsampleRatio"):], func(b *testing.B) {
			perByte(b, len(row), func() {
				for x := range 4000 {
					c := im.YCbCrAt(x, 0)
					row[x*3], row[x*3+1], row[x*3+2] = color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
				}
			}, func() { fillYCbCr(row, im, 0) })
		})
	}
}
