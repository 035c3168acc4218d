package wire

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckName says what keeps s from being the name of a node, a client or a cluster: a message with it would be dropped
// whole (PROTOCOL.md §3.1).
func CheckName(what, s string) error { return text(what, s, maxName) }

// IsUnfit reports whether a character does something to a terminal instead of showing: control characters, and those that
// turn the direction of writing, by which one name can be made to look like another.
func IsUnfit(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// text checks words for people: UTF-8 that shows as it is, because they end on other people's terminals.
func text(what, s string, most int) error {
	if !utf8.ValidString(s) {
		return FormatError("invalid UTF-8 in " + what)
	}
	if strings.ContainsFunc(s, IsUnfit) {
		return FormatError("control character in " + what)
	}
	return atMost(what, len(s), most)
}

// printable makes any words pass text: it replaces what may not be in them and cuts them at most bytes.
func printable(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if IsUnfit(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// tidy returns v with its explanations and file names made printable: an odd one must not stop what it belongs to.
// Names that identify somebody are left alone, and refused if they do not pass.
func tidy(v any) any {
	switch m := v.(type) {
	case HelloAck:
		m.Detail = printable(m.Detail, maxDetail)
		return m
	case Busy:
		m.Detail = printable(m.Detail, maxDetail)
		return m
	case TaskRequest:
		m.Name = printable(m.Name, maxFileName)
		return m
	case TaskResponse:
		m.Detail = printable(m.Detail, maxStreamDetail)
		return m
	case TaskTrailer:
		m.Detail = printable(m.Detail, maxStreamDetail)
		return m
	case Report:
		m.Detail = printable(m.Detail, maxStreamDetail)
		return m
	}
	return v
}
