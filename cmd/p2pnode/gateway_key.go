package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"p2pnode/node"
)

// repeatable makes a job with an Idempotency-Key one that any server of the cluster knows again: the job's secret follows from
// the key, and the salt from key and content. Its result stays at its server, where the same content gets it and any
// other is a CONFLICT. Both are made with a key of the cluster's secret, so that no Idempotency-Key leads to
// another's job secret, and one salt never serves two contents.
func (g *gateway) repeatable(j *node.Job, v *visitor) error {
	if v.key == "" {
		return nil
	}
	content, err := v.fingerprint(j)
	if err != nil {
		return fmt.Errorf("read the image: %w", err)
	}
	j.Secret, j.Keep = g.derive("job", v.key, nil)[:node.JobSecretSize], true
	v.seal.Entropy = bytes.NewReader(g.derive("salt", v.key, content))
	return nil
}

// derive returns 32 bytes that only holders of the cluster's secret can make.
func (g *gateway) derive(what, key string, content []byte) []byte {
	m := hmac.New(sha256.New, g.key)
	for _, part := range [][]byte{[]byte(what), []byte(key), content} {
		m.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		m.Write(part)
	}
	return m.Sum(nil)
}

// fingerprint is the digest of all that shapes the result but the passphrase: what is made with another one has other keys anyway.
func (v *visitor) fingerprint(j *node.Job) ([]byte, error) {
	image := sha256.New()
	if _, err := io.Copy(image, v.image.reader()); err != nil {
		return nil, err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%v %v %v %v %q %d\n", v.seal.Format, v.seal.Spread, v.strip, j.Payload.Kind, j.Payload.Name, len(j.Payload.Data))
	h.Write(j.Payload.Data)
	return image.Sum(h.Sum(nil)), nil
}
