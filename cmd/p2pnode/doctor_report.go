package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// What a check can come to.
const (
	resultOK      = "ok"
	resultWarn    = "warn"
	resultFail    = "fail"
	resultSkipped = "skipped"
)

// finding is one thing a check found.
type finding struct {
	Result string `json:"result"`
	Seen   string `json:"seen"`
	Cause  string `json:"cause"` // empty: nothing is wrong
	Fix    string `json:"fix"`   // a command; empty: nothing is to be done
}

func good(format string, args ...any) finding {
	return finding{Result: resultOK, Seen: fmt.Sprintf(format, args...)}
}

func doubt(seen, cause, fix string) finding { return finding{resultWarn, seen, cause, fix} }
func bad(seen, cause, fix string) finding   { return finding{resultFail, seen, cause, fix} }

// unknown is what could not be found out.
func unknown(seen, cause, fix string) finding { return finding{resultSkipped, seen, cause, fix} }

func one(f finding) []finding { return []finding{f} }

// row is a finding as it is told. A check that found several things has a row for each.
type row struct {
	Name string `json:"name"`
	finding
	Seconds float64 `json:"seconds"` // that the check took
}

// check is one question. It is not asked where one that it needs failed.
type check struct {
	name  string
	needs []string
	do    func(context.Context) []finding
}

// consult asks the questions in turn and tells what was found, until ctx, which lasts limit, ends.
func consult(ctx context.Context, checks []check, limit time.Duration, tell func(row)) (all []row) {
	failed := map[string]bool{}
	for _, c := range checks {
		began := time.Now()
		found := c.answer(ctx, failed, limit)
		for _, f := range found {
			r := row{Name: c.name, finding: f, Seconds: time.Since(began).Seconds()}
			all = append(all, r)
			tell(r)
		}
		failed[c.name] = !slices.ContainsFunc(found, func(f finding) bool { return f.Result == resultOK || f.Result == resultWarn })
	}
	return all
}

// answer asks one question, unless something stands in its way. A check fails others where nothing of it went well.
func (c check) answer(ctx context.Context, failed map[string]bool, limit time.Duration) []finding {
	for _, need := range c.needs {
		if failed[need] {
			return one(unknown("not asked", need+" failed, or was skipped", ""))
		}
	}
	if ctx.Err() != nil {
		return one(unknown("not asked", "the time was used up", ""))
	}
	found := c.do(ctx)
	if ctx.Err() != nil {
		found = append(found, bad("not finished", fmt.Sprintf("the time of --timeout %v was used up", limit), fmt.Sprintf("p2pnode doctor --timeout %v", 3*limit)))
	}
	return found
}

// diagnosis is the JSON form of doctor.
type diagnosis struct {
	Schema string `json:"schema"`
	OK     bool   `json:"ok"`
	Checks []row  `json:"checks"`
}

// tell prints rows as they come; with --json all of them are told at the end.
func (p *program) tell(c *cli.Context) func(row) {
	if c.Bool("json") {
		return func(row) {}
	}
	coloured := isTerminal(p.stdout) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return func(r row) { printRow(p.stdout, r, coloured) }
}

// conclude ends the command: exit 1 where something failed.
func (p *program) conclude(c *cli.Context, all []row) error {
	failed := slices.ContainsFunc(all, func(r row) bool { return r.Result == resultFail })
	if c.Bool("json") {
		if err := p.printJSON(diagnosis{Schema: p.schema(), OK: !failed, Checks: all}); err != nil {
			return err
		}
	}
	if failed {
		return reported{1}
	}
	return nil
}

// colours of the results, as terminals know them.
var colours = map[string]string{resultOK: "32", resultWarn: "33", resultFail: "1;31", resultSkipped: "2"}

// printRow writes what was seen on one line, and what is wrong on those below it.
func printRow(w io.Writer, r row, coloured bool) {
	result := fmt.Sprintf("%-7s", r.Result)
	if r.Result == resultFail {
		result = "FAIL   "
	}
	if coloured {
		result = "\x1b[" + colours[r.Result] + "m" + result + "\x1b[0m"
	}
	fmt.Fprintf(w, "%s  %-13s  %s\n", result, r.Name, oneLine(r.Seen))
	if r.Cause != "" {
		fmt.Fprintf(w, "         %-13s  %s\n", "  cause", oneLine(r.Cause))
	}
	if r.Fix != "" {
		fmt.Fprintf(w, "         %-13s  %s\n", "  fix", oneLine(r.Fix))
	}
}

// oneLine keeps texts of other programs and machines from being more than a line.
func oneLine(text string) string {
	return visible(strings.Join(strings.Fields(text), " "))
}
