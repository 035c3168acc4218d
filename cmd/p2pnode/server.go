package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/urfave/cli/v2"

	"p2pnode/election"
	"p2pnode/node"
)

// server is what `serve` runs.
type server struct {
	p         *program
	home      home
	sockets   node.Sockets
	config    node.Config
	node      *node.Node
	metrics   *metrics
	pprof     bool         // /debug/pprof is answered
	streams   atomic.Int64 // event streams open
	reloading sync.Mutex   // held while settings are read again
	gateway   *gateway     // nil: HTTP is off. Guarded by reloading
	readyFile string
	settings  []setting // that hold
}

// newServer opens the home and the sockets that the flags describe.
func (p *program) newServer(c *cli.Context) (*server, error) {
	s := &server{p: p, metrics: newMetrics(), readyFile: c.String("ready-file"), settings: p.serving(c), pprof: c.Bool("pprof")}
	if err := s.configure(c); err != nil {
		return nil, err
	}
	tokens, err := p.readTokens(c)
	if err != nil {
		return nil, err
	}
	w := wish{dir: c.String("dir"), name: c.String("name"), cluster: c.String("cluster")}
	for i, token := range tokens {
		switch {
		case token.Secret == nil:
			return nil, configf("that is a client token, a server needs the peer token").next("p2pnode token --peer at another server")
		case i == 0:
			w.secret = token.Secret
		default:
			w.also = append(w.also, *token.Secret)
		}
	}
	if err := w.named(); err != nil {
		return nil, err
	}
	if s.home, err = (homes{base: dataHome(os.LookupEnv)}).open(w); err != nil {
		return nil, err
	}
	if err := s.settle(c); err != nil {
		s.home.release()
		return nil, err
	}
	return s, nil
}

// configure reads the flags that need neither home nor sockets.
func (s *server) configure(c *cli.Context) (err error) {
	k := &s.config
	if k.Log, err = s.p.logger(c); err != nil {
		return err
	}
	if k.Peers, err = withPorts(c.StringSlice("peer"), defaultControlPort); err != nil {
		return err
	}
	if k.Advertise, err = addresses("advertise", c.StringSlice("advertise"), defaultControlPort); err != nil {
		return err
	}
	if k.OpenClients, err = oneOf("clients", c.String("clients"), "token", "open"); err != nil {
		return err
	}
	if err := s.quorum(c); err != nil {
		return err
	}
	return s.bounds(c)
}

// oneOf reports whether a flag with two values has the second.
func oneOf(flag, value, no, yes string) (bool, error) {
	if value != no && value != yes {
		return false, usagef("--%s %q: it is %s or %s", flag, value, yes, no)
	}
	return value == yes, nil
}

// quorum reads the mode, the voters and the peers of the configuration file.
func (s *server) quorum(c *cli.Context) error {
	majority, err := oneOf("quorum", c.String("quorum"), "available", "majority")
	if err != nil {
		return err
	}
	k := &s.config
	for _, peer := range s.p.settings.file.peers {
		if peer.Name != "" && peer.Name == c.String("name") {
			continue // one file may serve all servers
		}
		address, err := withPorts([]string{peer.Address}, defaultControlPort)
		if err != nil {
			return configf("%s: [[peers]]: %w", s.p.settings.file.path, err)
		}
		k.Peers = append(k.Peers, address...)
	}
	if !majority {
		return nil
	}
	k.Quorum = election.Majority
	if k.Voters = s.voters(c); len(k.Voters) == 0 {
		return configf("--quorum majority needs the names of all voters").next("--voters A,B,C (this server's --name among them)")
	}
	return nil
}

// voters are those named, or else the named peers of the configuration file and this server.
func (s *server) voters(c *cli.Context) []string {
	names := c.StringSlice("voters")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	if len(names) > 0 {
		return names
	}
	for _, peer := range s.p.settings.file.peers {
		if peer.Name != "" && peer.Name != c.String("name") {
			names = append(names, peer.Name)
		}
	}
	if len(names) > 0 && c.String("name") != "" {
		names = append(names, c.String("name"))
	}
	return names
}

// bounds reads the numbers.
func (s *server) bounds(c *cli.Context) error {
	for _, name := range []string{"max-pixels", "max-bytes", "max-results", "max-jobs", "max-owned", "workers", "waiting"} {
		if c.Int64(name) < 0 {
			return usagef("--%s %d is negative", name, c.Int64(name))
		}
	}
	for _, name := range []string{"keep-results", "heartbeat-interval", "suspect-timeout", "failure-timeout", "rotation"} {
		if c.Duration(name) < 0 {
			return usagef("--%s %v is negative", name, c.Duration(name))
		}
	}
	k := &s.config
	k.MaxPixels, k.MaxBytes, k.MaxResults = c.Int64("max-pixels"), c.Int64("max-bytes"), c.Int64("max-results")
	k.MaxJobs, k.MaxOwned = whole(c.Int64("max-jobs")), whole(c.Int64("max-owned"))
	k.Workers, k.Waiting = whole(c.Int64("workers")), whole(c.Int64("waiting"))
	k.KeepResults = c.Duration("keep-results")
	k.Interfaces, k.Quiet = c.StringSlice("interface"), c.Bool("no-broadcast")
	t, err := readTiming(c)
	k.Heartbeat, k.Suspect, k.Dead, k.Election, k.Rotation = t.heartbeat, t.suspect, t.dead, t.election, t.rotation
	return err
}

