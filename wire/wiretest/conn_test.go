package wiretest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"
)

func sockets(t *testing.T, f Faults) (h *Hub, x, y *Conn) {
	t.Helper()
	n := New(1)
	n.SetFaults(f)
	h = NewHub(n)
	x, err := h.Listen(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err = h.Listen(b)
	if err != nil {
		t.Fatal(err)
	}
	return h, x, y
}

func TestConnCarriesDatagramsInBubbleTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x, y := sockets(t, Faults{Delay: 30 * time.Millisecond})
		defer x.Close()
		defer y.Close()
		began := time.Now()
		if n, err := x.WriteTo([]byte("hello"), y.LocalAddr()); n != 5 || err != nil {
			t.Fatalf("WriteTo = %d, %v", n, err)
		}
		buf := make([]byte, 3)
		n, from, err := y.ReadFrom(buf)
		if err != nil || string(buf[:n]) != "hel" || from.String() != x.LocalAddr().String() {
			t.Errorf("ReadFrom = %q, %v, %v", buf[:n], from, err)
		}
		if d := time.Since(began); d != 30*time.Millisecond {
			t.Errorf("it took %v, want 30ms", d)
		}
	})
}

func TestConnDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x, y := sockets(t, Faults{})
		defer x.Close()
		defer y.Close()
		buf := make([]byte, 10)
		began := time.Now()
		x.SetReadDeadline(began.Add(time.Second))
		if _, _, err := x.ReadFrom(buf); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if e, ok := errors.AsType[net.Error](func() error { _, _, err := x.ReadFrom(buf); return err }()); !ok || !e.Timeout() {
			t.Error("a past deadline does not time out at once")
		}
		x.SetReadDeadline(time.Time{})
		go func() {
			time.Sleep(time.Second)
			x.SetReadDeadline(time.Now()) // ends a call that waits
		}()
		if _, _, err := x.ReadFrom(buf); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 2*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		x.SetReadDeadline(time.Now().Add(time.Second))
		x.SetReadDeadline(time.Now().Add(3 * time.Second)) // moves it
		if _, _, err := x.ReadFrom(buf); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 5*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		x.SetDeadline(time.Now().Add(-time.Second))
		if _, err := x.WriteTo(buf, y.LocalAddr()); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("WriteTo after its deadline: %v", err)
		}
	})
}

func TestConnClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, x, y := sockets(t, Faults{})
		defer y.Close()
		if _, err := h.Listen(a); err == nil {
			t.Error("one address, two sockets")
		}
		go func() {
			time.Sleep(time.Second)
			x.Close()
		}()
		if _, _, err := x.ReadFrom(nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("ReadFrom of a closed socket: %v", err)
		}
		if _, err := x.WriteTo(nil, y.LocalAddr()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("WriteTo of a closed socket: %v", err)
		}
		if err := x.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close: %v", err)
		}
		z, err := h.Listen(a)
		if err != nil {
			t.Errorf("the address is not free again: %v", err)
		}
		z.Close()
	})
}

// TestQUICRunsOnConn sends 1 MiB over quic-go through a link that loses a fifth of everything.
func TestQUICRunsOnConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x, y := sockets(t, Faults{Loss: 0.2, Delay: 5 * time.Millisecond, Jitter: time.Millisecond})
		defer x.Close()
		defer y.Close()
		server, client := tlsConfigs(t)
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
		defer stop()
		quiet := &quic.Config{MaxIdleTimeout: time.Minute}
		st, ct := &quic.Transport{Conn: x}, &quic.Transport{Conn: y}
		defer st.Close()
		defer ct.Close()
		l, err := st.Listen(server, quiet)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		data := make([]byte, 1<<20)
		rand.NewChaCha8([32]byte{1}).Read(data)
		sent := make(chan error, 1)
		go func() { sent <- serveOnce(ctx, l, data) }()
		conn, err := ct.Dial(ctx, x.LocalAddr(), client, quiet)
		if err != nil {
			t.Fatal(err)
		}
		s, err := conn.AcceptUniStream(ctx)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(s)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		conn.CloseWithError(0, "")
		if err := <-sent; err != nil {
			t.Error(err)
		}
	})
}

func serveOnce(ctx context.Context, l *quic.Listener, data []byte) error {
	conn, err := l.Accept(ctx)
	if err != nil {
		return err
	}
	s, err := conn.OpenUniStreamSync(ctx)
	if err != nil {
		return err
	}
	if _, err := s.Write(data); err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	<-conn.Context().Done()
	return nil
}

// tlsConfigs makes a server's certificate and a client that trusts it.
func tlsConfigs(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"test"}, NotBefore: start.AddDate(-1, 0, 0), NotAfter: start.AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(nil, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{"test"}}
	return server, &tls.Config{RootCAs: roots, ServerName: "test", NextProtos: []string{"test"}}
}
