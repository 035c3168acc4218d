package wire

import (
	"crypto/cipher"
	"encoding/binary"

	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"
)

// subkeys is XChaCha20-Poly1305 under one key and nonces of boot ‖ counter. That is ChaCha20-Poly1305 under the key
// HChaCha20(key, boot) and the nonce 0⁴ ‖ counter (draft-irtf-cfrg-xchacha-03 §2.3), so what depends on the boot alone is
// made once and kept. The place of a boot is its last byte: strangers who take it cost its owner a derivation, no more.
type subkeys struct {
	key   Key
	kept  [64]subkey
	nonce [chacha20poly1305.NonceSize]byte // of the call under way; the first four bytes stay zero
}

type subkey struct {
	boot Boot
	aead cipher.AEAD // nil: none kept
}

// seal appends the sealed text to dst.
func (s *subkeys) seal(dst []byte, boot Boot, counter uint64, text, clear []byte) []byte {
	k := s.of(boot)
	s.keep(k)
	return k.aead.Seal(dst, s.count(counter), text, clear)
}

// open appends the opened text to dst. Only a boot under which something was sealed is kept.
func (s *subkeys) open(dst []byte, boot Boot, counter uint64, sealed, clear []byte) ([]byte, error) {
	k := s.of(boot)
	text, err := k.aead.Open(dst, s.count(counter), sealed, clear)
	if err == nil {
		s.keep(k)
	}
	return text, err
}

func (s *subkeys) count(n uint64) []byte {
	binary.BigEndian.PutUint64(s.nonce[4:], n)
	return s.nonce[:]
}

func (s *subkeys) place(boot Boot) *subkey { return &s.kept[int(boot[len(boot)-1])%len(s.kept)] }

func (s *subkeys) keep(k subkey) { *s.place(k.boot) = k }

// of returns the subkey of boot, kept or made.
func (s *subkeys) of(boot Boot) subkey {
	if k := s.place(boot); k.aead != nil && k.boot == boot {
		return *k
	}
	key, err := chacha20.HChaCha20(s.key[:], boot[:])
	if err != nil {
		panic("wire: " + err.Error())
	}
	aead, err := chacha20poly1305.New(key)
	if err != nil {
		panic("wire: " + err.Error())
	}
	return subkey{boot, aead}
}
