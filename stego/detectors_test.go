package stego

import "math"

// plane is one colour of a picture, 8 bits a sample.
type plane struct {
	width, height int
	v             []int
}

// row returns one row.
func (p plane) row(y int) []int { return p.v[y*p.width : (y+1)*p.width] }

// detectors are the attacks on replacement of lowest bits that docs/STEGO.md §6 speaks of.
// The greater what one returns, the more a plane looks like one that hides something.
var detectors = map[string]func(plane) float64{
	"chi-square": chiSquare, "RS": regularSingular, "sample pairs": samplePairs, "weighted stego": weightedStego,
}

// chiSquare is the attack of Westfeld and Pfitzmann (Information Hiding 1999) on values 2i and
// 2i+1, which replacement makes equally frequent. It looks at the first tenths of the plane,
// where a message that is not spread would be. Theirs is a probability, which is 0 or 1 for
// nearly all pictures; this is the same statistic by its deviations from what is expected.
func chiSquare(p plane) float64 {
	best := math.Inf(-1)
	var count [256]int
	for tenth := range 10 {
		for _, v := range p.v[len(p.v)*tenth/10 : len(p.v)*(tenth+1)/10] {
			count[v]++
		}
		best = max(best, evenness(count))
	}
	return best
}

// evenness is how much more evenly the values of pairs are distributed than chance would have it.
func evenness(count [256]int) float64 {
	chi, degrees := 0.0, -1.0
	for i := 0; i < 256; i += 2 {
		const least = 4 // below, the statistic does not hold
		if want := float64(count[i]+count[i+1]) / 2; want > least {
			d := float64(count[i]) - want
			chi += 2 * d * d / want
			degrees++
		}
	}
	if degrees < 1 {
		return math.Inf(-1)
	}
	return (degrees - chi) / math.Sqrt(2*degrees)
}

// regularSingular is RS analysis: Fridrich, Goljan and Du, Reliable detection of LSB
// steganography in color and grayscale images, 2001. Groups are four samples of a row, the
// mask is 0 1 1 0. It returns the estimated rate.
func regularSingular(p plane) float64 {
	flipped := plane{p.width, p.height, make([]int, len(p.v))}
	for i, v := range p.v {
		flipped.v[i] = v ^ 1
	}
	d0, n0 := p.balance(flip), p.balance(shift)
	d1, n1 := flipped.balance(flip), flipped.balance(shift)
	z := leastRoot(2*(d1+d0), n0-n1-d1-3*d0, d0-n0)
	return z / (z - 0.5)
}

// flip exchanges 2i and 2i+1; shift exchanges 2i−1 and 2i.
func flip(v int) int  { return v ^ 1 }
func shift(v int) int { return (v + 1) ^ 1 - 1 }

// balance is the share of groups that become less smooth when their middle is changed, less
// the share of those that become smoother.
func (p plane) balance(change func(int) int) float64 {
	n, sum := 0, 0
	for y := range p.height {
		row := p.row(y)
		for x := 0; x+4 <= p.width; x += 4 {
			a, b, c, d := row[x], row[x+1], row[x+2], row[x+3]
			before, after := rough(a, b, c, d), rough(a, change(b), change(c), d)
			switch {
			case after > before:
				sum++
			case after < before:
				sum--
			}
			n++
		}
	}
	return float64(sum) / float64(n)
}

func rough(a, b, c, d int) int { return distance(a, b) + distance(b, c) + distance(c, d) }

func distance(a, b int) int { return max(a-b, b-a) }

// leastRoot is the root of a x² + b x + c nearest to 0; where there is none, the place where it is nearest to one.
func leastRoot(a, b, c float64) float64 {
	if a == 0 {
		return -c / b
	}
	root := math.Sqrt(max(0, b*b-4*a*c))
	x, y := (-b+root)/(2*a), (-b-root)/(2*a)
	if math.Abs(x) < math.Abs(y) {
		return x
	}
	return y
}

// samplePairs is the analysis of Dumitrescu, Wu and Wang, Detection of LSB steganography via
// sample pair analysis, 2003, with neighbours in rows and in columns. It returns the estimated rate.
func samplePairs(p plane) float64 {
	var x, y, w, z, all float64
	count := func(u, v int) {
		all++
		switch odd := u&1 == 1; {
		case u == v:
			z++
		case odd == (u < v):
			x++
		default:
			y++
			if u>>1 == v>>1 {
				w++
			}
		}
	}
	for at := range p.v {
		if (at+1)%p.width != 0 {
			count(p.v[at], p.v[at+1])
		}
		if at+p.width < len(p.v) {
			count(p.v[at], p.v[at+p.width])
		}
	}
	return leastRoot((w+z)/2, 2*x-all, y-x)
}

// weightedStego is Fridrich and Goljan's, On estimation of secret message length in LSB
// steganography in spatial domain, 2004, with the predictor and the weights of Ker and Böhme,
// Revisiting weighted stego-image steganalysis, 2008. It returns the estimated rate.
func weightedStego(p plane) float64 {
	sum, weights := 0.0, 0.0
	for y := 1; y+1 < p.height; y++ {
		above, row, below := p.row(y-1), p.row(y), p.row(y+1)
		for x := 1; x+1 < p.width; x++ {
			cross := above[x] + below[x] + row[x-1] + row[x+1]
			corners := above[x-1] + above[x+1] + below[x-1] + below[x+1]
			predicted := float64(cross)/2 - float64(corners)/4
			mean, square := float64(cross)/4, 0.0
			for _, v := range []int{above[x], below[x], row[x-1], row[x+1]} {
				square += float64(v) * float64(v)
			}
			weight := 1 / (5 + square/4 - mean*mean)
			s := row[x]
			sum += weight * float64(s-(s^1)) * (float64(s) - predicted)
			weights += weight
		}
	}
	return 2 * sum / weights
}
