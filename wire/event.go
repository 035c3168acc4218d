package wire

import "net/netip"

// EventKind says what an Endpoint has to tell.
type EventKind uint8

const (
	// Delivered: Message arrived. From a peer's session (Authority is AuthorityPeer; ID is for Release), or from a
	// stranger under a client key: then Peer and Boot are what it claims, and Key and Room are for the answer.
	Delivered EventKind = iota + 1
	// Up: a session with Peer began, or began again under a new Boot; Hello is what it said. Replaced is the boot nonce of
	// the session that ended with it, if there was one: that process is dead, and what it had not acknowledged is dropped.
	Up
	// Heard: a datagram of Peer's session arrived which proves that it lives and reads us. It precedes what was in it.
	Heard
	// Acknowledged: Peer has the reliable message ID; for a held message that means on its disk.
	Acknowledged
	// Suspect: a reliable message to Peer went unanswered twelve times. It is still being sent.
	Suspect
	// Refused: Peer wants no session with us, for Code and Detail.
	Refused
	// Conflict: another live process, at Addr under Boot, holds our node id.
	Conflict
)

// String returns the word used in traces.
func (k EventKind) String() string {
	return [...]string{"nothing", "delivered", "up", "heard", "acknowledged", "suspect", "refused", "conflict"}[min(k, 7)]
}

// Event is one thing an Endpoint tells its owner.
type Event struct {
	What      EventKind
	Peer      NodeID
	Boot      Boot
	Addr      netip.AddrPort // the datagram's source
	Authority Authority
	Message   Message
	ID        uint64 // of a reliable message
	Counter   uint64 // of the datagram of a stranger's question: no two of one Boot have the same
	Key       KeyRef // of a stranger's question, for SendTo
	Room      int    // bytes of a stranger's question: no answer may be longer (compare Size)
	Hello     *Hello // of Up, Refused and Conflict: what it says of itself
	Replaced  Boot
	Code      Code
	Detail    string
}

// Datagram is bytes to be sent.
type Datagram struct {
	To   netip.AddrPort
	Data []byte
}

// Counters count since the endpoint was made.
type Counters struct {
	DatagramsIn, DatagramsOut uint64
	BytesIn, BytesOut         uint64
	Retransmissions           uint64 // frames sent again
	Duplicates                uint64 // reliable messages that had already been delivered
	Replays                   uint64 // datagrams whose counter had already been accepted
	Malformed                 uint64 // header, body or message against the protocol
	Unauthenticated           uint64 // no key of ours opens it
	Misdirected               uint64 // meant for another node, or for an earlier process of ours
	Forbidden                 uint64 // messages that may not be said under that key
	Unknown                   uint64 // frames of a later version, acknowledged and skipped
	Starved                   uint64 // strangers' datagrams beyond their budget
	Withheld                  uint64 // answers that would have been longer than their question
	Challenges                uint64 // answers to unproven peers
	Handshakes                uint64 // sessions begun
	Looped                    uint64 // our own broadcasts
}
