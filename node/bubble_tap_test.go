package node

import (
	"net"
	"sync"
)

// tap watches one client: where its job stands, and how many bytes have passed through its QUIC socket.
type tap struct {
	net.PacketConn
	stage string
	bytes int
	then  func(server string) // called once, by whichever of the client's goroutines gets there

	mu        sync.Mutex
	now       Progress // guarded by mu
	sent, got int      // guarded by mu
	done      bool     // guarded by mu
}

// during has f called once, with the name of the server, when so many bytes have passed in a stage of the client's job
// that moves bytes, or when a stage that does not begins.
func during(stage string, bytes int, f func(server string)) func(*ClientConfig) {
	t := &tap{stage: stage, bytes: bytes, then: f}
	return func(c *ClientConfig) {
		listen, sockets := c.Listen, 0
		c.Progress = t.progress
		c.Listen = func() (conn net.PacketConn, err error) {
			if conn, err = listen(); err == nil && sockets == 1 {
				t.PacketConn, conn = conn, t
			}
			sockets++
			return conn, err
		}
	}
}

func (t *tap) progress(p Progress) {
	t.look(func() { t.now = p })
}

func (t *tap) WriteTo(p []byte, to net.Addr) (int, error) {
	n, err := t.PacketConn.WriteTo(p, to)
	t.look(func() { t.sent += n })
	return n, err
}

func (t *tap) ReadFrom(p []byte) (int, net.Addr, error) {
	n, from, err := t.PacketConn.ReadFrom(p)
	t.look(func() { t.got += n })
	return n, from, err
}

// look takes in what has changed, and acts if that was what it waits for.
func (t *tap) look(change func()) {
	t.mu.Lock()
	change()
	act := !t.done && t.within() && t.passed() >= t.bytes
	t.done = t.done || act
	server := t.now.Server
	t.mu.Unlock()
	if act {
		t.then(server)
	}
}

// within reports whether the stage is on: a download begins while the image is on its way. The caller holds mu.
func (t *tap) within() bool {
	early := t.now.Stage == StageUploading || t.now.Stage == StageWorking
	return t.now.Stage == t.stage || t.stage == StageDownloading && early
}

// passed returns the bytes that count in the stage. The caller holds mu.
func (t *tap) passed() int {
	switch t.stage {
	case StageUploading:
		return t.sent
	case StageDownloading:
		return t.got
	}
	return t.bytes
}
