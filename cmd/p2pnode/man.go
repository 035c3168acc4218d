package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

func (p *program) manCommand() *cli.Command {
	return &cli.Command{
		Name: "man", Usage: "print the manual page (p2pnode man | man -l -)",
		Flags:  common(),
		Action: p.action(p.man),
	}
}

func (p *program) man(_ context.Context, c *cli.Context) error {
	var page strings.Builder
	manPage(&page, p.app)
	if c.Bool("json") {
		return p.printJSON(struct {
			Schema string `json:"schema"`
			OK     bool   `json:"ok"`
			Page   string `json:"page"`
		}{p.schema(), true, page.String()})
	}
	_, err := io.WriteString(p.stdout, page.String())
	return err
}

// manPage writes the manual in roff, from the same declarations as the help.
func manPage(w io.Writer, app *cli.App) {
	fmt.Fprintf(w, ".TH P2PNODE 1 \"\" \"p2pnode %s\" \"User Commands\"\n", roff(thisBuild().Version))
	fmt.Fprintf(w, ".SH NAME\np2pnode \\- %s\n", roff(app.Usage))
	fmt.Fprint(w, ".SH SYNOPSIS\n.B p2pnode\n.I command\n[\\fIflags\\fR] [\\fIarguments\\fR]\n.SH COMMANDS\n")
	for _, c := range app.Commands {
		manCommand(w, c)
	}
	fmt.Fprint(w, ".SH SETTINGS\nA flag given on the command line wins over the environment variable P2PNODE_<FLAG>, that over the key of the same name in the configuration file, that over the default.\nP2PNODE_TOKEN holds a token itself.\n")
	fmt.Fprint(w, ".SH FILES\n.TP\n.I $XDG_CONFIG_HOME/p2pnode/config.toml\nthe configuration\n.TP\n.I $XDG_DATA_HOME/p2pnode/NAME\na server's store and secret\n.TP\n.I $XDG_DATA_HOME/p2pnode/known_clusters\nthe clusters that a client trusts\n")
	fmt.Fprint(w, ".SH EXIT STATUS\n")
	for _, e := range exits {
		fmt.Fprintf(w, ".TP\n.B %s\n%s\n", e.status, roff(e.meaning))
	}
}

func manCommand(w io.Writer, c *cli.Command) {
	fmt.Fprintf(w, ".SS %s %s\n%s.\n", strings.Join(c.Names(), ", "), roff(c.ArgsUsage), roff(c.Usage))
	if c.Description != "" {
		fmt.Fprintf(w, ".PP\n.nf\n%s\n.fi\n", roff(c.Description))
	}
	flags := c.Flags
	for _, sub := range c.Subcommands {
		fmt.Fprintf(w, ".TP\n.B %s %s %s\n%s\n", c.Name, sub.Name, roff(sub.ArgsUsage), roff(sub.Usage))
	}
	for _, f := range flags {
		names := make([]string, 0, 2)
		for _, name := range f.Names() {
			names = append(names, "\\-"+strings.Repeat("\\-", min(len(name)-1, 1))+roff(name))
		}
		fmt.Fprintf(w, ".TP\n.B %s\n%s\n", strings.Join(names, ", "), roff(usageOf(f)))
	}
}

// roff escapes what roff would read as its own.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
