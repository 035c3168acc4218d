package stego

import (
	"bytes"
	"fmt"
	"math/rand"
	"syscall"
	"testing"
	"time"
)

// plainPaeth is the text of the PNG specification, §9.4, word for word.
func plainPaeth(a, b, c int) int {
	p := a + b - c
	pa, pb, pc := max(p-a, a-p), max(p-b, b-p), max(p-c, c-p)
	switch {
	case pa <= pb && pa <= pc:
		return a
	case pb <= pc:
		return b
	}
	return c
}

// plainPredict is what a filter takes off byte i: PNG specification, §9.2.
func plainPredict(filter byte, cur, prior []byte, i, step int) byte {
	a, b, c := 0, int(prior[i]), 0
	if i >= step {
		a, c = int(cur[i-step]), int(prior[i-step])
	}
	switch filter {
	case leftFilter:
		return byte(a)
	case upFilter:
		return byte(b)
	case averageFilter:
		return byte((a + b) / 2)
	case paethFilter:
		return byte(plainPaeth(a, b, c))
	}
	return 0
}

func TestPaethIsThatOfTheSpecification(t *testing.T) {
	for abc := range 1 << 24 {
		a, b, c := abc>>16, abc>>8&0xff, abc&0xff
		want := plainPaeth(a, b, c)
		if got := paeth(a, b, c); got != want {
			t.Fatalf("paeth(%d, %d, %d) = %d, want %d", a, b, c, got, want)
		}
		if got := byte(paethLanes(uint64(a), uint64(b), uint64(c))); got != byte(want) {
			t.Fatalf("paethLanes(%d, %d, %d) = %d, want %d", a, b, c, got, want)
		}
	}
}

// FuzzFilter says: filters by the word make what those by the byte do, in lines of
// any length and pixels of any size, and are undone to the same line.
func FuzzFilter(f *testing.F) {
	rnd := rand.New(rand.NewSource(1))
	for _, n := range []int{8, 9, 24, 48, 96, 97, 480} {
		data := make([]byte, n)
		rnd.Read(data)
		f.Add(data)
	}
	f.Add([]byte("\x00\x00\xff\xff\x00\xff\x80\x7f\x01\xfe\x80\x80\x00\x01\x02\x03"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, step := range []int{1, 2, 3, 4, 6, 8} {
			n := len(data) / 2 / step * step
			for filter := range byte(5) {
				filterBothWays(t, filter, data[:n], data[len(data)-n:], step)
			}
		}
	})
}

func filterBothWays(t *testing.T, filter byte, cur, prior []byte, step int) {
	t.Helper()
	want := []byte{'x', filter}
	for i, v := range cur {
		want = append(want, v-plainPredict(filter, cur, prior, i, step))
	}
	got := appendFiltered([]byte{'x'}, filter, cur, prior, step)
	if !bytes.Equal(got, want) {
		t.Fatalf("filter %d, pixels of %d bytes: % x, want % x", filter, step, got, want)
	}
	if !unfilter(filter, got[2:], prior, step) || !bytes.Equal(got[2:], cur) {
		t.Fatalf("filter %d, pixels of %d bytes: undone to % x, want % x", filter, step, got[2:], cur)
	}
}

// cpuTime is the CPU time this process has used.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// grain is two lines with the noise of a photograph.
func grain(n int) (cur, prior []byte) {
	s := at8(3)
	for i := range n {
		cur, prior = append(cur, byte(s(i/3, 1, i%3))), append(prior, byte(s(i/3, 0, i%3)))
	}
	return cur, prior
}

// perByte runs work on lines and reports how many times less CPU it takes than the plain way.
func perByte(b *testing.B, n int, plain, work func()) {
	rounds := max(1, 1<<21/n)
	begin := cpuTime()
	for range rounds {
		plain()
	}
	std := (cpuTime() - begin).Seconds() / float64(rounds)
	begin, rounds = cpuTime(), 0
	for b.Loop() {
		work()
		rounds++
	}
	own := (cpuTime() - begin).Seconds() / float64(rounds)
	b.SetBytes(int64(n))
	b.ReportMetric(std/own, "×plain")
	b.ReportMetric(own*1e9/float64(n), "cpu-ns/B")
}

func BenchmarkFilter(b *testing.B) {
	cur, prior := grain(12288)
	out := make([]byte, 0, len(cur)+1)
	for _, filter := range []byte{leftFilter, upFilter, averageFilter, paethFilter} {
		b.Run(fmt.Sprint(filter), func(b *testing.B) {
			perByte(b, len(cur), func() {
				for i, v := range cur {
					out = append(out, v-plainPredict(filter, cur, prior, i, 3))
				}
				out = out[:0]
			}, func() { appendFiltered(out[:0], filter, cur, prior, 3) })
		})
	}
}

func BenchmarkUnfilter(b *testing.B) {
	cur, prior := grain(12288)
	line := make([]byte, len(cur))
	for _, filter := range []byte{leftFilter, upFilter, averageFilter, paethFilter} {
		for _, step := range []int{1, 3, 4, 6, 8} {
			b.Run(fmt.Sprintf("%d/%d", filter, step), func(b *testing.B) {
				perByte(b, len(cur), func() {
					copy(line, cur)
					for i := range line {
						line[i] += plainPredict(filter, line, prior, i, step)
					}
				}, func() {
					copy(line, cur)
					unfilter(filter, line, prior, step)
				})
			})
		}
	}
}
