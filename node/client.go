package node

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"time"

	"p2pnode/stego"
	"p2pnode/wire"
)

// ClientConfig says whom a Client asks and as whom. It is passed once; NewClient copies it.
type ClientConfig struct {
	Servers    []string                       // host:port control addresses; resolved again at every try. If empty, discovery finds servers.
	Token      *Token                         // client or peer token. If nil, only clusters open to all are used.
	Cluster    string                         // name or id of the cluster wanted. If empty, the known one, or the only one.
	Trust      bool                           // pin an unknown cluster although others are known. If false, unknown ones are ignored then.
	Pins       string                         // path of the known-clusters file. If empty, $XDG_DATA_HOME/p2pnode/known_clusters.
	Name       string                         // of this client, for people. If empty, user@host.
	Interfaces []string                       // discovery on these only. If nil, on every usable one.
	Log        *slog.Logger                   // If nil, nothing is logged.
	Entropy    io.Reader                      // secrets, ids, nonces. If nil, crypto/rand.
	Rand       *rand.Rand                     // jitter. If nil, seeded from Entropy.
	Listen     func() (net.PacketConn, error) // called twice: datagrams, then QUIC. If nil, UDP on all interfaces.
	Progress   func(Progress)                 // what a job waits for or does now, called often, never twice at once. If nil, nobody is told.
}

// The stages of a job, in the order they are usually passed.
const (
	StageDiscovering = "discovering" // asking who leads
	StageAssigning   = "assigning"   // asking the leader for a server
	StageUploading   = "uploading"
	StageWorking     = "working" // the server hides
	StageDownloading = "downloading"
	StageVerifying   = "verifying"
	StageWaiting     = "waiting" // before it asks again
)

// Progress is where a job stands.
type Progress struct {
	Stage       string
	Server      string // name, once one is assigned
	Done, Total int64  // bytes, of uploading and downloading
	Attempt     int    // streams tried, this one included
	Waiting     string // what has been waited for in vain so far, for people; empty while things move
}

// Job is one payload to hide in one image.
type Job struct {
	Name      string               // of the image, for people
	Image     io.ReaderAt          // the carrier; read several times
	Size      int64                // of Image, bytes. If zero, Image's own Stat tells.
	Embedding *stego.Embedding     // what the server gets
	Payload   stego.Payload        // what must come out of the result
	Extract   stego.ExtractOptions // how to get it out
	Strip     bool                 // drop the image's metadata
	Request   uint64               // a number for people. If zero, none.
	Output    *os.File             // an empty temporary file of the caller, open for reading and writing
	MaxPixels int64                // If zero, 100,000,000.
}

// Receipt tells what became of a job.
type Receipt struct {
	Job       wire.JobID
	Cluster   string // name
	ClusterID wire.ClusterID
	Leader    string // name of the leader that assigned the last attempt
	Epoch     uint64
	Server    string // name of the server whose result this is
	Attempt   uint32 // the ledger's number of the attempt that made it
	Attempts  int    // streams opened or dialled for this job, the last one included
	Failovers int    // how often the next one went to another server
	Size      int64  // of the output, bytes
	SHA256    wire.Digest
	Capacity  int64 // bytes the image could hold
	Hidden    int64 // bytes it holds
	Elapsed   time.Duration
	Verified  bool // digest, payload and picture were compared
}

// Found is one server that answered Discover.
type Found struct {
	Node       wire.NodeID
	Name       string
	Cluster    string
	ClusterID  wire.ClusterID
	Control    string // the address that answered
	Interface  string // of ours that it answered on; empty: unknown
	RTT        time.Duration
	Leader     bool
	LeaderName string // whom it holds to lead; empty: nobody
	Epoch      uint64
	Token      bool // its cluster takes jobs only with a token
	Known      bool // its cluster is pinned, or the token's
}

// Client submits jobs to a cluster. Its methods may be called from several goroutines.
type Client struct {
	config ClientConfig
	mail   *mailbox // the datagram socket and its goroutines
	dial   *dialer  // the QUIC socket and its connections
	trust  trust
	tell   *teller
}

// Close ends the client's goroutines and sockets. Jobs still running fail.
func (c *Client) Close() error {
	c.dial.close()
	return c.mail.close()
}

var _ interface {
	Encrypt(context.Context, Job) (Receipt, error)
	Discover(context.Context, func(Found)) error
	Status(context.Context) ([]byte, error)
} = (*Client)(nil)
