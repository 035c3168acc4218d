package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"p2pnode/node"
)

func (p *program) tokenCommand() *cli.Command {
	return &cli.Command{
		Name: "token", Usage: "print a cluster's tokens, make a new cluster's, or rotate its secret",
		Description: "The peer token lets a machine join as a server: guard it like a private key.\nThe client token only lets it submit jobs. Redirect it to a file:\n\n   p2pnode token --new > peer.token && chmod 600 peer.token\n   p2pnode serve --token-file peer.token\n   p2pnode token --client --token-file peer.token > client.token\n\nA running cluster gets another secret in three rounds, without a pause. In each, this changes the file and says what\nto do with it on every server:\n\n   p2pnode token --next --token-file peer.token",
		Flags: common(
			deed("new", "make a new cluster's peer token; nothing is stored"),
			deed("peer", "print the peer token of an existing cluster"),
			deed("client", "print the client token of an existing cluster"),
			deed("next", "take the token file, or the secret of --dir, to the next stage of a new secret"),
			text("dir", "the directory of one of its servers (default: this user's)"),
			text("name", "the name of one of this user's servers"),
			text("token-file", "`FILE` with the peer token (or P2PNODE_TOKEN: the token itself)"),
		),
		Action: p.action(p.token),
	}
}

// tokenJSON is the JSON form of a token.
type tokenJSON struct {
	Schema  string `json:"schema"`
	OK      bool   `json:"ok"`
	Kind    string `json:"kind"`
	Token   string `json:"token"`
	Cluster string `json:"cluster_id"`
}

func (p *program) token(_ context.Context, c *cli.Context) error {
	if c.NArg() > 0 {
		return usagef("token takes no arguments").next("p2pnode token --peer")
	}
	kind, err := p.settings.choose("new", "peer", "client", "next")
	if err != nil {
		return err
	}
	if kind == "" {
		return usagef("token needs --new, --peer, --client or --next").next("p2pnode help token")
	}
	if kind == "next" {
		return p.rotateToken(c)
	}
	secret, err := p.tokenSecret(c, kind)
	if err != nil {
		return err
	}
	return p.printToken(c, kind, secret)
}

// tokenSecret is the cluster secret that a token is made of.
func (p *program) tokenSecret(c *cli.Context, kind string) (node.Secret, error) {
	if kind == "new" {
		return node.NewSecret(rand.Reader)
	}
	t, err := p.readToken(c)
	switch {
	case err != nil:
		return node.Secret{}, err
	case t == nil:
		return homes{base: dataHome(os.LookupEnv)}.secretOfUser(c.String("dir"), c.String("name"))
	case t.Secret == nil:
		return node.Secret{}, configf("that is a client token, no other can be made of it").
			next("p2pnode token --" + kind + " at one of the servers")
	}
	return *t.Secret, nil
}

func (p *program) printToken(c *cli.Context, kind string, secret node.Secret) error {
	token, shown := node.PeerToken(secret), "peer"
	if kind == "client" {
		var err error
		if token, err = node.ClientToken(secret); err != nil {
			return err
		}
		shown = "client"
	}
	if !c.Bool("json") {
		_, err := fmt.Fprintln(p.stdout, token)
		return err
	}
	identity, err := node.NewIdentity(secret)
	if err != nil {
		return err
	}
	return p.printJSON(tokenJSON{Schema: p.schema(), OK: true, Kind: shown, Token: token, Cluster: identity.Cluster.String()})
}

// readToken reads the token that --token-file or P2PNODE_TOKEN gives, the first of several; nil: neither does.
func (p *program) readToken(c *cli.Context) (*node.Token, error) {
	tokens, err := p.readTokens(c)
	if len(tokens) == 0 {
		return nil, err
	}
	return &tokens[0], err
}

// readTokens is readToken for all tokens of the file.
func (p *program) readTokens(c *cli.Context) ([]node.Token, error) {
	path, where := c.String("token-file"), c.String("token-file")
	content, inEnv := lookupToken()
	if path != "" && (!inEnv || p.settings.from("token-file") == fromFlag) {
		read, err := p.readSmall(path, 4096)
		if err != nil {
			return nil, fmt.Errorf("read token: %w", err)
		}
		content = string(read)
	} else if inEnv {
		where = "P2PNODE_TOKEN"
	} else {
		return nil, nil
	}
	tokens, err := node.ParseTokens(content)
	if err != nil {
		return nil, configf("%s: %s", where, plain(err)).next("p2pnode token --peer (or --client) at one of the servers")
	}
	return tokens, nil
}
