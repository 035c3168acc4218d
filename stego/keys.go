package stego

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"io"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

// Labels of docs/STEGO.md §3.2.
const (
	openSecret  = "p2pnode stego v1: readable by anybody"
	labelMaster = "p2pnode stego v1 master"
	labelHead   = "p2pnode stego v1 head"
	labelSeal   = "p2pnode stego v1 seal"
	labelPlace  = "p2pnode stego v1 place"
	labelChange = "p2pnode stego v1 change"
)

// Argon2id costs of docs/STEGO.md §3.2.
const (
	argonPasses = 3
	argonMemory = 64 << 10 // KiB
	argonLanes  = 1
)

// key is one purpose's 32 bytes.
type key [32]byte

// keys are the four keys of a salt and a passphrase.
type keys struct{ head, seal, place, change key }

// deriveKeys derives all keys. With an empty passphrase they are public.
func deriveKeys(passphrase, salt []byte) keys {
	if len(passphrase) == 0 {
		return expandKeys(derive(hkdf.Key(sha256.New, []byte(openSecret), salt, labelMaster, 32)))
	}
	return expandKeys(argon2.IDKey(passphrase, salt, argonPasses, argonMemory, argonLanes, 32))
}

// expandKeys derives the four keys from the master secret: HKDF-Expand, of which 32 bytes are the first block, T(1) of RFC 5869 §2.3.
// One keyed hash serves all four; hkdf.Expand would key one for each.
func expandKeys(master []byte) (k keys) {
	mac := hmac.New(sha256.New, master)
	for _, to := range []struct {
		label string
		key   *key
	}{{labelHead, &k.head}, {labelSeal, &k.seal}, {labelPlace, &k.place}, {labelChange, &k.change}} {
		mac.Reset()
		io.WriteString(mac, to.label)
		mac.Write([]byte{1})
		mac.Sum(to.key[:0])
	}
	return k
}

// derive takes HKDF's answer, which is an error only for lengths we never ask.
func derive(out []byte, err error) []byte {
	if err != nil {
		panic("stego: " + err.Error())
	}
	return out
}

// seal appends the box of plain to dst. Each key seals one box, so the nonce is zero.
func (k key) seal(dst, plain []byte, label string, i Info) []byte {
	aead, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		panic("stego: " + err.Error())
	}
	return aead.Seal(dst, make([]byte, aead.NonceSize()), plain, associated(label, i))
}

// open returns the plain text of a box, false where it was not sealed by this key.
func (k key) open(box []byte, label string, i Info) ([]byte, bool) {
	aead, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		panic("stego: " + err.Error())
	}
	plain, err := aead.Open(nil, make([]byte, aead.NonceSize()), box, associated(label, i))
	return plain, err == nil
}

// associated binds a box to its purpose and to the size of the image.
func associated(label string, i Info) []byte {
	b := binary.BigEndian.AppendUint32([]byte(label), uint32(i.Width))
	return binary.BigEndian.AppendUint32(b, uint32(i.Height))
}
