package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"p2pnode/wire"
)

// failure is why a command ended without its result, as a person reads it.
type failure struct {
	Code  wire.Code
	What  string
	Tried []string // what was tried, one line each
	Next  string   // the command to run now; empty: none
	Exit  int      // if zero, Code's
	cause error
}

func (f *failure) Error() string { return f.What }
func (f *failure) Unwrap() error { return f.cause }

// failf makes a failure of any code.
func failf(code wire.Code, format string, args ...any) *failure {
	err := fmt.Errorf(format, args...)
	return &failure{Code: code, What: err.Error(), cause: errors.Unwrap(err)}
}

// usagef is a mistake on the command line.
func usagef(format string, args ...any) *failure { return failf(wire.CodeUsage, format, args...) }

// configf is a mistake in the configuration.
func configf(format string, args ...any) *failure { return failf(wire.CodeConfig, format, args...) }

func (f *failure) tried(lines ...string) *failure {
	f.Tried = append(f.Tried, lines...)
	return f
}

func (f *failure) next(command string) *failure {
	f.Next = command
	return f
}

// exit returns the status of the process.
func (f *failure) exit() int {
	if f.Exit != 0 {
		return f.Exit
	}
	return f.Code.Exit()
}

// print writes the failure as text: what, what was tried, what to run next.
func (f *failure) print(w io.Writer) {
	fmt.Fprintf(w, "p2pnode: %s\n", f.What)
	for _, line := range f.Tried {
		fmt.Fprintf(w, "  tried %s\n", strings.TrimPrefix(line, "asked "))
	}
	if f.Next != "" {
		fmt.Fprintf(w, "  next  %s\n", f.Next)
	}
}

// hint is Tried and Next in one line, for JSON.
func (f *failure) hint() string {
	parts := f.Tried
	if f.Next != "" {
		parts = append(parts[:len(parts):len(parts)], "next: "+f.Next)
	}
	return strings.Join(parts, "; ")
}

// failed is the JSON form of a failure.
type failed struct {
	Schema string `json:"schema"`
	OK     bool   `json:"ok"`
	Input  string `json:"input,omitempty"`
	Code   string `json:"code"`
	Error  string `json:"error"`
	Hint   string `json:"hint,omitempty"`
}

// reported ends a command that has said itself what went wrong.
type reported struct{ exit int }

func (r reported) Error() string { return fmt.Sprintf("exit status %d", r.exit) }

// report says why a command failed, on stderr or as JSON, and returns the exit status.
func (p *program) report(err error) int {
	if err == nil {
		return 0
	}
	if done, ok := errors.AsType[reported](err); ok {
		return done.exit
	}
	f := p.explain(err)
	if p.given.json {
		p.printJSON(failed{Schema: p.schema(), Code: f.Code.String(), Error: f.What, Hint: f.hint()})
	} else {
		f.print(p.stderr)
	}
	return f.exit()
}

// schema names the form of this command's JSON.
func (p *program) schema() string {
	if p.given.command == nil {
		return "p2pnode/usage/v1"
	}
	word, _, _ := strings.Cut(p.given.path, " ")
	return "p2pnode/" + word + "/v1"
}

// printJSON writes one object on one line.
func (p *program) printJSON(v any) error {
	e := json.NewEncoder(p.stdout)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
