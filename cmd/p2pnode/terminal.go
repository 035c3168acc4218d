package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"

	"p2pnode/wire"
)

// isTerminal reports whether a person sits at the other end of a stream.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// visible is a text of several lines as a terminal may show it: what would act on the terminal is spelled out.
func visible(text string) string {
	var out strings.Builder
	for _, r := range text {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			fmt.Fprintf(&out, "\\x%02x", r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

// harmless is JSON of a server on one line, with what acts on terminals escaped. Whoever made it may be anybody.
func harmless(raw []byte) ([]byte, error) {
	var line bytes.Buffer
	if err := json.Compact(&line, raw); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, r := range line.String() {
		if wire.IsUnfit(r) {
			fmt.Fprintf(&out, "\\u%04x", r) // only ever inside strings
			continue
		}
		out.WriteRune(r)
	}
	return out.Bytes(), nil
}

// readForTable decodes JSON of a server into v, with every text in it fit to stand in a cell of a table.
func readForTable(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var all any
	if err := d.Decode(&all); err != nil {
		return err
	}
	clean, err := json.Marshal(decent(all))
	if err != nil {
		return err
	}
	return json.Unmarshal(clean, v)
}

// decent replaces in every text of a JSON value what acts on terminals, line ends and tabs included.
func decent(v any) any {
	switch v := v.(type) {
	case string:
		return strings.Map(func(r rune) rune {
			if wire.IsUnfit(r) {
				return '?'
			}
			return r
		}, v)
	case []any:
		for i := range v {
			v[i] = decent(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = decent(v[k])
		}
	}
	return v
}
