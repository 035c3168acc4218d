package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

// version is set by the linker in releases: -X main.version=v1.2.3.
var version string

func (p *program) versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version",
		Flags:  common(),
		Action: p.action(p.printVersion),
	}
}

// build is the JSON form of the version.
type build struct {
	Schema   string `json:"schema"`
	OK       bool   `json:"ok"`
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

func (p *program) printVersion(_ context.Context, c *cli.Context) error {
	b := thisBuild()
	if c.Bool("json") {
		b.Schema, b.OK = p.schema(), true
		return p.printJSON(b)
	}
	_, err := fmt.Fprintf(p.stdout, "p2pnode %s (%s %s/%s)\n", b.Version, b.Go, b.OS, b.Arch)
	return err
}

// thisBuild is what the linker and the toolchain recorded of this binary.
func thisBuild() build {
	b := build{Version: version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}
