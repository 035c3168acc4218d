package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// settings says where each flag's value came from, and holds what the
// configuration file says beyond flags.
type settings struct {
	file   *configFile
	origin map[string]string // flag → origin; absent: default
}

// The origins, from the strongest to the weakest.
const (
	fromFlag    = "flag"
	fromEnv     = "env"
	fromFile    = "file"
	fromDefault = "default"
)

// environment looks a variable up, as os.LookupEnv does.
type environment func(string) (string, bool)

// loadSettings gives every flag of a command that the command line leaves open the
// value of the environment or of the configuration file: flag > env > file > default.
func loadSettings(known []cli.Flag, c *cli.Context, given invocation, env environment) (settings, error) {
	s := settings{origin: map[string]string{}}
	for name := range given.set {
		s.origin[name] = fromFlag
	}
	if err := s.fromEnvironment(c, env); err != nil {
		return s, err
	}
	path, named := c.String("config"), c.String("config") != ""
	if !named {
		path = defaultConfig(env)
	}
	file, err := readConfig(path, named, known)
	if err != nil {
		return s, err
	}
	s.file = file
	return s, s.fromConfig(c)
}

// fromEnvironment applies P2PNODE_<FLAG>. An empty variable counts as absent.
func (s *settings) fromEnvironment(c *cli.Context, env environment) error {
	for _, f := range c.Command.Flags {
		name := f.Names()[0]
		value, ok := env(variable(name))
		if s.origin[name] != "" || !ok || value == "" || isDeed(f) {
			continue
		}
		if err := c.Set(name, value); err != nil {
			return configf("%s=%q: %v", variable(name), value, valueError(f, err))
		}
		s.origin[name] = fromEnv
	}
	return nil
}

// fromConfig applies the configuration file.
func (s *settings) fromConfig(c *cli.Context) error {
	for _, set := range s.file.values {
		f := flagNamed(c.Command.Flags, set.flag)
		if f == nil || isDeed(f) || s.origin[set.flag] == fromFlag || s.origin[set.flag] == fromEnv {
			continue
		}
		for _, value := range set.values {
			if err := c.Set(set.flag, value); err != nil {
				return s.file.errorf(set.line, "%s: %v", set.key, valueError(f, err))
			}
		}
		s.origin[set.flag] = fromFile
	}
	return nil
}

// variable is the environment variable of a flag.
func variable(flag string) string {
	return "P2PNODE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// from returns the origin of a flag's value.
func (s settings) from(flag string) string {
	if o := s.origin[flag]; o != "" {
		return o
	}
	return fromDefault
}

// choose returns which of flags that exclude one another holds: the one set by the
// strongest origin, "" where none is set, an error where one origin sets several.
func (s settings) choose(flags ...string) (string, error) {
	for _, origin := range []string{fromFlag, fromEnv, fromFile} {
		var set []string
		for _, f := range flags {
			if s.from(f) == origin {
				set = append(set, "--"+f)
			}
		}
		switch len(set) {
		case 0:
			continue
		case 1:
			return set[0][2:], nil
		}
		return "", usagef("%s exclude one another", strings.Join(set, " and "))
	}
	return "", nil
}

// valueError says what a flag takes, where its type was the trouble.
func valueError(f cli.Flag, err error) error {
	switch f.(type) {
	case *cli.DurationFlag:
		return fmt.Errorf("a time such as 500ms, 5s or 2m is wanted")
	case *cli.BoolFlag:
		return fmt.Errorf("true or false is wanted")
	case *cli.Float64Flag:
		return fmt.Errorf("a number is wanted")
	case *cli.Int64Flag:
		return fmt.Errorf("a whole number is wanted")
	}
	return err
}

// valueOf renders a flag's value for people and for `config show`.
func valueOf(c *cli.Context, name string) any {
	switch v := c.Value(name).(type) {
	case cli.StringSlice:
		return append([]string{}, v.Value()...)
	case fmt.Stringer:
		return v.String()
	default:
		return v
	}
}
