package wire

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestProtocolDocumentMatchesTheCode compares the generated parts of the specification: the fields of every message,
// the codes, and the examples, which are the golden vectors.
func TestProtocolDocumentMatchesTheCode(t *testing.T) {
	const path = "../docs/PROTOCOL.md"
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(doc)
	for _, part := range []struct{ name, want string }{
		{"fields", fieldsOf(sampleMessages)},
		{"stream fields", fieldsOf(sampleFrames)},
		{"codes", codeTable()},
		{"vectors", examples(t)},
	} {
		begin, end := "<!-- "+part.name+" begin -->\n", "<!-- "+part.name+" end -->"
		head, rest, ok := strings.Cut(text, begin)
		_, tail, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Fatalf("%s has no place for the %s", path, part.name)
		}
		text = head + begin + part.want + end + tail
	}
	golden(t, path, text)
}

// fieldsOf writes one line per message and one per struct they share.
func fieldsOf[M any](samples []M) string {
	var b strings.Builder
	b.WriteString("\n```\n")
	shared, seen := []reflect.Type{}, map[reflect.Type]bool{}
	for _, m := range samples {
		shared = append(shared, describe(&b, reflect.TypeOf(m))...)
	}
	for len(shared) > 0 {
		s := shared[0]
		shared = shared[1:]
		if !seen[s] {
			seen[s] = true
			shared = append(shared, describe(&b, s)...)
		}
	}
	b.WriteString("```\n\n")
	return b.String()
}

// describe writes the fields of a struct, and returns the structs in them.
func describe(b *strings.Builder, s reflect.Type) (shared []reflect.Type) {
	var fields []string
	for i := range s.NumField() {
		f := s.Field(i)
		if f.Anonymous {
			fields = append(fields, "…"+f.Name)
			continue
		}
		key, options, _ := strings.Cut(f.Tag.Get("cbor"), ",")
		word, inner := typeOf(f.Type)
		if inner != nil {
			shared = append(shared, inner)
		}
		if strings.Contains(options, "omit") {
			word += "?"
		}
		fields = append(fields, fmt.Sprintf("%s: %s %s", key, strings.ToLower(f.Name), word))
	}
	fmt.Fprintf(b, "%s = {%s}\n", s.Name(), strings.Join(fields, ", "))
	return shared
}

// typeOf names a field's type as the document does.
func typeOf(t reflect.Type) (word string, inner reflect.Type) {
	switch {
	case t.Name() == "AddrPort":
		return "address", nil
	case t.Name() == "Digest":
		return "digest", nil
	case t.Kind() == reflect.Array:
		return "id", nil
	case t.Kind() == reflect.Struct:
		return t.Name(), t
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return "bytes", nil
	case t.Kind() == reflect.Slice:
		word, inner = typeOf(t.Elem())
		return "[" + word + "]", inner
	case t.Kind() == reflect.String:
		return "text", nil
	}
	return t.Kind().String(), nil
}

func codeTable() string {
	var b strings.Builder
	b.WriteString("\n| number | code | exit |\n|---|---|---|\n")
	for i, c := range codes {
		fmt.Fprintf(&b, "| %d | %s | %d |\n", i, c.name, c.exit)
	}
	b.WriteString("\n")
	return b.String()
}

func examples(t *testing.T) string {
	var b strings.Builder
	for _, s := range []struct {
		title   string
		vectors []vector
	}{{"Messages", messageVectors(t)}, {"Datagrams", datagramVectors(t)}, {"Stream frames", streamVectors(t)}} {
		fmt.Fprintf(&b, "\n### %s\n", s.title)
		for _, v := range s.vectors {
			fmt.Fprintf(&b, "\n```\n%s```\n", v)
		}
	}
	b.WriteString("\n")
	return b.String()
}
