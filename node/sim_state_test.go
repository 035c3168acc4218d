package node

import (
	"reflect"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"p2pnode/election"
	"p2pnode/wire"
)

// stateOf is a hash over all that a core is made of, its endpoint and election included: whatever field is added to them is in
// it. Left out, because they are to change or cannot: what was counted, the latest time told, buffers whose content means
// nothing, keys derived and kept, the configuration and the simulation's randomness; of events only how many there were counts, and
// the lives of jobs follow from the ledger.
func stateOf(c *core) uint64 {
	return walkOf(reflect.TypeFor[*core]())(stateHash{seen: map[unsafe.Pointer]bool{}}, unsafe.Pointer(&c))
}

// stateless are the fields left out, by the type they are in.
var stateless = map[string][]string{
	"node.core":       {"cfg", "lives"},
	"node.journal":    {"ring"},
	"wire.baker":      {"hash", "made", "who"},
	"wire.session":    {"traffic"},
	"wire.Endpoint":   {"arrival", "cfg", "count", "frames", "now", "opener", "payload", "ring", "scratch", "stock", "taken", "text", "told"},
	"time.Time":       {"loc"},
	"election.Config": {"Rand"},
}

// stateHash walks over values. What was met before, on the way, is not walked over again.
type stateHash struct{ seen map[unsafe.Pointer]bool }

// walk hashes the value at p, of the one type it was made for. Windows and tables have thousands of numbers, and reflection
// is slow: it has its say once for each type, and each time only in maps and interfaces.
type walk func(h stateHash, p unsafe.Pointer) uint64

var walks sync.Map // by type: walk

// walkOf returns the walk over a type. One that holds itself, behind a pointer, finds its own by looking it up again then.
func walkOf(t reflect.Type) walk {
	if known, ok := walks.Load(t); ok {
		return known.(walk)
	}
	made := newWalk(t)
	walks.Store(t, made)
	return made
}

func newWalk(t reflect.Type) walk {
	switch t.Kind() {
	case reflect.String:
		return func(_ stateHash, p unsafe.Pointer) uint64 {
			s := *(*string)(p)
			return sumOf(unsafe.Pointer(unsafe.StringData(s)), len(s))
		}
	case reflect.Pointer:
		return pointerWalk(t.Elem())
	case reflect.Interface:
		return interfaceWalk(t)
	case reflect.Struct, reflect.Array:
		return partsWalk(parts(t, 0, nil))
	case reflect.Slice:
		return sliceWalk(t.Elem())
	case reflect.Map:
		return mapWalk(t)
	case reflect.Func, reflect.Chan, reflect.UnsafePointer: // whether it is there
		return func(_ stateHash, p unsafe.Pointer) uint64 {
			if *(*unsafe.Pointer)(p) == nil {
				return 6
			}
			return 7
		}
	}
	size := int(t.Size())
	return func(_ stateHash, p unsafe.Pointer) uint64 { return sumOf(p, size) }
}

// part is some of what a struct or array is made of: a run of numbers without a gap, or one value that is no number.
type part struct {
	at, size uintptr
	walk     walk // nil: numbers
}

// parts appends those of a value of type t that begins at.
func parts(t reflect.Type, at uintptr, to []part) []part {
	switch {
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); !slices.Contains(stateless[t.String()], f.Name) {
				to = parts(f.Type, at+f.Offset, to)
			}
		}
		return to
	case t.Kind() == reflect.Array:
		for i := range t.Len() {
			to = parts(t.Elem(), at+uintptr(i)*t.Elem().Size(), to)
		}
		return to
	case !numeric(t):
		return append(to, part{at, t.Size(), walkOf(t)})
	}
	if i := len(to) - 1; i >= 0 && to[i].walk == nil && to[i].at+to[i].size == at {
		to[i].size += t.Size()
		return to
	}
	return append(to, part{at, t.Size(), nil})
}

func numeric(t reflect.Type) bool { return reflect.Bool <= t.Kind() && t.Kind() <= reflect.Complex128 }

func partsWalk(parts []part) walk {
	return func(h stateHash, p unsafe.Pointer) uint64 {
		sum := uint64(11)
		for i := range parts {
			if q := &parts[i]; q.walk == nil {
				sum = mixed(sum, sumOf(unsafe.Add(p, q.at), int(q.size)))
			} else {
				sum = mixed(sum, q.walk(h, unsafe.Add(p, q.at)))
			}
		}
		return sum
	}
}

