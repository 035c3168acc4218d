package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// configCommand takes every flag there is, so that `config show --listen :0` tells
// what a command with that flag would use.
func (p *program) configCommand(all []cli.Flag) *cli.Command {
	origin := deed("origin", "say where each value comes from")
	all = slices.DeleteFunc(all, isDeed)
	return &cli.Command{
		Name: "config", Usage: "show or check the settings",
		Description: "Every flag F of every command is a key F of the file. [[peers]] tables have id or name, and\naddress; [election] has heartbeat_interval, suspect_timeout, failure_timeout, election_timeout,\nrotation.",
		Subcommands: []*cli.Command{
			{Name: "show", Usage: "print the settings that hold", Flags: append([]cli.Flag{origin}, all...), Action: p.action(p.configShow)},
			{Name: "validate", Usage: "check a configuration file", ArgsUsage: "[FILE]", Flags: all, Action: p.action(p.configValidate)},
		},
	}
}

// setting is the JSON form of one value.
type setting struct {
	Key    string `json:"key"`
	Value  any    `json:"value"`
	Origin string `json:"origin"`
}

// shown is the JSON form of all of them.
type shown struct {
	Schema   string       `json:"schema"`
	OK       bool         `json:"ok"`
	File     string       `json:"file"`
	Settings []setting    `json:"settings,omitempty"`
	Peers    []configPeer `json:"peers,omitempty"`
}

func (p *program) configShow(_ context.Context, c *cli.Context) error {
	if c.NArg() > 0 {
		return usagef("config show takes no arguments").next("p2pnode config show --origin")
	}
	all := p.effective(c)
	if c.Bool("json") {
		return p.printJSON(shown{Schema: p.schema(), OK: true, File: p.settings.file.path, Settings: all, Peers: p.settings.file.peers})
	}
	fmt.Fprintf(p.stdout, "# configuration file: %s\n", cmp.Or(p.settings.file.path, "none"))
	for _, s := range all {
		value, err := json.Marshal(s.Value)
		if err != nil {
			return err
		}
		line := s.Key + " = " + string(value)
		if c.Bool("origin") {
			line = fmt.Sprintf("%-40s # %s", line, s.Origin)
		}
		fmt.Fprintln(p.stdout, line)
	}
	for _, peer := range p.settings.file.peers {
		fmt.Fprintf(p.stdout, "\n[[peers]]\nname = %q\naddress = %q\n", peer.Name, peer.Address)
	}
	return nil
}

// effective lists the value of every flag that is a setting.
func (p *program) effective(c *cli.Context) []setting {
	var all []setting
	for _, f := range c.Command.Flags {
		name := f.Names()[0]
		if slices.Contains([]string{"help", "config", "origin", "json"}, name) {
			continue
		}
		all = append(all, setting{Key: name, Value: valueOf(c, name), Origin: p.settings.from(name)})
	}
	slices.SortFunc(all, func(a, b setting) int { return strings.Compare(a.Key, b.Key) })
	return all
}

func (p *program) configValidate(_ context.Context, c *cli.Context) error {
	switch {
	case c.NArg() > 1 || (c.NArg() == 1 && c.String("config") != ""):
		return usagef("config validate takes one FILE").next("p2pnode config validate FILE")
	case c.NArg() == 1:
		if err := c.Set("config", c.Args().First()); err != nil {
			return err
		}
		var err error
		if p.settings, err = loadSettings(everyFlag(p.app.Commands), c, p.given, os.LookupEnv); err != nil {
			return err
		}
	}
	if err := (&server{p: p}).configure(c); err != nil {
		return err
	}
	if _, err := format(c); err != nil {
		return err
	}
	path := p.settings.file.path
	switch {
	case c.Bool("json"):
		return p.printJSON(shown{Schema: p.schema(), OK: true, File: path})
	case path == "":
		p.say(c, "there is no configuration file; the defaults hold")
		return nil
	}
	_, err := fmt.Fprintf(p.stdout, "%s: ok\n", path)
	return err
}
