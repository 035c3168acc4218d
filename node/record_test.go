package node

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"p2pnode/wire"
)

// fewIDs makes records collide: laws about merging say little of records that never meet.
var fewIDs = rapid.Uint8Range(1, 3)

// anyRecord draws a valid record; jobs of a small set, spread over the ledger's buckets.
func anyRecord(t *rapid.T) wire.Record {
	r := wire.Record{
		Job:     jobOf(rapid.Uint8Range(0, 15).Draw(t, "job")),
		Attempt: rapid.Uint32Range(1, 3).Draw(t, "attempt"),
		State:   wire.State(rapid.Uint8Range(uint8(wire.Assigned), uint8(wire.Acked)).Draw(t, "state")),
		Epoch:   rapid.Uint64Range(0, 2).Draw(t, "epoch"),
		Leader:  nodeOf(fewIDs.Draw(t, "leader")), Server: nodeOf(fewIDs.Draw(t, "server")),
		Client: rapid.SampledFrom([]string{"", "ann", "bob"}).Draw(t, "client"),
		Owner:  []byte{10, 0, 0, fewIDs.Draw(t, "owner")},
		Size:   rapid.Uint64Range(0, 1).Draw(t, "size"), Request: rapid.Uint64Range(0, 1).Draw(t, "request"),
		Code: wire.Code(rapid.Uint8Range(0, 1).Draw(t, "code")),
	}
	if r.State == wire.Done || r.State == wire.Acked {
		r.Result = wire.Digest{fewIDs.Draw(t, "result")}
	}
	return r
}

func jobOf(n uint8) wire.JobID   { return wire.JobID{n << 4, 1, 15: n} }
func nodeOf(n uint8) wire.NodeID { return wire.NodeID{n} }

// aRecord is a valid record of a job in a state.
func aRecord(job uint8, s wire.State) wire.Record {
	r := wire.Record{Job: jobOf(job), Attempt: 1, State: s, Epoch: 1, Leader: nodeOf(1), Server: nodeOf(2), Owner: []byte{10, 0, 0, 9}}
	if s == wire.Done || s == wire.Acked {
		r.Result = wire.Digest{1}
	}
	return r
}

func TestRecordMergeIsCommutativeAssociativeIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := anyRecord(t), anyRecord(t), anyRecord(t)
		b.Job, c.Job = a.Job, a.Job
		if got, want := Merge(a, b), Merge(b, a); !reflect.DeepEqual(got, want) {
			t.Fatalf("Merge(a, b) = %+v, Merge(b, a) = %+v", got, want)
		}
		if got, want := Merge(Merge(a, b), c), Merge(a, Merge(b, c)); !reflect.DeepEqual(got, want) {
			t.Fatalf("Merge(Merge(a, b), c) = %+v, Merge(a, Merge(b, c)) = %+v", got, want)
		}
		if got := Merge(a, a); !reflect.DeepEqual(got, a) {
			t.Fatalf("Merge(a, a) = %+v, want a = %+v", got, a)
		}
		if m := Merge(a, b); !reflect.DeepEqual(m, a) && !reflect.DeepEqual(m, b) {
			t.Fatalf("Merge(a, b) = %+v is neither a = %+v nor b = %+v", m, a, b)
		}
	})
}

func TestRecordMergeOrder(t *testing.T) {
	base := aRecord(1, wire.Running)
	with := func(f func(*wire.Record)) wire.Record { r := base; f(&r); return r }
	// Each record beats all that stand before it.
	ascending := []struct {
		name string
		rec  wire.Record
	}{
		{"assigned, though of a high epoch", with(func(r *wire.Record) { r.State, r.Epoch = wire.Assigned, 99 })},
		{"running", base},
		{"running, longer bytes", with(func(r *wire.Record) { r.Size = 1 })},
		{"running, higher server", with(func(r *wire.Record) { r.Server = nodeOf(9) })},
		{"running, higher leader", with(func(r *wire.Record) { r.Leader = nodeOf(9) })},
		{"running, higher epoch", with(func(r *wire.Record) { r.Epoch = 2 })},
		{"failed", with(func(r *wire.Record) { r.State = wire.Failed })},
		{"done", with(func(r *wire.Record) { r.State = wire.Done })},
		{"next attempt assigned, though of a low epoch", with(func(r *wire.Record) { r.Attempt, r.State, r.Epoch = 2, wire.Assigned, 0 })},
		{"cancelled of the first attempt", with(func(r *wire.Record) { r.State = wire.Cancelled })},
		{"cancelled of a later one", with(func(r *wire.Record) { r.State, r.Attempt = wire.Cancelled, 3 })},
		{"acked of the first attempt", with(func(r *wire.Record) { r.State = wire.Acked })},
	}
	for i, low := range ascending {
		for _, high := range ascending[i+1:] {
			if got := Merge(high.rec, low.rec); !reflect.DeepEqual(got, high.rec) {
				t.Errorf("Merge of %q and %q is the former, want the latter", low.name, high.name)
			}
		}
	}
}

func TestRecordFormRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRecord(t)
		p := appendRecord(nil, r)
		got, err := parseRecord(p)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Fatalf("parseRecord(appendRecord(%+v)) = %+v, %v", r, got, err)
		}
		cut := rapid.IntRange(0, len(p)-1).Draw(t, "cut")
		if _, err := parseRecord(p[:cut]); err == nil {
			t.Fatalf("parseRecord of %d of %d bytes: no error", cut, len(p))
		}
		if _, err := parseRecord(append(p, 0)); err == nil {
			t.Fatal("parseRecord with a byte after the record: no error")
		}
	})
}

// A field that appendRecord does not know would be lost in the store and invisible to digests and merging.
func TestRecordFormKnowsEveryField(t *testing.T) {
	typ := reflect.TypeFor[wire.Record]()
	for i := range typ.NumField() {
		var r wire.Record
		f := reflect.ValueOf(&r).Elem().Field(i)
		switch f.Kind() {
		case reflect.String:
			f.SetString("x")
		case reflect.Slice:
			f.SetBytes([]byte{1})
		case reflect.Array:
			f.Index(0).SetUint(1)
		default:
			f.SetUint(1)
		}
		if got, err := parseRecord(appendRecord(nil, r)); err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("field %s does not survive: got %+v, %v", typ.Field(i).Name, got, err)
		}
	}
}

func TestRecordBounds(t *testing.T) {
	with := func(s wire.State, f func(*wire.Record)) wire.Record { r := aRecord(1, s); f(&r); return r }
	for _, c := range []struct {
		name string
		rec  wire.Record
		want string // part of the error; empty: valid
	}{
		{"good", aRecord(1, wire.Running), ""},
		{"done", aRecord(1, wire.Done), ""},
		{"longest", with(wire.Running, func(r *wire.Record) {
			r.Client, r.Owner = strings.Repeat("x", maxClient), make([]byte, maxOwner)
		}), ""},
		{"no job", with(wire.Running, func(r *wire.Record) { r.Job = wire.JobID{} }), "no job id"},
		{"state 0", with(wire.Running, func(r *wire.Record) { r.State = 0 }), "unknown state 0"},
		{"state 7", with(wire.Running, func(r *wire.Record) { r.State = wire.Acked + 1 }), "unknown state 7"},
		{"attempt 0", with(wire.Running, func(r *wire.Record) { r.Attempt = 0 }), "attempt 0"},
		{"attempt that leaves no room", with(wire.Running, func(r *wire.Record) { r.Attempt = 1<<32 - 1 }), "attempt 4294967295"},
		{"no server", with(wire.Running, func(r *wire.Record) { r.Server = wire.NodeID{} }), "no server"},
		{"no leader", with(wire.Running, func(r *wire.Record) { r.Leader = wire.NodeID{} }), "no leader"},
		{"long client", with(wire.Running, func(r *wire.Record) { r.Client = strings.Repeat("x", maxClient+1) }), "client name"},
		{"client not UTF-8", with(wire.Running, func(r *wire.Record) { r.Client = "\xff" }), "client name"},
		{"long owner", with(wire.Running, func(r *wire.Record) { r.Owner = make([]byte, maxOwner+1) }), "owner of 33"},
		{"huge", with(wire.Running, func(r *wire.Record) { r.Size = 1 << 63 }), "image of"},
		{"done without result", with(wire.Done, func(r *wire.Record) { r.Result = wire.Digest{} }), "without a result"},
	} {
		err := Valid(c.rec)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Valid() = %v, want %q in it", c.name, err, c.want)
		}
	}
}