func pointerWalk(to reflect.Type) walk {
	return func(h stateHash, p unsafe.Pointer) uint64 {
		q := *(*unsafe.Pointer)(p)
		switch {
		case q == nil:
			return 8
		case h.seen[q]:
			return 9
		}
		h.seen[q] = true
		return mixed(walkOf(to)(h, q), 10)
	}
}

func interfaceWalk(t reflect.Type) walk {
	return func(h stateHash, p unsafe.Pointer) uint64 {
		v := reflect.NewAt(t, p).Elem().Elem()
		if !v.IsValid() {
			return 8
		}
		held := reflect.New(v.Type())
		held.Elem().Set(v)
		return mixed(walkOf(v.Type())(h, held.UnsafePointer()), 10)
	}
}

func sliceWalk(of reflect.Type) walk {
	return func(h stateHash, p unsafe.Pointer) uint64 {
		s := *(*[]byte)(p) // whatever it is of: where it begins and how long it is
		sum, from := mixed(uint64(len(s)), 12), unsafe.Pointer(unsafe.SliceData(s))
		if numeric(of) {
			return mixed(sum, sumOf(from, len(s)*int(of.Size())))
		}
		each := walkOf(of)
		for i := range len(s) {
			sum = mixed(sum, each(h, unsafe.Add(from, uintptr(i)*of.Size())))
		}
		return sum
	}
}

// mapWalk does not depend on the order of a map, which is a different one each time. What is behind a pointer is walked
// over for each entry: that it was met would depend on the order.
func mapWalk(t reflect.Type) walk {
	return func(_ stateHash, p unsafe.Pointer) uint64 {
		v := reflect.NewAt(t, p).Elem()
		sum := mixed(uint64(v.Len()), 13)
		if v.Len() == 0 {
			return sum
		}
		key, value := reflect.New(t.Key()), reflect.New(t.Elem())
		keys, values := walkOf(t.Key()), walkOf(t.Elem())
		fresh := stateHash{seen: map[unsafe.Pointer]bool{}}
		for it := v.MapRange(); it.Next(); clear(fresh.seen) {
			key.Elem().SetIterKey(it)
			value.Elem().SetIterValue(it)
			sum += mixed(keys(fresh, key.UnsafePointer()), values(fresh, value.UnsafePointer()))
		}
		return sum
	}
}

func mixed(a, b uint64) uint64 {
	a = (a ^ b*0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9
	return (a ^ a>>29) * 0x94d049bb133111eb
}

// sumOf is the hash of n bytes.
func sumOf(p unsafe.Pointer, n int) uint64 { return xxhash.Sum64(unsafe.Slice((*byte)(p), n)) }

// A hash that sees nothing would find every forgery harmless.
func TestStateHashSeesChanges(t *testing.T) {
	s := newSim(t, 1, 3, election.Available)
	s.startAll()
	c := s.settled().core
	p := c.sorted()[0]
	for what, change := range map[string]func(){
		"a heartbeat's number":   func() { p.beat.Sequence++ },
		"a peer's standing":      func() { p.standing = election.Suspected },
		"when a peer was heard":  func() { p.heard = p.heard.Add(1) },
		"the leadership":         func() { c.reign.ready = !c.reign.ready },
		"a record":               func() { c.ledger.Merge(s.now, aRecord(1, wire.Running)) },
		"a batch for the disk":   func() { c.put(Batch{}) },
		"a caller":               func() { c.callers[wire.JobID{1}] = caller{} },
		"a message to be sent":   func() { c.ep.Send(s.now, p.id, wire.Leave{}) },
		"a greeting to be sent":  func() { c.ep.Greet(s.now, p.control, p.id) },
		"what the election says": func() { c.elect.Resign(s.now) },
		"the load":               func() { c.elect.SetLoad(500) },
	} {
		before := stateOf(c)
		if again := stateOf(c); again != before {
			t.Fatalf("the same state has hashes %x and %x", before, again)
		}
		change()
		if stateOf(c) == before {
			t.Errorf("%s changes nothing in the hash", what)
		}
	}
}
