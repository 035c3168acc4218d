package node

import (
	"net"
	"testing"
)

func TestStrangersProveTheirAddressBeforeAHandshake(t *testing.T) {
	tr := &transport{guests: newGuests()}
	for _, c := range []struct {
		source string
		open   int // handshakes
		want   bool
	}{
		{"127.0.0.1", 0, false},
		{"::1", 0, false},
		{"127.0.0.1", handshakesOpen, true},
		{"10.77.0.9", 0, true},
		{"::ffff:10.77.0.9", 0, true},
		{"fe80::1", 0, true},
	} {
		tr.guests.all = c.open
		if got := tr.doubts(&net.UDPAddr{IP: net.ParseIP(c.source), Port: 4000}); got != c.want {
			t.Errorf("doubts(%s) with %d handshakes open = %v, want %v", c.source, c.open, got, c.want)
		}
	}
}
