//go:build !linux

package node

import (
	"errors"
	"os"
)

// allocate has no portable form.
func allocate(*os.File, int64) error { return errors.ErrUnsupported }
