package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"p2pnode/node"
)

// rotationJSON is the JSON form of a stage that a token file was taken to. It shows no token.
type rotationJSON struct {
	Schema   string   `json:"schema"`
	OK       bool     `json:"ok"`
	Kind     string   `json:"kind"`
	File     string   `json:"file"`
	Stage    int      `json:"stage"`
	Stages   int      `json:"stages"`
	Cluster  string   `json:"cluster_id"` // of the secret spoken
	Accepted []string `json:"accepted"`   // of all, that one included
}

// rotateToken takes a token file to the next stage of its rotation, and says what to do with it.
func (p *program) rotateToken(c *cli.Context) error {
	path, err := p.rotatedFile(c)
	if err != nil {
		return err
	}
	now, err := node.LoadRotation(path)
	if err != nil {
		return configf("%s: %s", path, plain(err)).next("p2pnode help token")
	}
	next, err := now.Next(nil)
	if err != nil {
		return err
	}
	if err := next.Save(path); err != nil {
		return configf("%s", plain(err))
	}
	stage := now.Stage + 1
	if !c.Bool("json") {
		_, err := fmt.Fprintf(p.stdout, "%s is at stage %d of %d.\n%s\n", path, stage, node.RotationStages, whatNext(stage, path))
		return err
	}
	j := rotationJSON{Schema: p.schema(), OK: true, Kind: "rotation", File: path, Stage: stage, Stages: node.RotationStages}
	for _, s := range next.Secrets {
		identity, err := node.NewIdentity(s)
		if err != nil {
			return err
		}
		j.Accepted = append(j.Accepted, identity.Cluster.String())
	}
	j.Cluster = j.Accepted[0]
	return p.printJSON(j)
}

// rotatedFile is the token file to change: a file, since the environment cannot be changed.
func (p *program) rotatedFile(c *cli.Context) (string, error) {
	path := c.String("token-file")
	if _, inEnv := lookupToken(); inEnv && p.settings.from("token-file") != fromFlag {
		return "", configf("P2PNODE_TOKEN is not a file: --next changes one").next("p2pnode token --next --token-file FILE")
	}
	if path == "" {
		return homes{base: dataHome(os.LookupEnv)}.secretFileOfUser(c.String("dir"), c.String("name"))
	}
	if path == "-" {
		return "", usagef("--next changes a file, and - is none")
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return "", configf("%s is not there: --next changes the token file of a cluster", path).next("p2pnode token --peer at one of its servers > " + shellWord(path))
	}
	return path, nil
}

// whatNext says what a stage is for.
func whatNext(stage int, path string) string {
	restart := "Take it to every server, and restart one after the other; wait after each until `p2pnode status` lists all alive.\n"
	again := "Then: p2pnode token --next --token-file " + shellWord(path)
	switch stage {
	case 1:
		return "All servers will accept a new secret besides the old one, which they go on speaking.\n" + restart + again
	case 2:
		return "All servers will speak the new secret, and accept the old one still.\n" + restart +
			"Give clients that hold a token the new one: p2pnode token --client --token-file " + shellWord(path) + " > client.token\n" +
			"Clients without a token follow by themselves, when they next ask for anything.\n" + again
	}
	return "The old secret will be worth nothing.\n" + restart + "Then the rotation is done. Whoever still holds a token of the old secret is neither server nor client."
}
