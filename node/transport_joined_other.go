//go:build !linux

package node

import "net"

// joinDatagrams has no other form than Linux's.
func joinDatagrams(conn net.PacketConn) net.PacketConn { return conn }
