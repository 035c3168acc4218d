//go:build linux

package main

import (
	"p2pnode/node"
	"p2pnode/wire"
)

// compareLedgers reads what the servers, all ended, have on disk: each holds the same, every job that a client has is
// acknowledged there (how often it was assigned is no law here: two leaders that do not hear each other may each assign
// it for the first time), and of other jobs there are no more than clients were killed, or came to waste time.
func (c *chaos) compareLedgers() {
	t := c.t
	t.Helper()
	merged := map[string]wire.Record{}
	for i, p := range c.procs {
		records := p.records()
		if i > 0 && len(records) != len(merged) {
			t.Errorf("%s has %d records on disk, those before it %d", p.name, len(records), len(merged))
		}
		for _, r := range records {
			id := r.Job.String()
			if old, ok := merged[id]; ok {
				r = node.Merge(old, r)
			}
			merged[id] = r
		}
	}
	unconfirmed, elsewhere := 0, 0
	for id, d := range c.clients.done {
		record, ok := merged[id]
		delete(merged, id)
		switch {
		case !ok:
			t.Errorf("job %s of server %s is in no ledger", id, d.server)
		case record.State != wire.Acked && d.confirmed:
			t.Errorf("job %s was acknowledged, the ledger has it %s", id, record.State)
		case record.Server != node.IDOf(d.server):
			elsewhere++
		}
		if !d.confirmed {
			unconfirmed++
		}
	}
	if n := len(merged); n > c.clients.gone {
		t.Errorf("the ledgers hold %d jobs that no client has; %d were abandoned", n, c.clients.gone)
	}
	t.Logf("ledgers on disk agree on %d jobs of clients; %d acknowledgements were not confirmed, %d results taken from a server whose job had been given on, %d jobs that were abandoned",
		len(c.clients.done), unconfirmed, elsewhere, len(merged))
}
