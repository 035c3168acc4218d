package main

import (
	"bufio"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
)

// paintPhoto writes a JPEG that looks and weighs like a photograph: hills under an
// evening sky, with the grain of a sensor.
func paintPhoto(path string, width, height int) (size int64, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	buffered := bufio.NewWriterSize(f, 1<<20)
	err = jpeg.Encode(buffered, landscape(width, height), &jpeg.Options{Quality: 92})
	if err = errors.Join(err, buffered.Flush()); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// landscape paints sky, sun and ridges; grain makes every pixel its own.
func landscape(width, height int) image.Image {
	random := rand.New(rand.NewPCG(uint64(width), uint64(height)))
	img := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	ridges := make([][]float64, 4)
	for i := range ridges {
		ridges[i] = ridge(random, width, 0.45+0.12*float64(i), 0.10)
	}
	for y := range height {
		at := float64(y) / float64(height)
		for x := range width {
			c := colorAt(ridges, x, at, math.Hypot(float64(x)/float64(width)-0.7, at-0.3))
			luma, blue, red := color.RGBToYCbCr(c[0], c[1], c[2])
			img.Y[img.YOffset(x, y)] = uint8(min(255, max(0, int(luma)+int(random.Uint32()>>28)-8)))
			if x%2 == 0 && y%2 == 0 {
				o := img.COffset(x, y)
				img.Cb[o], img.Cr[o] = blue, red
			}
		}
	}
	return img
}

// colorAt is the colour at a height, behind the nearest ridge or of the sky.
func colorAt(ridges [][]float64, x int, at, toSun float64) [3]uint8 {
	for i := len(ridges) - 1; i >= 0; i-- {
		if at > ridges[i][x] {
			depth := float64(i+1) / float64(len(ridges))
			shade := 1 - 0.4*(at-ridges[i][x])
			return [3]uint8{uint8(110 * (1.2 - depth) * shade), uint8(120 * (1.25 - depth) * shade), uint8(140 * (1.3 - depth) * shade)}
		}
	}
	glow := math.Exp(-toSun * toSun * 40)
	return [3]uint8{uint8(min(255, 150+120*at+90*glow)), uint8(min(255, 130+60*at+80*glow)), uint8(min(255, 190-40*at+30*glow))}
}

// ridge is a mountain line: a sum of waves, finer ones smaller.
func ridge(random *rand.Rand, width int, base, height float64) []float64 {
	line := make([]float64, width)
	for octave := 1.0; octave <= 64; octave *= 2 {
		phase, size := random.Float64()*2*math.Pi, height/octave*(0.5+random.Float64())
		for x := range line {
			line[x] += size * math.Sin(phase+octave*3*float64(x)/float64(width))
		}
	}
	for x := range line {
		line[x] += base
	}
	return line
}
