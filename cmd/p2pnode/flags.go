package main

import (
	"fmt"
	"log/slog"
	"math"

	"github.com/urfave/cli/v2"
)

// Categories of flags in the help.
const (
	generalFlags = "general"
	clusterFlags = "cluster"
	timingFlags  = "timing and limits"
	deedFlags    = "what to do"
)

func text(name, usage string) *cli.StringFlag {
	return &cli.StringFlag{Name: name, Usage: usage}
}

func texts(name, usage string) *cli.StringSliceFlag {
	return &cli.StringSliceFlag{Name: name, Usage: usage}
}

func toggle(name, usage string) *cli.BoolFlag {
	return &cli.BoolFlag{Name: name, Usage: usage, DisableDefaultText: true}
}

// deed is a switch that says what a command does: no setting, so neither the
// environment nor the configuration file has it.
func deed(name, usage string) *cli.BoolFlag {
	return &cli.BoolFlag{Name: name, Usage: usage, Category: deedFlags, DisableDefaultText: true}
}

func isDeed(f cli.Flag) bool {
	c, ok := f.(cli.CategorizableFlag)
	return ok && c.GetCategory() == deedFlags
}

func number(name, usage string) *cli.Int64Flag {
	return &cli.Int64Flag{Name: name, Usage: usage}
}

// whole is a number as an int, or the nearest that there is where int has 32 bits.
func whole(n int64) int { return int(max(math.MinInt, min(n, math.MaxInt))) }

// withDefault is a text flag with a value of its own.
func withDefault(name, usage, value string) *cli.StringFlag {
	return &cli.StringFlag{Name: name, Usage: usage, Value: value}
}

// common are the flags of every command.
func common(more ...cli.Flag) []cli.Flag {
	return append(more,
		&cli.StringFlag{Name: "config", Usage: "settings from this TOML `FILE` (default: p2pnode/config.toml in the user's configuration directory)", Category: generalFlags},
		&cli.BoolFlag{Name: "json", Usage: "results and failures as JSON on stdout", Category: generalFlags, DisableDefaultText: true},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "say nothing on stderr but failures", Category: generalFlags, DisableDefaultText: true},
		&cli.StringFlag{Name: "log-level", Usage: "debug, info, warn or error", Value: "info", Category: generalFlags},
		&cli.StringFlag{Name: "log-format", Usage: "text or json", Value: "text", Category: generalFlags},
	)
}

// asking are the flags of every command that asks a cluster.
func asking(more ...cli.Flag) []cli.Flag {
	return common(append(more,
		&cli.StringSliceFlag{Name: "server", Usage: "ask this `HOST:PORT` instead of discovering; may be repeated", Category: clusterFlags},
		&cli.BoolFlag{Name: "discover", Usage: "find servers on the local networks (the default without --server)", Category: clusterFlags, DisableDefaultText: true},
		&cli.StringFlag{Name: "cluster", Usage: "the `NAME` (or id) of the cluster", Category: clusterFlags},
		&cli.StringFlag{Name: "token-file", Usage: "`FILE` with the cluster's token (or P2PNODE_TOKEN: the token itself)", Category: clusterFlags},
		&cli.BoolFlag{Name: "trust", Usage: "trust an unknown cluster although others are known", Category: clusterFlags, DisableDefaultText: true},
		&cli.StringFlag{Name: "known-clusters", Usage: "`FILE` of trusted clusters (default: p2pnode/known_clusters in the user's data directory)", Category: clusterFlags},
		&cli.StringSliceFlag{Name: "interface", Usage: "discover on this network interface only; may be repeated", Category: clusterFlags},
		&cli.DurationFlag{Name: "timeout", Usage: "give up after this time; 0: never", Category: clusterFlags},
	)...)
}

// logger is the log on stderr that --log-level, --log-format and --quiet ask for.
func (p *program) logger(c *cli.Context) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.String("log-level"))); err != nil {
		return nil, usagef("--log-level %q: it is debug, info, warn or error", c.String("log-level"))
	}
	if c.Bool("quiet") {
		level = max(level, slog.LevelError)
	}
	p.level.Set(level)
	o := &slog.HandlerOptions{Level: &p.level}
	switch c.String("log-format") {
	case "text":
		return slog.New(slog.NewTextHandler(p.stderr, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(p.stderr, o)), nil
	}
	return nil, usagef("--log-format %q: it is text or json", c.String("log-format"))
}

// say writes a line for people to stderr, unless --quiet holds.
func (p *program) say(c *cli.Context, format string, args ...any) {
	if !c.Bool("quiet") {
		fmt.Fprintf(p.stderr, format+"\n", args...)
	}
}
