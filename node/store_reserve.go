package node

import (
	"os"
	"path/filepath"
)

// reserveStep is how much disk the database has beyond what it uses. A full disk then stops images, which other servers
// can do, and not the election and the ledger: some 8,000 records still fit.
const reserveStep = 4 << 20

// reserve sees to it that the database has room to grow on a disk that others fill. Where the disk has not got that much
// the database has to do with what there is. bbolt keeps a file that is longer than it needs.
func (s *Store) reserve(used int64) {
	if used+reserveStep/2 <= s.reserved {
		return
	}
	f, err := os.OpenFile(filepath.Join(s.dir, storeFile), os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if size := used + reserveStep; allocate(f, size) == nil {
		s.reserved = size
	}
}
