package node

import (
	"os"

	"golang.org/x/sys/unix"
)

// allocate gives a file so many bytes of disk, whether or not they are ever written.
func allocate(f *os.File, size int64) error {
	return unix.Fallocate(int(f.Fd()), 0, 0, size)
}
