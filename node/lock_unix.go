//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package node

import (
	"fmt"
	"os"
	"syscall"
)

// lockFile waits until no other process or goroutine holds the lock of a file, which is made if needed and left there:
// removing it would let two hold it. The lock ends with unlock, or with the process.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}
