package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

func (p *program) completionCommand() *cli.Command {
	return &cli.Command{
		Name: "completion", Usage: "print a completion script for a shell", ArgsUsage: "bash|zsh|fish",
		Description: "bash: source <(p2pnode completion bash)\nzsh:  p2pnode completion zsh > \"${fpath[1]}/_p2pnode\"\nfish: p2pnode completion fish > ~/.config/fish/completions/p2pnode.fish",
		Flags:       common(),
		Action:      p.action(p.completion),
	}
}

func (p *program) completion(_ context.Context, c *cli.Context) error {
	var script strings.Builder
	switch shell := c.Args().First(); {
	case c.NArg() == 1 && shell == "bash":
		bashCompletion(&script, p.app)
	case c.NArg() == 1 && shell == "zsh":
		zshCompletion(&script, p.app)
	case c.NArg() == 1 && shell == "fish":
		fishCompletion(&script, p.app)
	default:
		return usagef("completion needs one of: bash, zsh, fish").next("p2pnode completion bash")
	}
	if c.Bool("json") {
		return p.printJSON(struct {
			Schema string `json:"schema"`
			OK     bool   `json:"ok"`
			Script string `json:"script"`
		}{p.schema(), true, script.String()})
	}
	_, err := io.WriteString(p.stdout, script.String())
	return err
}

// choices are the words that may follow a command: subcommands, or fixed arguments.
func choices(c *cli.Command) []string {
	if c.Name == "completion" {
		return []string{"bash", "zsh", "fish"}
	}
	return commandNames(c.Subcommands)
}

// flagsOf are a command's flags; those of its subcommands count as its own.
func flagsOf(c *cli.Command) []cli.Flag { return everyFlag([]*cli.Command{c}) }

// dashed lists a command's flags as they are typed.
func dashed(c *cli.Command) (words []string) {
	for _, f := range flagsOf(c) {
		for _, name := range f.Names() {
			if len(name) == 1 {
				words = append(words, "-"+name)
			} else {
				words = append(words, "--"+name)
			}
		}
	}
	return append(words, "--help")
}

func bashCompletion(w io.Writer, app *cli.App) {
	fmt.Fprintln(w, "_p2pnode() {\n\tlocal word=${COMP_WORDS[COMP_CWORD]} command= i\n\tCOMPREPLY=()")
	fmt.Fprintln(w, "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n\t\t[[ ${COMP_WORDS[i]} == -* ]] || { command=${COMP_WORDS[i]}; break; }\n\tdone")
	fmt.Fprintln(w, "\tlocal flags= words=\n\tcase $command in")
	for _, c := range app.Commands {
		fmt.Fprintf(w, "\t%s) flags='%s' words='%s' ;;\n", strings.Join(c.Names(), "|"), strings.Join(dashed(c), " "), strings.Join(choices(c), " "))
	}
	fmt.Fprintf(w, "\t'') flags='--help --version' words='%s help' ;;\n\tesac\n", strings.Join(commandNames(app.Commands), " "))
	fmt.Fprintln(w, "\tif [[ $word == -* ]]; then\n\t\tCOMPREPLY=($(compgen -W \"$flags\" -- \"$word\"))\n\telif [[ -n $words ]]; then\n\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n\telse\n\t\tCOMPREPLY=($(compgen -f -- \"$word\"))\n\tfi\n}\ncomplete -o filenames -F _p2pnode p2pnode")
}

func zshCompletion(w io.Writer, app *cli.App) {
	fmt.Fprintln(w, "#compdef p2pnode\n_p2pnode() {\n\tlocal -a commands=(")
	for _, c := range app.Commands {
		fmt.Fprintf(w, "\t\t%s\n", quoted(c.Name+":"+c.Usage))
	}
	fmt.Fprintln(w, "\t)\n\tif (( CURRENT == 2 )); then\n\t\t_describe command commands\n\t\treturn\n\tfi\n\tlocal -a flags choices\n\tcase $words[2] in")
	for _, c := range app.Commands {
		fmt.Fprintf(w, "\t%s)\n\t\tflags=(", strings.Join(c.Names(), "|"))
		for _, f := range flagsOf(c) {
			fmt.Fprintf(w, "%s ", quoted("--"+f.Names()[0]+":"+usageOf(f)))
		}
		fmt.Fprintf(w, ")\n\t\tchoices=(%s) ;;\n", strings.Join(choices(c), " "))
	}
	fmt.Fprintln(w, "\tesac\n\tif [[ $PREFIX == -* ]]; then\n\t\t_describe flag flags\n\telif (( $#choices )); then\n\t\tcompadd -a choices\n\telse\n\t\t_files\n\tfi\n}\ncompdef _p2pnode p2pnode")
}

func fishCompletion(w io.Writer, app *cli.App) {
	for _, c := range app.Commands {
		for _, name := range c.Names() {
			fmt.Fprintf(w, "complete -c p2pnode -f -n __fish_use_subcommand -a %s -d %s\n", name, quoted(c.Usage))
		}
		seen := "-n '__fish_seen_subcommand_from " + strings.Join(c.Names(), " ") + "'"
		for _, f := range flagsOf(c) {
			fmt.Fprintf(w, "complete -c p2pnode %s", seen)
			for _, name := range f.Names() {
				if len(name) == 1 {
					fmt.Fprintf(w, " -s %s", name)
				} else {
					fmt.Fprintf(w, " -l %s", name)
				}
			}
			if !isSwitch(f) {
				fmt.Fprint(w, " -r")
			}
			fmt.Fprintf(w, " -d %s\n", quoted(usageOf(f)))
		}
		if words := choices(c); len(words) > 0 {
			fmt.Fprintf(w, "complete -c p2pnode -f %s -a '%s'\n", seen, strings.Join(words, " "))
		}
	}
}

// usageOf is a flag's one line of help.
func usageOf(f cli.Flag) string {
	if d, ok := f.(cli.DocGenerationFlag); ok {
		return strings.ReplaceAll(d.GetUsage(), "`", "")
	}
	return ""
}

// quoted makes one word of a text for any of the shells.
func quoted(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `’`) + "'"
}
