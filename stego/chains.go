package stego

// Three of the filters look left. A byte then needs one that was made just
// before it, so undoing them cannot be done in words as making them is. But the
// bytes of a pixel are each a chain of their own, and two or three chains at a
// time, kept in registers, keep a processor busy.

// lanes undoes a filter for pixels of step bytes (1, 2, 3, 4, 6 or 8 in PNG).
func lanes(cur, prior []byte, step int, three, two, one func(cur, prior []byte, step int)) {
	lane, end := 0, min(step, len(cur))
	for ; step%3 == 0 && lane < end; lane += 3 {
		three(cur[lane:], prior[lane:], step)
	}
	for ; step%2 == 0 && lane < end; lane += 2 {
		two(cur[lane:], prior[lane:], step)
	}
	if lane < end {
		one(cur, prior, step)
	}
}

// left1 and its like undo filter 1; a is the byte on the left.
func left1(cur, prior []byte, step int) {
	var a0 int
	for i := 0; i <= len(cur)-1; i += step {
		x := cur[i : i+1 : len(cur)]
		a0 += int(x[0])
		x[0] = byte(a0)
	}
}

func left2(cur, prior []byte, step int) {
	var a0, a1 int
	for i := 0; i <= len(cur)-2; i += step {
		x := cur[i : i+2 : len(cur)]
		a0 += int(x[0])
		a1 += int(x[1])
		x[0], x[1] = byte(a0), byte(a1)
	}
}

func left3(cur, prior []byte, step int) {
	var a0, a1, a2 int
	for i := 0; i <= len(cur)-3; i += step {
		x := cur[i : i+3 : len(cur)]
		a0 += int(x[0])
		a1 += int(x[1])
		a2 += int(x[2])
		x[0], x[1], x[2] = byte(a0), byte(a1), byte(a2)
	}
}

// average1 and its like undo filter 3.
func average1(cur, prior []byte, step int) {
	var a0 int
	for i := 0; i <= len(cur)-1; i += step {
		x := cur[i : i+1 : len(cur)]
		up := prior[i : i+1 : len(prior)]
		a0 = int(x[0] + byte((a0+int(up[0]))>>1))
		x[0] = byte(a0)
	}
}

func average2(cur, prior []byte, step int) {
	var a0, a1 int
	for i := 0; i <= len(cur)-2; i += step {
		x := cur[i : i+2 : len(cur)]
		up := prior[i : i+2 : len(prior)]
		a0 = int(x[0] + byte((a0+int(up[0]))>>1))
		a1 = int(x[1] + byte((a1+int(up[1]))>>1))
		x[0], x[1] = byte(a0), byte(a1)
	}
}

func average3(cur, prior []byte, step int) {
	var a0, a1, a2 int
	for i := 0; i <= len(cur)-3; i += step {
		x := cur[i : i+3 : len(cur)]
		up := prior[i : i+3 : len(prior)]
		a0 = int(x[0] + byte((a0+int(up[0]))>>1))
		a1 = int(x[1] + byte((a1+int(up[1]))>>1))
		a2 = int(x[2] + byte((a2+int(up[2]))>>1))
		x[0], x[1], x[2] = byte(a0), byte(a1), byte(a2)
	}
}

// paeth1 and its like undo filter 4; c is the byte above a.
func paeth1(cur, prior []byte, step int) {
	var a0, c0 int
	for i := 0; i <= len(cur)-1; i += step {
		x, up := cur[i:i+1:len(cur)], prior[i:i+1:len(prior)]
		a0 = int(x[0] + byte(paeth(a0, int(up[0]), c0)))
		c0, x[0] = int(up[0]), byte(a0)
	}
}

func paeth2(cur, prior []byte, step int) {
	var a0, a1, c0, c1 int
	for i := 0; i <= len(cur)-2; i += step {
		x, up := cur[i:i+2:len(cur)], prior[i:i+2:len(prior)]
		a0 = int(x[0] + byte(paeth(a0, int(up[0]), c0)))
		c0, x[0] = int(up[0]), byte(a0)
		a1 = int(x[1] + byte(paeth(a1, int(up[1]), c1)))
		c1, x[1] = int(up[1]), byte(a1)
	}
}

func paeth3(cur, prior []byte, step int) {
	var a0, a1, a2, c0, c1, c2 int
	for i := 0; i <= len(cur)-3; i += step {
		x, up := cur[i:i+3:len(cur)], prior[i:i+3:len(prior)]
		a0 = int(x[0] + byte(paeth(a0, int(up[0]), c0)))
		c0, x[0] = int(up[0]), byte(a0)
		a1 = int(x[1] + byte(paeth(a1, int(up[1]), c1)))
		c1, x[1] = int(up[1]), byte(a1)
		a2 = int(x[2] + byte(paeth(a2, int(up[2]), c2)))
		c2, x[2] = int(up[2]), byte(a2)
	}
}

// paeth returns the neighbour nearest to left + up − corner (PNG specification,
// §9.4), in a form without branches, which no predictor could foresee: the corner
// wins unless left + up − corner is no nearer to it than to lo or to hi. It is
// Fabian Giesen's, as in stb_image.
func paeth(left, up, corner int) int {
	mirror := 3*corner - left - up
	lo, hi := min(left, up), max(left, up)
	out := corner
	if hi <= mirror {
		out = lo
	}
	if mirror <= lo {
		out = hi
	}
	return out
}
