package wire

import (
	"fmt"
	"net/netip"
)

// The bounds of PROTOCOL.md §3.1: every list and string of a message has one.
const (
	maxName      = 64
	maxDetail    = 256
	maxCookie    = 32
	maxAddresses = 8
	MaxMet       = 8 // peers told of in a Heartbeat
	maxNodes     = 16
	maxAvoid     = 16
	maxKin       = 3
	maxRecords   = 32
	maxOwner     = 32
	maxBuckets   = 64
)

// bounds says what in v is longer or stranger than the protocol allows.
func bounds(v any) error {
	if b, ok := v.(interface{ bounds() error }); ok {
		return b.bounds()
	}
	return nil
}

// first returns the first error of several checks.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func atMost(what string, n, most int) error {
	if n > most {
		return FormatError(fmt.Sprintf("%s of %d, at most %d", what, n, most))
	}
	return nil
}

func addresses(list []netip.AddrPort) error {
	for _, a := range list {
		if !a.Addr().IsValid() || a.Addr().Zone() != "" {
			return FormatError("bad address")
		}
	}
	return atMost("addresses", len(list), maxAddresses)
}

func (h Hello) bounds() error {
	return first(text("name", h.Name, maxName), addresses(h.Control), addresses(h.Data),
		atMost("cookie", len(h.Cookie), maxCookie), atMost("echo", len(h.Echo), maxCookie))
}

func (h HelloAck) bounds() error {
	return first(h.Hello.bounds(), text("detail", h.Detail, maxDetail))
}

func (h Heartbeat) bounds() error {
	for _, n := range h.Met {
		if err := n.bounds(); err != nil {
			return err
		}
	}
	return first(atMost("role", int(h.Role), int(Leader)), atMost("nodes met", len(h.Met), MaxMet))
}

func (e Election) bounds() error    { return e.Phase.bounds() }
func (a Alive) bounds() error       { return a.Phase.bounds() }
func (g Grant) bounds() error       { return g.Phase.bounds() }
func (l LeaderAlive) bounds() error { return l.Phase.bounds() }
func (e EpochBehind) bounds() error { return e.Phase.bounds() }

func (p Phase) bounds() error { return atMost("phase", int(p), int(Vote)) }

func (n Node) bounds() error {
	return first(text("name", n.Name, maxName), addresses(n.Control), addresses(n.Data))
}

func (l LeaderResponse) bounds() error {
	for _, n := range l.Nodes {
		if err := n.bounds(); err != nil {
			return err
		}
	}
	for _, k := range l.Kin {
		if err := k.bounds(); err != nil {
			return err
		}
	}
	return first(atMost("nodes", len(l.Nodes), maxNodes), atMost("kin", len(l.Kin), maxKin), text("label", l.Label, maxName),
		atMost("authority", len(l.Authority), 32), atMost("cookie", len(l.Cookie), maxCookie))
}

func (k Kin) bounds() error {
	return first(atMost("authority", len(k.Authority), 32), atMost("statement", len(k.Statement), 64))
}

func (t TaskAssignmentRequest) bounds() error {
	return first(atMost("cookie", len(t.Cookie), maxCookie), text("client", t.Client, maxName), atMost("avoid", len(t.Avoid), maxAvoid))
}

func (t TaskAssignmentResponse) bounds() error { return t.Server.bounds() }
func (n NotLeader) bounds() error              { return n.Leader.bounds() }
func (b Busy) bounds() error                   { return text("detail", b.Detail, maxDetail) }
func (t TaskStatusQuery) bounds() error        { return atMost("cookie", len(t.Cookie), maxCookie) }
func (t TaskMoved) bounds() error              { return t.Server.bounds() }

func (t TaskStatusResponse) bounds() error {
	return first(t.Server.bounds(), t.State.bounds())
}

func (s State) bounds() error { return atMost("state", int(s), int(Acked)) }

func (r Record) bounds() error {
	return first(r.State.bounds(), text("client", r.Client, maxName), atMost("owner", len(r.Owner), maxOwner))
}

func (h HistoryAdd) bounds() error    { return h.Record.bounds() }
func (h HistoryRemove) bounds() error { return h.Record.bounds() }
func (h HistoryDigest) bounds() error { return atMost("buckets", len(h.Buckets), maxBuckets) }

func (h HistoryChunk) bounds() error {
	for _, r := range h.Records {
		if err := r.bounds(); err != nil {
			return err
		}
	}
	return atMost("records", len(h.Records), maxRecords)
}
