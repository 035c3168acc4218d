//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package node

import (
	"fmt"
	"os"
	"time"
)

// lockFile waits until it could make the file, which is the lock, and gives up after five seconds.
func lockFile(path string) (unlock func(), err error) {
	for try := 0; try < 100; try++ {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if err == nil {
			f.Close()
			return func() { os.Remove(path) }, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, fmt.Errorf("lock %s: another process holds it; remove the file if none runs", path)
}
