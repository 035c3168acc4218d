package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	manifestMax = 256 << 20 // bytes of a manifest
	lineMax     = 1 << 20   // bytes of one of its rows
)

// columns are what a manifest may say of an image.
var columns = []string{"image", "text", "text_file", "payload", "output"}

// entry is one row of a manifest, as it stands there. Empty: not given.
type entry struct {
	line     int
	image    string
	text     *string // nil: not given
	textFile string
	payload  string
	output   string
}

// set puts a value into a column. An empty cell of a CSV says nothing, and never comes here.
func (e *entry) set(column, value string) {
	switch column {
	case "image":
		e.image = value
	case "text":
		e.text = &value
	case "text_file":
		e.textFile = value
	case "payload":
		e.payload = value
	case "output":
		e.output = value
	}
}

// isManifest reports whether a name is that of a manifest.
func isManifest(name string) bool { return manifestReader(name) != nil }

// manifestReader is how a manifest of that name is read; nil: it is none.
func manifestReader(name string) func(string, io.Reader, func(entry) error) error {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".csv":
		return readCSV
	case ".jsonl":
		return readJSONL
	}
	return nil
}

// readManifest calls take for every row of a file.
func readManifest(name string, take func(entry) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && info.Size() > manifestMax {
		err = usagef("%s: %d bytes, a manifest has at most %d", name, info.Size(), manifestMax).next("split it, and run batch for each part")
	}
	if err != nil {
		return err
	}
	return manifestReader(name)(name, withoutMark(io.LimitReader(f, manifestMax)), take)
}

// withoutMark leaves out the byte order mark that some programs write first.
func withoutMark(from io.Reader) io.Reader {
	r := bufio.NewReader(from)
	if start, _ := r.Peek(3); string(start) == "\ufeff" {
		r.Discard(len(start))
	}
	return r
}

// atLine is a mistake in a line of a manifest.
func atLine(name string, line int, format string, args ...any) *failure {
	return usagef("%s:%d: %s", name, line, fmt.Sprintf(format, args...))
}

// readCSV reads a row of column names, and rows under it.
func readCSV(name string, from io.Reader, take func(entry) error) error {
	r := csv.NewReader(from)
	r.ReuseRecord = true
	record, err := r.Read()
	if err == io.EOF {
		return usagef("%s: it is empty; its first line names the columns", name).next(columnsHelp)
	}
	if err != nil {
		return csvError(name, err, record)
	}
	header := slices.Clone(record)
	if err := checkHeader(name, header); err != nil {
		return err
	}
	for {
		record, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return csvError(name, err, record)
		}
		e, err := csvEntry(name, r, header, record)
		if err != nil {
			return err
		}
		if err := take(e); err != nil {
			return err
		}
	}
}

const columnsHelp = "image,text,text_file,payload,output (image, and any of the others)"

// checkHeader refuses columns that nobody knows.
func checkHeader(name string, header []string) error {
	for i, c := range header {
		header[i] = strings.TrimSpace(c)
		if err := checkColumn(name, 1, "column", header[i]); err != nil {
			return err
		}
		if slices.Contains(header[:i], header[i]) {
			return atLine(name, 1, "the column %s stands there twice", header[i])
		}
	}
	if !slices.Contains(header, "image") {
		return atLine(name, 1, "there is no column image").next(columnsHelp)
	}
	return nil
}

func checkColumn(name string, line int, kind, column string) error {
	if slices.Contains(columns, column) {
		return nil
	}
	if near := nearest(column, columns); near != "" {
		return atLine(name, line, "unknown %s %q: did you mean %s?", kind, column, near)
	}
	return atLine(name, line, "unknown %s %q: there are %s", kind, column, strings.Join(columns, ", "))
}

// csvEntry is one record.
func csvEntry(name string, r *csv.Reader, header, record []string) (entry, error) {
	line, _ := r.FieldPos(0)
	e, size := entry{line: line}, 0
	for i, value := range record {
		if size += len(value); value != "" {
			e.set(header[i], value)
		}
	}
	if size > lineMax {
		return e, tooLongRow(name, line)
	}
	return e, nil
}

func tooLongRow(name string, line int) error {
	return atLine(name, line, "more than %d bytes in one row", lineMax).next("put the text into a file, and name it as text_file")
}

// csvError says in our words where a CSV is none.
func csvError(name string, err error, record []string) error {
	bad, ok := errors.AsType[*csv.ParseError](err)
	switch {
	case !ok:
		return fmt.Errorf("read %s: %w", name, err)
	case errors.Is(err, csv.ErrFieldCount):
		return atLine(name, bad.StartLine, "%s, but the first line has another number", amount(len(record), "column"))
	}
	return atLine(name, bad.StartLine, "%v", bad.Err)
}

// readJSONL reads an object a line; empty lines are left out.
func readJSONL(name string, from io.Reader, take func(entry) error) error {
	s := bufio.NewScanner(from)
	s.Buffer(make([]byte, 64<<10), lineMax)
	line := 0
	for s.Scan() {
		line++
		raw := bytes.TrimSpace(s.Bytes())
		if len(raw) == 0 {
			continue
		}
		e, err := jsonEntry(name, line, raw)
		if err != nil {
			return err
		}
		if err := take(e); err != nil {
			return err
		}
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return tooLongRow(name, line+1)
	}
	return s.Err()
}

// jsonEntry is one object. An empty text is one, unlike an empty cell of a CSV.
func jsonEntry(name string, line int, raw []byte) (entry, error) {
	e := entry{line: line}
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil || object == nil || !utf8.Valid(raw) {
		return e, atLine(name, line, `no JSON object in UTF-8; {"image": "photo.png", "text": "hello"} is one`)
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if err := checkColumn(name, line, "key", key); err != nil {
			return e, err
		}
		switch value := object[key].(type) {
		case nil:
		case string:
			e.set(key, value)
		default:
			return e, atLine(name, line, "%s: a string is wanted", key)
		}
	}
	return e, nil
}
