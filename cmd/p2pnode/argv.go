package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// invocation is a command line put in the order that urfave/cli understands:
// it stops reading flags at the first positional argument, and would then take
// `encrypt photo.png --text hi` for two images.
type invocation struct {
	args    []string       // program, command, --flag=value …, --, positionals
	path    string         // "encrypt", "config show"; empty: none
	set     map[string]int // how often each flag was given, by its first name
	json    bool           // failures are reported in JSON
	command *cli.Command
}

// arrange reads a command line: flags anywhere, behind or before their command,
// `--` ends them, `-qo out` is `-q -o out`, and a flag's value may begin with a dash.
func arrange(app *cli.App, argv []string) (invocation, error) {
	words := scan(app, argv[1:])
	inv := invocation{args: []string{argv[0]}, set: map[string]int{}, json: words.asksJSON()}
	if words.asks("version") && len(words.plain) == 0 {
		words = scanned{plain: []string{"version"}}
	}
	if len(words.plain) > 0 && words.plain[0] == "help" {
		words.plain = words.plain[1:]
		words.flags = append(words.flags, flagWord{name: "help", spelled: "help", value: "true"})
	}
	rest, err := inv.descend(app, words)
	if err != nil {
		return inv, err
	}
	for _, f := range words.flags {
		if err := inv.add(app, f); err != nil {
			return inv, err
		}
	}
	if len(rest) > 0 {
		inv.args = append(append(inv.args, "--"), rest...)
	}
	return inv, nil
}

// descend finds the command and subcommand and returns the positionals behind them.
func (inv *invocation) descend(app *cli.App, words scanned) ([]string, error) {
	rest, commands := words.plain, app.Commands
	for len(rest) > 0 && len(commands) > 0 {
		c := commandNamed(commands, rest[0])
		if c == nil && inv.acts() {
			break
		}
		if c == nil {
			return nil, inv.unknownCommand(commands, rest[0])
		}
		inv.args = append(inv.args, c.Name)
		inv.path = strings.TrimSpace(inv.path + " " + c.Name)
		inv.command, commands, rest = c, c.Subcommands, rest[1:]
	}
	if inv.command != nil && len(commands) > 0 && !words.asks("help") && !inv.acts() {
		return nil, usagef("%s needs one of: %s", inv.path, strings.Join(commandNames(commands), ", ")).
			next("p2pnode " + inv.path + " " + commands[0].Name)
	}
	return rest, nil
}

// acts reports whether the command found so far does something by itself, whatever subcommands it has.
func (inv *invocation) acts() bool { return inv.command != nil && inv.command.Action != nil }

func (inv *invocation) unknownCommand(commands []*cli.Command, word string) error {
	what := strings.TrimSpace(inv.path + " " + word)
	near := nearest(word, commandNames(commands))
	if near == "" {
		return usagef("unknown command %q", what).next("p2pnode help")
	}
	near = strings.TrimSpace(inv.path + " " + near)
	return usagef("unknown command %q: did you mean %q?", what, near).next("p2pnode help " + near)
}

// add appends one flag, if the command has it and it has a value where it needs one.
func (inv *invocation) add(app *cli.App, f flagWord) error {
	switch {
	case f.name == "help":
		inv.args = append(inv.args, "--help")
		return nil
	case f.name == "" || (inv.command != nil && flagNamed(inv.command.Flags, f.name) == nil):
		return inv.unknownFlag(app, f)
	case inv.command == nil:
		return usagef("no command given").next("p2pnode help")
	case f.missing:
		return usagef("flag --%s needs a value", f.name).next("p2pnode help " + inv.path)
	}
	inv.set[f.name]++
	inv.args = append(inv.args, "--"+f.name+"="+f.value)
	return nil
}

func (inv *invocation) unknownFlag(app *cli.App, f flagWord) error {
	flags, next := everyFlag(app.Commands), "p2pnode help"
	who := "p2pnode"
	if inv.command != nil {
		flags, who, next = inv.command.Flags, inv.path, "p2pnode help "+inv.path
	}
	if near := nearest(strings.TrimLeft(f.spelled, "-"), flagNames(flags)); near != "" {
		return usagef("%s has no flag %s: did you mean --%s?", who, f.spelled, near).next(next)
	}
	return usagef("%s has no flag %s", who, f.spelled).next(next)
}

func commandNamed(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

func commandNames(commands []*cli.Command) (names []string) {
	for _, c := range commands {
		names = append(names, c.Names()...)
	}
	return names
}

// flagNamed returns the flag that has the name, first or alias, or nil.
func flagNamed(flags []cli.Flag, name string) cli.Flag {
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

func flagNames(flags []cli.Flag) (names []string) {
	for _, f := range flags {
		names = append(names, f.Names()[0])
	}
	return names
}

// everyFlag lists the flags of all commands, each name once.
func everyFlag(commands []*cli.Command) (flags []cli.Flag) {
	var walk func([]*cli.Command)
	seen := map[string]bool{}
	walk = func(commands []*cli.Command) {
		for _, c := range commands {
			for _, f := range c.Flags {
				if name := f.Names()[0]; !seen[name] {
					seen[name], flags = true, append(flags, f)
				}
			}
			walk(c.Subcommands)
		}
	}
	walk(commands)
	return flags
}
