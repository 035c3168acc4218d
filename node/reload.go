package node

import (
	"context"
	"slices"
	"time"
)

// surroundings is where a server looks for peers.
type surroundings struct {
	peers, interfaces []string
	quiet             bool
}

// sizes is what images a server takes.
type sizes struct{ pixels, bytes int64 }

func (c *Config) surroundings() *surroundings {
	return &surroundings{peers: slices.Clone(c.Peers), interfaces: slices.Clone(c.Interfaces), quiet: c.Quiet}
}

func (c *Config) sizes() *sizes { return &sizes{pixels: c.MaxPixels, bytes: c.MaxBytes} }

// Reload has a running server use what may change of c: Peers, Interfaces, Quiet, MaxPixels, MaxBytes, MaxJobs, MaxOwned and
// KeepResults, each with its default where it is zero. All else of c is ignored. Jobs that are here already are not judged
// again. It fails only when the server has ended, or ctx has.
func (n *Node) Reload(ctx context.Context, c Config) error {
	c.defaultTimes()
	c.defaultBounds()
	err := n.loop.do(ctx, func(_ time.Time, core *core) {
		core.cfg.MaxJobs, core.cfg.MaxOwned, core.cfg.KeepResults = c.MaxJobs, c.MaxOwned, c.KeepResults
		core.ledger.max = c.MaxJobs
	})
	if err != nil {
		return err
	}
	n.transport.sizes.Store(c.sizes())
	n.around.Store(c.surroundings())
	select {
	case n.look <- struct{}{}:
	default: // it will look anyway
	}
	return nil
}