// settle opens the sockets and completes the configuration.
func (s *server) settle(c *cli.Context) error {
	sockets, err := node.Listen(c.String("listen"), c.String("data"))
	if err != nil {
		return configf("%s", plain(err)).next("--listen HOST:PORT and --data HOST:PORT with free ports, or :0")
	}
	s.sockets = sockets
	k := &s.config
	k.Name, k.Cluster, k.Dir, k.Secret, k.Also = s.home.name, s.home.cluster, s.home.dir, s.home.secret, s.home.also
	k.Control, k.Data, k.Broadcast = sockets.Control, sockets.Data, sockets.Broadcast
	k.Metrics, k.Version = s.metrics, thisBuild().Version
	return nil
}

// readyJSON is the ready file, and what `serve --json` prints.
type readyJSON struct {
	Schema  string `json:"schema"`
	OK      bool   `json:"ok"`
	PID     int    `json:"pid"`
	Name    string `json:"name"`
	Cluster string `json:"cluster"`
	Control string `json:"control"`
	Data    string `json:"data"`
	HTTP    string `json:"http"` // empty: off
}

func (s *server) ready(web net.Listener) readyJSON {
	r := readyJSON{
		Schema: s.p.schema(), OK: true, PID: os.Getpid(), Name: s.home.name, Cluster: s.home.cluster,
		Control: reachable(s.sockets.Control.LocalAddr()), Data: reachable(s.sockets.Data.LocalAddr()),
	}
	if web != nil {
		r.HTTP = reachable(web.Addr())
	}
	return r
}

// writeReady writes the ready file whole.
func (s *server) writeReady(web net.Listener) error {
	if s.readyFile == "" {
		return nil
	}
	content, err := json.Marshal(s.ready(web))
	if err != nil {
		return err
	}
	f, name, err := createTemporary(anywhere{}, s.readyFile)
	if err != nil {
		return err
	}
	_, err = f.Write(append(content, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(name, s.readyFile)
	}
	if err != nil {
		os.Remove(name)
	}
	return err
}

// forgetReady removes the ready file: this server serves no more.
func (s *server) forgetReady() {
	if s.readyFile == "" {
		return
	}
	if err := os.Remove(s.readyFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.config.Log.Error("ready file not removed", "file", s.readyFile, "error", err)
	}
}

// greet says what this server is and how to use it.
func (s *server) greet(c *cli.Context, web net.Listener) {
	r, local := s.ready(web), s.sockets.Control.LocalAddr().String()
	s.p.say(c, "server %s of cluster %s (%s)", s.home.name, s.home.cluster, s.clusterID())
	s.p.say(c, "  control  %s\n  data     %s\n  http     %s\n  store    %s", local, s.sockets.Data.LocalAddr(), orOff(r.HTTP), s.home.dir)
	if b := s.sockets.Buffers; b.Advice() != "" {
		s.p.say(c, "  note     socket buffers hold %d KiB received and %d KiB sent, not %d; as root: %s",
			b.Receive>>10, b.Send>>10, node.SocketBuffer>>10, b.Advice())
	}
	client, peer := "p2pnode encrypt photo.png --text hello", ""
	if !s.discoverable() {
		client, peer = "p2pnode encrypt --server "+r.Control+" photo.png --text hello", " --peer "+r.Control
	}
	if s.config.OpenClients {
		s.p.say(c, "  clients  open: anybody who reaches this address may submit jobs (--clients token forbids it)")
	} else {
		s.p.say(c, "  clients  only with a token: p2pnode token --client --dir %s > client.token", shellWord(s.home.dir))
		client += " --token-file client.token"
	}
	s.p.say(c, "\nto submit a job\n  %s", client)
	s.p.say(c, "to add a server\n  p2pnode token --peer --dir %s > peer.token; p2pnode serve --token-file peer.token%s\n", shellWord(s.home.dir), peer)
}

// discoverable reports whether others on this network find the server by themselves:
// it listens on every address, at one of the ten usual ports.
func (s *server) discoverable() bool {
	at, err := netip.ParseAddrPort(s.sockets.Control.LocalAddr().String())
	return err == nil && !s.config.Quiet && at.Addr().IsUnspecified() && at.Port() >= defaultControlPort && at.Port() < defaultControlPort+10
}

func (s *server) clusterID() string {
	identity, err := node.NewIdentity(s.home.secret)
	if err != nil {
		return "unknown"
	}
	return identity.Cluster.String()[:8]
}

func orOff(addr string) string {
	if addr == "" {
		return "off"
	}
	return "http://" + addr
}

// shellWord quotes a word where a shell would take it apart.
func shellWord(w string) string {
	if w != "" && !strings.ContainsAny(w, " \t\n'\"\\$`&|;<>()*?[]#~!{}") {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}
