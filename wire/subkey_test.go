package wire

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
)

// A datagram is what the library's XChaCha20-Poly1305 makes of the header and the body, also while boots whose last bytes
// collide take each other's place.
func TestSealedIsWhatTheLibrarySeals(t *testing.T) {
	key := Key(id32(7))
	library, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		t.Fatal(err)
	}
	s, reader, r := &newRing([]Key{key}, nil, false)[0], newRing([]Key{key}, nil, false), rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		var boot Boot
		boot[r.IntN(16)] = byte(r.IntN(4) * 64)
		counter, text := r.Uint64()|1, make([]byte, r.IntN(300))
		nonce := binary.BigEndian.AppendUint64(bytes.Clone(boot[:]), counter)
		clear := header{key: s.id, boot: boot, counter: counter}.append(nil)
		got, want := s.seal(nil, boot, counter, text), library.Seal(bytes.Clone(clear), nonce, text, clear)
		if !bytes.Equal(got, want) {
			t.Fatalf("boot %v, counter %d: got %x, want %x", boot, counter, got, want)
		}
		h, _ := parseHeader(got)
		if opened, k := reader.open(nil, h, got); k == nil || !bytes.Equal(opened, text) {
			t.Fatalf("boot %v, counter %d: not opened", boot, counter)
		}
	}
}

// What no key opens leaves nothing behind: garbage takes no place of a session's subkey.
func TestGarbageKeepsNoSubkey(t *testing.T) {
	r := newRing([]Key{{1}}, nil, false)
	p := r[0].seal(nil, Boot{1}, 1, []byte("text"))
	r = newRing([]Key{{1}}, nil, false)
	p[len(p)-1] ^= 1
	h, _ := parseHeader(p)
	if _, k := r.open(nil, h, p); k != nil || r[0].subkeys.kept[0].aead != nil {
		t.Errorf("garbage was opened (%v) or its boot kept", k != nil)
	}
	p[len(p)-1] ^= 1
	if _, k := r.open(nil, h, p); k == nil || r[0].subkeys.kept[0].boot != h.boot {
		t.Error("a good datagram was not opened, or its boot not kept")
	}
}
