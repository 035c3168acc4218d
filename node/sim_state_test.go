package node

import (
	"math"
	"reflect"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"p2pnode/election"
	"p2pnode/wire"
)

// stateOf is a hash over all that a core is made of, its endpoint and election included: whatever field is added to them is in
// it. Left out, because they are to change or cannot: what was counted, the latest time told, buffers whose content means
// nothing, keys derived and kept, the configuration and the simulation's randomness.
func stateOf(c *core) uint64 {
	h := stateHash{seen: map[uintptr]bool{}}
	return h.of(reflect.ValueOf(c))
}

// stateless are the fields left out, by the type they are in.
var stateless = map[string][]string{
	"node.core":       {"cfg"},
	"wire.baker":      {"hash"},
	"wire.Endpoint":   {"arrival", "cfg", "count", "now", "opener", "ring", "scratch", "text"},
	"time.Time":       {"loc"},
	"election.Config": {"Rand"},
}

// stateHash walks over values. What was met before, on the way, is not walked over again.
type stateHash struct{ seen map[uintptr]bool }

func (h stateHash) of(v reflect.Value) uint64 {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return 1
		}
		return 2
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return mixed(uint64(v.Int()), 3)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return mixed(v.Uint(), 4)
	case reflect.Float32, reflect.Float64:
		return mixed(math.Float64bits(v.Float()), 5)
	case reflect.String:
		return sumOf([]byte(v.String()))
	case reflect.Pointer, reflect.Interface:
		return h.behind(v)
	case reflect.Struct:
		return h.fields(v)
	case reflect.Array, reflect.Slice:
		return h.elements(v)
	case reflect.Map:
		return h.entries(v)
	}
	if v.IsNil() { // a function or channel: whether it is there
		return 6
	}
	return 7
}

func mixed(a, b uint64) uint64 {
	a = (a ^ b*0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9
	return (a ^ a>>29) * 0x94d049bb133111eb
}

func (h stateHash) behind(v reflect.Value) uint64 {
	if v.IsNil() {
		return 8
	}
	if v.Kind() == reflect.Pointer {
		if h.seen[v.Pointer()] {
			return 9
		}
		h.seen[v.Pointer()] = true
	}
	return mixed(h.of(v.Elem()), 10)
}

func (h stateHash) fields(v reflect.Value) uint64 {
	sum := uint64(11)
	for _, i := range stateful(v.Type()) {
		sum = mixed(sum, h.of(v.Field(i)))
	}
	return sum
}

// stateful returns the fields of a type that are not left out.
func stateful(t reflect.Type) []int {
	if known, ok := statefulOf.Load(t); ok {
		return known.([]int)
	}
	var fields []int
	for i := range t.NumField() {
		if !slices.Contains(stateless[t.String()], t.Field(i).Name) {
			fields = append(fields, i)
		}
	}
	statefulOf.Store(t, fields)
	return fields
}

var statefulOf sync.Map // by type: []int

func (h stateHash) elements(v reflect.Value) uint64 {
	sum := mixed(uint64(v.Len()), 12)
	for _, w := range words(v) {
		sum = mixed(sum, w)
	}
	if words(v) != nil {
		return sum
	}
	for i := range v.Len() {
		sum = mixed(sum, h.of(v.Index(i)))
	}
	return sum
}

// words returns what a list of bytes or of 64-bit numbers is made of; nil: it is none, or empty, or cannot be got at. Windows
// and tables have thousands, and reflection is slow.
func words(v reflect.Value) []uint64 {
	k := v.Type().Elem().Kind()
	if v.Len() == 0 || v.Kind() == reflect.Array && !v.CanAddr() {
		return nil
	}
	switch k {
	case reflect.Uint8:
		return []uint64{sumOf(v.Bytes())}
	case reflect.Uint64, reflect.Int64:
		if v.Kind() == reflect.Array {
			v = v.Slice(0, v.Len())
		}
		return unsafe.Slice((*uint64)(v.UnsafePointer()), v.Len())
	}
	return nil
}

func sumOf(p []byte) uint64 {
	sum := uint64(14)
	for _, b := range p {
		sum = (sum ^ uint64(b)) * 0x100000001b3
	}
	return sum
}

// entries does not depend on the order of a map, which is a different one each time. What is behind a pointer is walked
// over for each entry: that it was met would depend on the order.
func (h stateHash) entries(v reflect.Value) uint64 {
	sum := mixed(uint64(v.Len()), 13)
	for it := v.MapRange(); it.Next(); {
		fresh := stateHash{seen: map[uintptr]bool{}}
		sum += mixed(fresh.of(it.Key()), fresh.of(it.Value()))
	}
	return sum
}

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
