package stego

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// choices are drawn one after the other from one source of randomness. They keep what was
// chosen, to say it when a test fails, and count it, so that a test can demand that
// everything there is to choose has been chosen.
type choices struct {
	r     *rand.Rand
	said  []string
	count map[string]int // by "what=name"; what was never chosen is there with 0
	large int            // bytes of the rows of a large picture, at most
}

// seeded returns choices that a seed determines.
func seeded(seed uint64, count map[string]int) *choices {
	return &choices{r: rand.New(rand.NewPCG(seed, 0)), count: count, large: 140_000}
}

// given returns choices that bytes determine, of pictures small enough to try many.
func given(data []byte) *choices {
	r := rand.New(&bytesSource{left: data, rest: rand.NewPCG(1, 2)})
	return &choices{r: r, count: map[string]int{}, large: 80_000}
}

// of chooses a name; one that is given twice is twice as likely.
func (c *choices) of(what string, names ...string) string {
	name := names[c.r.IntN(len(names))]
	for _, n := range names {
		c.count[what+"="+n] += 0
	}
	c.count[what+"="+name]++
	const most = 40 // what is chosen for each block would fill pages
	if len(c.said) < most {
		c.said = append(c.said, what+"="+name)
	}
	return name
}

// number is of for numbers.
func (c *choices) number(what string, values ...int) int {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = fmt.Sprint(v)
	}
	name := c.of(what, names...)
	for i, n := range names {
		if n == name {
			return values[i]
		}
	}
	panic("stego: a choice that was not offered")
}

// note counts something that came about.
func (c *choices) note(what string, happened bool) {
	c.count[what] += 0
	if happened {
		c.count[what]++
	}
}

func (c *choices) String() string { return strings.Join(c.said, " ") }

// bytesSource draws from given bytes, each of which decides over the high bits and the low
// bits of one number, and from a generator when they are zooUsed up: so a fuzzer's bytes are choices.
type bytesSource struct {
	left []byte
	rest *rand.PCG
}

func (b *bytesSource) Uint64() uint64 {
	v := b.rest.Uint64()
	if len(b.left) > 0 {
		v = (v>>8 | uint64(b.left[0])<<56) ^ uint64(b.left[0])
		b.left = b.left[1:]
	}
	return v
}
