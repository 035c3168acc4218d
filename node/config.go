package node

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"p2pnode/election"
	"p2pnode/wire"
)

// Config says what one server is. It is passed once; New copies it.
type Config struct {
	Name    string   // unique in the cluster, at most 64 bytes of printable UTF-8. If empty, New fails.
	Cluster string   // the cluster's name, a label that enters no key. If empty, "p2pnode" is used.
	Secret  Secret   // of the cluster, the one spoken. If zero, New fails.
	Also    []Secret // accepted besides while the secret is rotated (PROTOCOL.md §5.1), two at most. If nil, none.
	Dir     string   // of the store; made with mode 0700. If empty, New fails.
	Version string   // of the program, told in Status. If empty, nothing is told.

	Control   net.PacketConn   // datagrams. If nil, New fails.
	Data      net.PacketConn   // QUIC. If nil, New fails.
	Broadcast []net.PacketConn // receive-only sockets for broadcasts a specifically bound Control does not hear. If nil, none.

	Peers      []string         // host:port of peers that broadcast does not reach; resolved again at every try. If nil, none.
	Advertise  []netip.AddrPort // control addresses told to others besides Control's own; the data port is Data's. If nil, none.
	Interfaces []string         // discovery on these only. If nil, on every usable one.
	Quiet      bool             // no broadcast discovery at all. If false, there is.

	OpenClients bool            // clients need no token. If false, they need one.
	Quorum      election.Quorum // If zero, available.
	Voters      []string        // names; majority mode only, where it must hold Name.

	Heartbeat time.Duration // between heartbeats. If zero, 250 ms.
	Suspect   time.Duration // silence after which a peer is suspected. If zero, 600 ms.
	Dead      time.Duration // silence after which it is held dead. If zero, 1.2 s.
	Election  time.Duration // the longest a phase of an election may last. If zero, 1.5 s.

	Rotation time.Duration // how long an idle leader leads before it passes the lead on. If zero, for ever: no rotation.

	Workers     int           // images worked on at once. If zero, one less than the CPUs, at least one.
	Waiting     int           // jobs that may be here besides those worked on; what they take of memory and disk is bounded first. If zero, 1024.
	MaxPixels   int64         // If zero, 100,000,000.
	MaxMemory   int64         // bytes that decoding one image may take. If zero, half of the machine's or container's.
	MaxBytes    int64         // of one uploaded image. If zero, 512 MiB.
	MaxResults  int64         // bytes of results kept. If zero, 8 GiB.
	KeepResults time.Duration // age at which an unacknowledged result goes. If zero, 7 days.
	MaxJobs     int           // records in the ledger. If zero, 100,000.
	MaxOwned    int           // unfinished jobs of one client. If zero, 256.
	Upload      time.Duration // an assigned job whose upload has not begun after this is expired. If zero, 60 s.
	Absent      time.Duration // no sign of the client for this long expires a job. If zero, 10 min.

	Load    func() wire.Load // samples the machine; may block. If nil, the sampler on gopsutil.
	Rand    *rand.Rand       // jitter and probe choice. If nil, seeded from Entropy.
	Entropy io.Reader        // nonces, keys, cookies. If nil, crypto/rand.
	Log     *slog.Logger     // If nil, nothing is logged.
	Metrics Metrics          // If nil, nothing is observed.

	// Reread reads the configuration again, wherever it is, and has the node use it: an operator orders it. Several goroutines
	// may call it. If nil, there is nothing to read.
	Reread func(context.Context) (Reread, error)
}

// Reread is what came of reading a configuration again.
type Reread struct {
	Changed []string `json:"changed"` // settings that hold now
	Later   []string `json:"later"`   // settings that are others at the next start
}

// Timing is how long a job took at the server that did it.
type Timing struct {
	Queued time.Duration // waiting for a worker
	Worked time.Duration // being worked on
	First  time.Duration // from its admission, before the upload, to the first byte of its result; zero: there was none
	Upload time.Duration // from its admission until all of the image was here; zero: it never was
}

// Metrics observes what a node does, for a monitoring system. Its methods are called from several goroutines.
type Metrics interface {
	JobDone(code wire.Code, t Timing, bytes int64) // a worker ended a job
	Delivered(took time.Duration, bytes int64)     // a result has left; took: since the first of these bytes
	Elected(took time.Duration)                    // this node saw a leadership change; took: since the old leader was last heard
	RoundTrip(took time.Duration)                  // once a second for every live peer: the smoothed round trip to it
}
