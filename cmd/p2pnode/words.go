package main

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// scanned is a command line split into flags and everything else.
type scanned struct {
	flags []flagWord
	plain []string
}

// flagWord is one flag as it stood on the command line.
type flagWord struct {
	name    string // its first name; empty: no command has it
	spelled string // as typed, without a value
	value   string
	missing bool // it takes a value and was the last word
}

// asks reports whether a flag was typed, known to a command or not.
func (s scanned) asks(name string) bool {
	for _, f := range s.flags {
		if strings.TrimLeft(f.spelled, "-") == name || f.name == name {
			return true
		}
	}
	return false
}

// asksJSON reports whether --json holds, so that usage errors can be JSON too.
func (s scanned) asksJSON() bool {
	on := false
	for _, f := range s.flags {
		if f.name == "json" {
			on = f.value != "false" && f.value != "0"
		}
	}
	return on
}

// scan splits words (without the program's name). Which flags take a value depends
// on the command, and which word is the command on the flags before it: so a first
// pass, with the flags of all commands, finds the command, and a second one reads.
func scan(app *cli.App, words []string) scanned {
	all := everyFlag(app.Commands)
	first := split(all, words)
	if len(first.plain) == 0 {
		return first
	}
	c := commandNamed(app.Commands, first.plain[0])
	if c == nil {
		return first
	}
	return split(append(everyFlag([]*cli.Command{c}), all...), words)
}

// split reads words, given the flags there are.
func split(flags []cli.Flag, words []string) scanned {
	s := scanner{flags: append(flags[:len(flags):len(flags)], cli.HelpFlag), words: words}
	for len(s.words) > 0 {
		word := s.words[0]
		s.words = s.words[1:]
		switch {
		case word == "--":
			s.out.plain = append(s.out.plain, s.words...)
			s.words = nil
		case strings.HasPrefix(word, "--"):
			s.long(word)
		case len(word) > 1 && word[0] == '-':
			s.short(word)
		default:
			s.out.plain = append(s.out.plain, word)
		}
	}
	return s.out
}

type scanner struct {
	flags []cli.Flag
	words []string // not yet read
	out   scanned
}

// long reads --name, --name=value or --name value.
func (s *scanner) long(word string) {
	name, value, has := strings.Cut(word[2:], "=")
	s.flag("--"+name, name, value, has)
}

// short reads -x, -x value, -xvalue, -x=value and groups of switches, -qx value.
func (s *scanner) short(word string) {
	for i := 1; i < len(word); i++ {
		name, rest := word[i:i+1], word[i+1:]
		f := flagNamed(s.flags, name)
		if f == nil {
			s.out.flags = append(s.out.flags, flagWord{spelled: "-" + strings.TrimPrefix(word[i:], "-")})
			return
		}
		if value, has := strings.CutPrefix(rest, "="); has || (!isSwitch(f) && rest != "") {
			s.flag("-"+name, name, value, true)
			return
		}
		s.flag("-"+name, name, "", false)
	}
}

func (s *scanner) flag(spelled, name, value string, has bool) {
	f := flagNamed(s.flags, name)
	word := flagWord{spelled: spelled, value: value}
	switch {
	case f == nil:
		s.out.flags = append(s.out.flags, word)
		return
	case has:
	case isSwitch(f):
		word.value = "true"
	case len(s.words) == 0:
		word.missing = true
	default:
		word.value, s.words = s.words[0], s.words[1:]
	}
	word.name = f.Names()[0]
	s.out.flags = append(s.out.flags, word)
}

// isSwitch reports whether a flag takes no value.
func isSwitch(f cli.Flag) bool {
	_, ok := f.(*cli.BoolFlag)
	return ok
}
