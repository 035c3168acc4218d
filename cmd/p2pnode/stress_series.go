package main

import "time"

// seriesMax bounds the buckets of a series: when there are more, each two become one.
const seriesMax = 128

// series is how a run went over time, in buckets of equal width.
type series struct {
	width   time.Duration // if zero, one second
	buckets []bucket
}

// bucket is what ended within one span of time.
type bucket struct {
	done, failed, lost, wrong int64
	took                      histogram // of those done
}

// at returns the bucket of a time since the start.
func (s *series) at(t time.Duration) *bucket {
	if s.width == 0 {
		s.width = time.Second
	}
	t = max(0, t)
	for int64(t/s.width) >= seriesMax {
		s.double()
	}
	i := int(t / s.width)
	for len(s.buckets) <= i {
		s.buckets = append(s.buckets, bucket{})
	}
	return &s.buckets[i]
}

// double makes the buckets twice as wide.
func (s *series) double() {
	s.width *= 2
	for i := range s.buckets {
		if i%2 == 0 {
			s.buckets[i/2] = s.buckets[i]
		} else {
			s.buckets[i/2].merge(s.buckets[i]) // both are of one making: nothing is dropped
		}
	}
	s.buckets = s.buckets[:(len(s.buckets)+1)/2]
}

// record counts one request.
func (b *bucket) record(m sample, took time.Duration) {
	switch m.fate {
	case fateDone:
		b.done++
		b.took.add(took)
	case fateFailed:
		b.failed++
	case fateLost:
		b.lost++
	case fateWrong:
		b.wrong++
	}
}

// merge adds another bucket.
func (b *bucket) merge(o bucket) error {
	b.done, b.failed, b.lost, b.wrong = b.done+o.done, b.failed+o.failed, b.lost+o.lost, b.wrong+o.wrong
	return b.took.merge(o.took)
}

// merge adds a series that began later by shift. Buckets go where their beginnings fall; the wider width holds.
func (s *series) merge(o series, shift time.Duration) error {
	s.at(0)
	for o.width > s.width {
		s.double()
	}
	for i, b := range o.buckets {
		if err := s.at(shift + time.Duration(i)*o.width).merge(b); err != nil {
			return err
		}
	}
	return nil
}

// seriesReport is a series as a report carries it.
type seriesReport struct {
	Width   inSeconds      `json:"bucket_seconds"`
	Buckets []bucketReport `json:"buckets"`
}

type bucketReport struct {
	Done    int64        `json:"done"`
	Failed  int64        `json:"failed"`
	Lost    int64        `json:"lost"`
	Wrong   int64        `json:"wrong"`
	Latency distribution `json:"latency"` // of those done
}

func (s *series) report() seriesReport {
	s.at(0)
	r := seriesReport{Width: secondsOf(s.width)}
	for i := range s.buckets {
		b := &s.buckets[i]
		r.Buckets = append(r.Buckets, bucketReport{b.done, b.failed, b.lost, b.wrong, b.took.distribution()})
	}
	return r
}

// series reads one back.
func (r seriesReport) series() (s series, err error) {
	if r.Width < 1 || r.Width > inSeconds(1<<32) || len(r.Buckets) > seriesMax {
		return s, usagef("a series of %d buckets of %v s cannot be: 1 to %d are possible, of a second or more", len(r.Buckets), r.Width, seriesMax)
	}
	s.width = r.Width.duration()
	for _, b := range r.Buckets {
		took, err := b.Latency.histogram()
		if err != nil {
			return s, err
		}
		s.buckets = append(s.buckets, bucket{b.Done, b.Failed, b.Lost, b.Wrong, took})
	}
	return s, nil
}
