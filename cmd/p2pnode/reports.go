package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/urfave/cli/v2"

	"p2pnode/node"
)

// asked makes the client that the flags describe and lets do use it, for as long as --timeout allows.
func (p *program) asked(ctx context.Context, c *cli.Context, do func(context.Context, *node.Client) error) error {
	client, err := p.client(c, nil)
	if err != nil {
		return err
	}
	defer client.Close()
	p.signals.graceful.Store(true)
	ctx, cancel := bounded(ctx, c)
	defer cancel()
	return do(ctx, client)
}

// printAnswer writes what a server said as one line of JSON, with what acts on terminals escaped.
func (p *program) printAnswer(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if raw, err = harmless(raw); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s\n", raw)
	return err
}

// clean is what a server said, with every text in it fit to stand in a table.
func clean[T any](v T) (out T, err error) {
	raw, err := json.Marshal(v)
	if err == nil {
		err = readForTable(raw, &out)
	}
	return out, err
}
