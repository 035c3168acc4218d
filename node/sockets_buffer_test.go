package node

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestSmallBuffersComeWithAdvice(t *testing.T) {
	for _, c := range []struct {
		got  Buffers
		want string
	}{
		{Buffers{SocketBuffer, SocketBuffer}, ""},
		{Buffers{SocketBuffer + 1, 8 * SocketBuffer}, ""},
		{Buffers{212992, SocketBuffer}, "sysctl -w net.core.rmem_max=4194304"},
		{Buffers{SocketBuffer, 212992}, "sysctl -w net.core.wmem_max=4194304"},
		{Buffers{}, "sysctl -w net.core.rmem_max=4194304 net.core.wmem_max=4194304"},
	} {
		if got := c.got.Advice(); got != c.want {
			t.Errorf("%+v.Advice() = %q, want %q", c.got, got, c.want)
		}
	}
}

// TestSocketsGetWhatTheKernelAllows compares with the system's limits, which root may exceed.
func TestSocketsGetWhatTheKernelAllows(t *testing.T) {
	t.Setenv(quicWarning, "")
	s, err := Listen("127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := Buffers{min(SocketBuffer, limitOf(t, "rmem_max")), min(SocketBuffer, limitOf(t, "wmem_max"))}
	if got := s.Buffers; got.Receive < want.Receive || got.Send < want.Send {
		t.Errorf("sockets have %+v, want %+v at least", got, want)
	}
	if quiet := os.Getenv(quicWarning) != ""; quiet != (s.Buffers.Advice() != "") {
		t.Errorf("quic-go's own warning is off: %v, with the advice %q", quiet, s.Buffers.Advice())
	}
}

func limitOf(t *testing.T, name string) int {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/net/core/" + name)
	if os.IsNotExist(err) { // as in a network namespace of its own
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
