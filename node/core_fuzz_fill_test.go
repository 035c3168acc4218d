package node

import (
	"encoding/binary"
	"net/netip"
	"reflect"

	"github.com/fxamacker/cbor/v2"
	"golang.org/x/crypto/chacha20poly1305"

	"p2pnode/wire"
)

// script is a fuzz input being read: bytes that say what happens next. After its end everything is zero.
type script struct{ rest []byte }

func (s *script) byte() byte {
	if len(s.rest) == 0 {
		return 0
	}
	b := s.rest[0]
	s.rest = s.rest[1:]
	return b
}

func (s *script) bytes(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = s.byte()
	}
	return p
}

// pick returns one of a few things.
func pick[T any](s *script, from []T) T { return from[int(s.byte())%len(from)] }

// kinds has an empty message of every kind.
var kinds = []wire.Message{
	wire.Hello{}, wire.HelloAck{}, wire.Ping{}, wire.Pong{}, wire.PingReq{}, wire.Leave{}, wire.Heartbeat{}, wire.Election{}, wire.Alive{},
	wire.Grant{}, wire.LeaderAlive{}, wire.EpochBehind{}, wire.Coordinator{}, wire.LeaderQuery{}, wire.LeaderResponse{},
	wire.TaskAssignmentRequest{}, wire.TaskAssignmentResponse{}, wire.NotLeader{}, wire.Busy{}, wire.TaskStatusQuery{},
	wire.TaskStatusResponse{}, wire.TaskMoved{}, wire.HistoryAdd{}, wire.HistoryRemove{}, wire.HistoryDigest{}, wire.HistoryPull{},
	wire.HistoryChunk{}, wire.RotateToken{}, wire.RotateAccept{},
}

// message returns a message whose kind and every field the script chooses.
func (w *coreWorld) message() wire.Message {
	m := reflect.New(reflect.TypeOf(pick(&w.script, kinds))).Elem()
	w.fill(m)
	return m.Interface().(wire.Message)
}

// fill sets v to what the script says: mostly values that mean something here, sometimes any.
func (w *coreWorld) fill(v reflect.Value) {
	switch v.Interface().(type) {
	case wire.NodeID:
		v.Set(reflect.ValueOf(w.nodeID()))
		return
	case wire.JobID:
		v.Set(reflect.ValueOf(w.jobID()))
		return
	case wire.Digest:
		v.Set(reflect.ValueOf(wire.Digest{w.script.byte() % 4}))
		return
	case netip.AddrPort:
		v.Set(reflect.ValueOf(pick(&w.script, w.places())))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			w.fill(v.Field(i))
		}
	case reflect.Slice:
		w.fillSlice(v)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(w.number() & (1<<v.Type().Bits() - 1))
	case reflect.Bool:
		v.SetBool(w.script.byte()&1 != 0)
	case reflect.String:
		v.SetString(pick(&w.script, []string{"", "n1", "n2", "n3", "a name that nobody has"}))
	}
}

func (w *coreWorld) fillSlice(v reflect.Value) {
	n := int(w.script.byte())
	if v.Type().Elem().Kind() == reflect.Uint8 {
		v.SetBytes(w.script.bytes(n % 40))
		return
	}
	if n %= 5; n == 4 {
		n = 64
	}
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i := range n {
		w.fill(v.Index(i))
	}
}

// number is small, near the present epoch, extreme, or anything.
func (w *coreWorld) number() uint64 {
	epoch, _, _, _ := w.core.elect.Beat()
	switch b := w.script.byte(); {
	case b < 128:
		return uint64(b / 8)
	case b < 224:
		return epoch + uint64(b)%4
	case b < 240:
		return epoch - 1
	case b < 250:
		return binary.BigEndian.Uint64(w.script.bytes(8))
	default:
		return 1<<64 - 1 - uint64(b)%4
	}
}

func (w *coreWorld) nodeID() wire.NodeID {
	switch b := w.script.byte(); {
	case b%8 < 6:
		return IDOf([...]string{"n1", "n2", "n3", "n4", "liar", "nobody"}[b%8])
	case b%8 == 6:
		return wire.NodeID{}
	default:
		return wire.NodeID{b}
	}
}

// jobID is one of a few more than the ledger holds.
func (w *coreWorld) jobID() wire.JobID {
	b := w.script.byte()
	if b < 192 {
		b %= 4
	}
	return wire.JobID{b % 16 * 16, 1}
}

// scrawl seals a message by hand (PROTOCOL.md §2), under any key and from anywhere: it is as short as it gets, where an
// endpoint would have padded it, and belongs to no session.
func (w *coreWorld) scrawl() {
	key := pick(&w.script, []wire.Key{wire.OpenKey, w.config.ident.Server, w.config.ident.Client})
	from := pick(&w.script, w.places())
	source, dest, boot := w.nodeID(), pick(&w.script, []wire.NodeID{{}, w.config.self}), pick(&w.script, []wire.Boot{{}, w.core.ep.Boot()})
	m := w.message()
	payload, err := cbor.Marshal(m)
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := cbor.Marshal(map[int]any{1: source[:], 2: dest[:], 3: boot[:], 8: [][]any{{uint8(m.Kind()), 0, payload}}})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(text) > wire.MaxDatagram-48 {
		return
	}
	id := key.ID()
	head := append([]byte{0x0e, 'P', '2', 'N', wire.Version, 0, id[0], id[1]}, source[:]...)
	head = binary.BigEndian.AppendUint64(head, uint64(w.in[from])+1)
	aead, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		w.t.Fatal(err)
	}
	w.give(from, aead.Seal(head, head[8:], text, head))
}
