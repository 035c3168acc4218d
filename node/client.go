package node

import (
	crand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
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
	Lanes      int                            // connections that a transfer may be split over where packets are lost. If zero, 13; 1: none is split.
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
	Secret    []byte               // JobSecretSize bytes that name the job: who gives them again means the same job. If nil, drawn from Entropy.
	Keep      bool                 // The result stays at its server to be asked for again with Secret: it is not acknowledged, and the job not withdrawn when ctx ends.
}

// JobSecretSize is the length of a job's secret, in bytes.
const JobSecretSize = secretSize

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
	Searched  time.Duration // of Elapsed: asking who leads, and for assignments
	Stages    Stages        // of Elapsed: what the last attempt took
	Rejected  int           // results that were wrong and thrown away
	Verified  bool          // digest, payload and picture were compared
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
	pins   *Pins    // nil with a token
	tell   teller

	mu     sync.Mutex
	trust  trust         // guarded by mu
	recent *recollection // of the last job done; nil: there is none. Guarded by mu
}

// NewClient opens two sockets and starts the goroutines that own them, until Close.
func NewClient(c ClientConfig) (*Client, error) {
	c.fill()
	cl := &Client{config: c, tell: teller{f: c.Progress}}
	if err := cl.believe(); err != nil {
		return nil, err
	}
	datagrams, err := c.Listen()
	if err != nil {
		return nil, fmt.Errorf("open a datagram socket: %w", err)
	}
	streams, err := c.Listen()
	if err != nil {
		datagrams.Close()
		return nil, fmt.Errorf("open a QUIC socket: %w", err)
	}
	if b := tune(streams); b.Advice() != "" {
		c.Log.Debug("socket buffers are small", "receive", b.Receive, "send", b.Send, "fix", b.Advice())
	}
	e, key, err := c.endpoint()
	if err != nil {
		datagrams.Close()
		streams.Close()
		return nil, err
	}
	cl.mail = newMailbox(datagrams, e, key, cl.links, c.Log)
	cl.dial = newDialer(streams, cl.links, c.Lanes-1)
	return cl, nil
}

// fill puts defaults in place of zeros.
func (c *ClientConfig) fill() {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Entropy == nil {
		c.Entropy = crand.Reader
	}
	if c.Listen == nil {
		c.Listen = func() (net.PacketConn, error) { return net.ListenUDP("udp", nil) }
	}
	if c.Lanes <= 0 {
		c.Lanes = 1 + extraLanes
	}
	if c.Name == "" {
		c.Name = whoAmI()
	}
	c.Name = strings.ToValidUTF8(clip(strings.Map(fit, c.Name), clientNameMax), "")
}

// fit leaves out what no message may carry: the name of a user or host must not keep its jobs from being asked for.
func fit(r rune) rune {
	if wire.IsUnfit(r) {
		return -1
	}
	return r
}

// whoAmI names this client for people.
func whoAmI() string {
	name := "client"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}

// endpoint says how the client talks: under its token's key and no other, or under the open one.
func (c *ClientConfig) endpoint() (wire.EndpointConfig, wire.KeyRef, error) {
	e := wire.EndpointConfig{Rand: c.Rand, Entropy: c.Entropy, Open: c.Token == nil}
	if _, err := io.ReadFull(c.Entropy, e.Self[:]); err != nil {
		return e, wire.KeyRef{}, fmt.Errorf("draw an id: %w", err)
	}
	if c.Token == nil {
		return e, wire.KeyRef{Authority: wire.AuthorityOpen}, nil
	}
	e.Client = []wire.Key{c.Token.Client}
	return e, wire.KeyRef{Authority: wire.AuthorityClient}, nil
}

// believe settles which clusters count: the token's, or those pinned.
func (cl *Client) believe() (err error) {
	c := cl.config
	cl.trust = trust{wanted: c.Cluster, anyone: c.Trust}
	if c.Token != nil {
		cl.trust.token = ClusterOf(c.Token.Authority)
		return nil
	}
	if c.Pins == "" {
		if c.Pins, err = defaultPins(); err != nil {
			return err
		}
	}
	if cl.pins, err = OpenPins(c.Pins); err == nil {
		cl.trust.known = cl.pins.Known()
	}
	return err
}

func defaultPins() (string, error) {
	data := os.Getenv("XDG_DATA_HOME")
	if data == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the known-clusters file: %w", err)
		}
		data = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(data, "p2pnode", "known_clusters"), nil
}

// Close ends the client's goroutines and sockets. Jobs still running fail.
func (cl *Client) Close() error {
	return errors.Join(cl.dial.close(), cl.mail.close())
}

// trusted returns what counts now.
func (cl *Client) trusted() trust {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.trust
}

// pin remembers a cluster once TLS has proved it, in place of the one it has succeeded.
func (cl *Client) pin(a *assignment) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	succeeds := !a.Former.IsZero() && cl.trust.pinned(a.Former)
	if cl.pins == nil || cl.trust.pinned(a.Cluster.ID) && !succeeds {
		return
	}
	pin := Pin{Cluster: a.Cluster.ID, Label: a.Cluster.Name, Authority: a.Authority, First: time.Now()}
	keep := cl.pins.Pin
	if succeeds {
		keep = func(p Pin) error { return cl.pins.Replace(a.Former, p) }
	}
	if err := keep(pin); err != nil {
		cl.config.Log.Warn("cluster not remembered", "cluster", a.Cluster.Name, "error", err)
		return
	}
	cl.trust.known = cl.pins.Known()
	if log := cl.config.Log; succeeds {
		log.Info("the cluster has a new secret, which the old one vouches for: its successor is pinned", "cluster", a.Cluster.Name, "cluster_id", a.Cluster.ID)
	} else {
		log.Info("cluster pinned", "cluster", a.Cluster.Name, "cluster_id", a.Cluster.ID)
	}
}

// links returns the interfaces to ask on; none if they cannot be listed.
func (cl *Client) links() []link {
	on, err := links(cl.config.Interfaces)
	if err != nil {
		cl.config.Log.Debug("interfaces not listed", "error", err)
	}
	return on
}

// teller reports progress, one report at a time.
type teller struct {
	mu sync.Mutex // held while f runs
	f  func(Progress)
}

func (t *teller) say(p Progress) {
	if t.f == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.f(p)
}
