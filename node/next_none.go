//go:build !p2pnode_next

package node

import (
	"time"

	"p2pnode/wire"
)

// Where a version to come would say and hear more: next.go has one, for the drill of an upgrade.

const nextFeatures uint64 = 0

type nextVersion struct{}

func (nextVersion) beat(time.Time, *core)           {}
func (nextVersion) hear(*core, *peer, wire.Message) {}
