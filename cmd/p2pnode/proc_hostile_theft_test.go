//go:build linux

package main

import (
	"crypto/sha256"
	"net/netip"
	"os"
	"testing"
	"time"

	"p2pnode/node"
	"p2pnode/wire"
)

// TestClientCannotTouchAnothersJob has one client do a job halfway and another, which knows all that is public of it, try to
// fetch, move, cancel and overwrite it; then the owner goes on as if nothing had been. Once both are strangers to an open
// cluster, once both hold its client token.
func TestClientCannotTouchAnothersJob(t *testing.T) {
	for _, mode := range []string{"open", "token"} {
		t.Run(mode, func(t *testing.T) { touchAnothersJob(t, mode) })
	}
}

func touchAnothersJob(t *testing.T, mode string) {
	on := newLAN(t, "n1", "n2", "owner", "thief")
	c := staff(newLab(t), on, []string{"n1", "n2"}, "--clients", mode)
	v, _ := c.agree(10 * time.Second)
	leader, _ := c.leads(v)
	image, err := os.ReadFile(c.photos()[0])
	if err != nil {
		t.Fatal(err)
	}
	q := request(t, secretOf('o'), image, measured(t, image), "the owner's text")
	job := jobOf(q.Secret)

	key, as := wire.OpenKey, wire.KeyRef{Authority: wire.AuthorityOpen}
	if mode == "token" {
		key, as = c.readToken().Client, wire.KeyRef{Authority: wire.AuthorityClient}
	}
	visitor := func(h *host) *stranger {
		s := c.stranger(t, h)
		if mode == "token" {
			s.key = &key
		}
		return s
	}
	owner := on.host("owner").questioner(t, key, as)
	at := netip.AddrPortFrom(c.homes[leader].addr, 47470)
	given := owner.assignment(at, job)
	q.Attempt, q.Epoch, q.Leader = given.Attempt, given.Epoch, given.Leader
	server := among(c.procs, given.Server.Name)
	up := visitor(on.host("owner")).open(c, server)
	up.say(q)
	if r := hear[wire.TaskResponse](up); !r.Accepted {
		t.Fatalf("the owner is refused: %+v", r)
	}
	half := len(image) / 2
	up.Write(image[:half])

	thief := visitor(on.host("thief"))
	theft := func(when string) {
		t.Helper()
		c.steal(thief, server, job, q, when)
		liar := on.host("thief").questioner(t, key, as)
		if s := liar.standing(at, job); s.Attempt != given.Attempt || s.State != wire.Running && s.State != wire.Done {
			t.Errorf("%s: the job is %v, attempt %d", when, s.State, s.Attempt)
		}
		if a := liar.assignment(at, job, node.IDOf(server.name)); a.Attempt != given.Attempt || a.Server.ID != given.Server.ID {
			t.Errorf("%s: the thief moved the job from attempt %d at %s to %d at %s", when, given.Attempt, given.Server.Name, a.Attempt, a.Server.Name)
		}
	}
	theft("while it is uploaded")
	up.Write(image[half:])
	result, trailer := up.result()
	if trailer.Code != wire.CodeOK || sha256.Sum256(result) != [32]byte(trailer.Result) {
		t.Fatalf("the owner's job ended with %+v and %d bytes", trailer, len(result))
	}
	theft("while its result is stored")

	again := visitor(on.host("owner")).open(c, server) // the same job once more: the stored result
	again.say(wire.Fetch{Secret: q.Secret})
	if r := hear[wire.TaskResponse](again); !r.Accepted || !r.Stored {
		t.Fatalf("the owner's result is gone: %+v", r)
	}
	if stored, tr := again.result(); tr.Code != wire.CodeOK || sha256.Sum256(stored) != sha256.Sum256(result) {
		t.Errorf("the owner fetched something else: %+v", tr)
	}
	again.say(wire.TaskAck{Job: job, Result: trailer.Result})
	again.Close()
	c.agree(5 * time.Second)
}

// steal tries everything that a stream can be asked for, with what is public of the job and with secrets made up.
func (c *crew) steal(thief *stranger, server *proc, job wire.JobID, q wire.TaskRequest, when string) {
	c.t.Helper()
	for _, secret := range [][]byte{job[:], secretOf('x'), make([]byte, 16)} {
		for _, f := range []wire.Frame{
			wire.Fetch{Secret: secret}, wire.Fetch{Secret: secret, Length: 16384}, wire.TaskRange{Secret: secret, Length: 16384},
			wire.TaskAck{Job: job, Result: q.Image},
		} {
			s := thief.open(c, server)
			s.say(f)
			if r := hear[wire.TaskResponse](s); r.Accepted || r.Code == wire.CodeOK {
				c.t.Errorf("%s: with a made-up secret %T is answered %+v", when, f, r)
			}
			s.leave()
		}
		s := thief.open(c, server)
		s.say(wire.TaskCancel{Secret: secret})
		s.Close()
		s.Read(make([]byte, 1))
		s.leave()
	}
	mine := q
	mine.Secret, mine.Attempt = job[:], q.Attempt+5 // an upload in the place of the owner's
	s := thief.open(c, server)
	s.say(mine)
	if r := hear[wire.TaskResponse](s); r.Stored {
		c.t.Errorf("%s: an upload under another secret is given %+v", when, r)
	}
	s.leave()
}

// standing asks the leader at an address where a job stands.
func (q *questioner) standing(leader netip.AddrPort, job wire.JobID) wire.TaskStatusResponse {
	q.t.Helper()
	e := q.ask(leader)
	e = q.say(leader, e.Peer, e.Boot, wire.TaskStatusQuery{Cookie: e.Message.(wire.LeaderResponse).Cookie, Job: job})
	s, ok := e.Message.(wire.TaskStatusResponse)
	if !ok {
		q.t.Fatalf("asked where a job stands, got %+v", e.Message)
	}
	return s
}

// assignment asks the leader at an address for the server of a job.
func (q *questioner) assignment(leader netip.AddrPort, job wire.JobID, avoid ...wire.NodeID) wire.TaskAssignmentResponse {
	q.t.Helper()
	e := q.ask(leader)
	m := wire.TaskAssignmentRequest{Cookie: e.Message.(wire.LeaderResponse).Cookie, Job: job, Client: "stranger", Size: 1, Avoid: avoid}
	e = q.say(leader, e.Peer, e.Boot, m)
	a, ok := e.Message.(wire.TaskAssignmentResponse)
	if !ok {
		q.t.Fatalf("asked for an assignment, got %+v", e.Message)
	}
	return a
}
