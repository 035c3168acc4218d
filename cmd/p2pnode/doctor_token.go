package main

import (
	"context"
	"fmt"
	"slices"

	"p2pnode/node"
)

// tokens settles as whom clusters are asked: by the token given, or as the server whose directory was named.
func (d *doctor) tokens(context.Context) []finding {
	d.place = d.lookAt(d.serverDir())
	tokens, err := d.p.readTokens(d.c)
	if err != nil {
		f := d.p.explain(err)
		return one(bad(f.What, "no cluster answers without its token being right", or(f.Next, "p2pnode token --client at one of the servers")))
	}
	var given *node.Token
	if len(tokens) > 0 {
		given = &tokens[0]
	}
	d.token = given
	if given == nil && d.place.secret != nil && d.c.String("dir") != "" {
		d.token = tokenOf(*d.place.secret)
		return one(good("none given; that of %s is taken, of cluster %.8s", d.place.path, d.token.Cluster()))
	}
	if own := tokenOfPlace(d.place); own != nil && len(tokens) > 1 && slices.ContainsFunc(tokens[1:], func(t node.Token) bool { return t.Cluster() == own.Cluster() }) {
		return one(good("peer tokens of a rotation: cluster %.8s is spoken, and %.8s, which %s speaks, accepted", given.Cluster(), own.Cluster(), d.place.path))
	}
	return judgeToken(given, d.place, d.c.String("dir") != "")
}

// tokenOf is the peer token of a secret.
func tokenOf(s node.Secret) *node.Token {
	t, err := node.ParseToken(node.PeerToken(s))
	if err != nil {
		return nil
	}
	return &t
}

// judgeToken compares the token with the directory. named: the directory was asked for, so a server shall run there.
func judgeToken(t *node.Token, place dirState, named bool) []finding {
	if t == nil {
		return one(good("none given: clusters that take anybody's jobs are asked (--token-file F for others)"))
	}
	own := tokenOfPlace(place)
	switch {
	case named && own != nil && own.Cluster() != t.Cluster():
		return one(bad(fmt.Sprintf("the token is of cluster %.8s, and %s of cluster %.8s", t.Cluster(), place.path, own.Cluster()),
			"a directory serves one cluster, and another only by a rotation of its secret", "p2pnode serve --dir ELSEWHERE, or leave the token out"))
	case named && t.Secret == nil:
		return one(doubt(fmt.Sprintf("a client token of cluster %.8s: enough for jobs, not for serve", t.Cluster()),
			"a server needs the peer token", "p2pnode token --peer > peer.token at another server, then --token-file peer.token"))
	case t.Secret == nil:
		return one(good("a client token, of cluster %.8s", t.Cluster()))
	}
	return one(good("a peer token, of cluster %.8s", t.Cluster()))
}

func tokenOfPlace(place dirState) *node.Token {
	if place.secret == nil {
		return nil
	}
	return tokenOf(*place.secret)
}
