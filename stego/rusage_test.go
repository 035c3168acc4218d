package stego

import (
	"syscall"
	"testing"
	"time"
)

// cpuTime returns the processor time that this process has used: on a machine that does other work besides, it tells more
// than a clock.
func cpuTime(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
