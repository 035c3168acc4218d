package wire

import (
	"bytes"
	"encoding/hex"
	"fmt"
)

// NodeID names one server, or one client process, for as long as its store lives. Zero means nobody.
type NodeID [16]byte

// JobID names one job; it is the first half of the SHA-256 of the job's secret. Ids are public.
type JobID [16]byte

// ClusterID is the first half of the SHA-256 of the cluster CA's public key. Zero means unknown.
type ClusterID [16]byte

// Boot is the random nonce of one process start; with a packet counter it makes the AEAD nonce.
type Boot [16]byte

// Digest is a SHA-256.
type Digest [32]byte

// String returns the id in hexadecimal; it is also the TLS server name of the node.
func (id NodeID) String() string    { return hex.EncodeToString(id[:]) }
func (id JobID) String() string     { return hex.EncodeToString(id[:]) }
func (id ClusterID) String() string { return hex.EncodeToString(id[:]) }
func (b Boot) String() string       { return hex.EncodeToString(b[:]) }
func (d Digest) String() string     { return hex.EncodeToString(d[:]) }

// IsZero reports whether the id names nobody.
func (id NodeID) IsZero() bool    { return id == NodeID{} }
func (id JobID) IsZero() bool     { return id == JobID{} }
func (id ClusterID) IsZero() bool { return id == ClusterID{} }
func (b Boot) IsZero() bool       { return b == Boot{} }
func (d Digest) IsZero() bool     { return d == Digest{} }

// Compare orders ids bytewise: -1, 0 or +1.
func (id NodeID) Compare(other NodeID) int { return bytes.Compare(id[:], other[:]) }
func (id JobID) Compare(other JobID) int   { return bytes.Compare(id[:], other[:]) }

// MarshalBinary and UnmarshalBinary make the ids CBOR byte strings of exact length.
func (id NodeID) MarshalBinary() ([]byte, error)    { return id[:], nil }
func (id JobID) MarshalBinary() ([]byte, error)     { return id[:], nil }
func (id ClusterID) MarshalBinary() ([]byte, error) { return id[:], nil }
func (b Boot) MarshalBinary() ([]byte, error)       { return b[:], nil }
func (d Digest) MarshalBinary() ([]byte, error)     { return d[:], nil }

func (id *NodeID) UnmarshalBinary(p []byte) error    { return exact(id[:], p, "node id") }
func (id *JobID) UnmarshalBinary(p []byte) error     { return exact(id[:], p, "job id") }
func (id *ClusterID) UnmarshalBinary(p []byte) error { return exact(id[:], p, "cluster id") }
func (b *Boot) UnmarshalBinary(p []byte) error       { return exact(b[:], p, "boot nonce") }
func (d *Digest) UnmarshalBinary(p []byte) error     { return exact(d[:], p, "digest") }

func exact(dst, p []byte, what string) error {
	if len(p) != len(dst) {
		return FormatError(fmt.Sprintf("%s of %d bytes", what, len(p)))
	}
	copy(dst, p)
	return nil
}

// ParseNodeID reads the hexadecimal form that String writes.
func ParseNodeID(s string) (id NodeID, err error) {
	b, err := hex.DecodeString(s)
	if err == nil {
		err = id.UnmarshalBinary(b)
	}
	return id, err
}

// ParseJobID reads the hexadecimal form that String writes.
func ParseJobID(s string) (id JobID, err error) {
	b, err := hex.DecodeString(s)
	if err == nil {
		err = id.UnmarshalBinary(b)
	}
	return id, err
}

// FormatError says why bytes from the network were not what the protocol allows.
type FormatError string

func (e FormatError) Error() string { return "wire: invalid packet: " + string(e) }
