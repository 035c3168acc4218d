// Package wire is what p2pnode says and how it survives UDP: messages, their CBOR form, sealed datagrams, the reliable
// Endpoint, and the frames of a job's QUIC stream. docs/PROTOCOL.md specifies all of it.
//
// The one idea: an Endpoint is a pure state machine. Datagrams and the passing of time go in (Receive, Advance), events
// and datagrams come out (Events, Take), and Deadline says when time matters next. It starts no goroutine, reads no clock,
// and holds no lock.
//
// A datagram is a clear header, all of it authenticated, and a sealed CBOR body (PROTOCOL.md §2):
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+---------------+---------------+---------------+---------------+
//	|     0x0E      |      'P'      |      '2'      |      'N'      |
//	+---------------+---------------+---------------+---------------+
//	|   version 1   |    flags 0    |   key id, SHA-256(key)[:2]    |
//	+---------------+---------------+---------------+---------------+
//	|                                                               |
//	|            boot nonce of the sender (16 bytes)                |
//	|                                                               |
//	|                                                               |
//	+---------------+---------------+---------------+---------------+
//	|          packet counter (8 bytes, big endian)                 |
//	|                                                               |
//	+---------------+---------------+---------------+---------------+
//	|  XChaCha20-Poly1305(body), nonce = boot ‖ counter, tag last   |
//	+---------------------------------------------------------------+
package wire
