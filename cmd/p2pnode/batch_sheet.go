package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// sheetRow is what a report says of one image.
type sheetRow struct {
	Input    string  `json:"input"`
	Output   string  `json:"output"`
	Status   string  `json:"status"`
	Code     string  `json:"code"`
	Error    string  `json:"error"`
	Job      string  `json:"job"`
	Server   string  `json:"server"`
	Attempts int     `json:"attempts"`
	SHA256   string  `json:"sha256"`
	Seconds  float64 `json:"seconds"`
}

// sheetHeader names the columns of a CSV, in the order of cells.
var sheetHeader = []string{"input", "output", "status", "code", "error", "job", "server", "attempts", "sha256", "seconds"}

func (l sheetRow) cells() []string {
	return []string{l.Input, l.Output, l.Status, l.Code, l.Error, l.Job, l.Server, strconv.Itoa(l.Attempts), l.SHA256, strconv.FormatFloat(l.Seconds, 'f', 3, 64)}
}

// sheetRow is what a report says of it.
func (v verdict) sheetRow() sheetRow {
	l := sheetRow{Input: v.input, Output: v.output, Status: v.status, Server: v.result.Server, Attempts: v.result.Attempts, Seconds: v.took.Seconds()}
	if !v.result.Job.IsZero() {
		l.Job = v.result.Job.String()
	}
	switch v.status {
	case statusDone:
		l.SHA256 = v.result.SHA256.String()
	case statusFailed, statusCancelled:
		l.Code, l.Error = v.failure.Code.String(), v.failure.What
	}
	return l
}

// sheets are the reports of a batch, written as images end.
type sheets []*sheet

// sheet is one report: CSV, an object a line, or one object with all of them as rows.
type sheet struct {
	out    *output
	to     *bufio.Writer
	table  *csv.Writer // to it
	kind   string      // .csv, .jsonl or .json
	lines  int
	failed error // the first failure of a write
}

// newSheets begins reports in files that were opened for them.
func newSheets(papers papers) (all sheets) {
	for _, o := range papers {
		s := &sheet{out: o, to: bufio.NewWriter(o.file), kind: filepath.Ext(o.path)}
		s.table = csv.NewWriter(s.to)
		switch s.kind {
		case ".csv":
			s.note(s.table.Write(sheetHeader))
		case ".json":
			s.print("{\"rows\":[")
		}
		all = append(all, s)
	}
	return all
}

// note keeps the first failure.
func (s *sheet) note(err error) {
	if s.failed == nil && err != nil {
		s.failed = fmt.Errorf("write %s: %w", s.out.path, err)
	}
}

func (s *sheet) print(text string) {
	_, err := s.to.WriteString(text)
	s.note(err)
}

func (s *sheet) object(v any) error {
	e := json.NewEncoder(s.to)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// add writes an image's line to all.
func (all sheets) add(v verdict) {
	for _, s := range all {
		s.add(v.sheetRow())
	}
}

func (s *sheet) add(l sheetRow) {
	switch {
	case s.kind == ".csv":
		s.note(s.table.Write(l.cells()))
		return
	case s.kind == ".json" && s.lines > 0:
		s.print(",")
	}
	s.lines++
	s.note(s.object(l))
}

// end completes all of them, and puts them in their places.
func (all sheets) end(sum summary) error {
	var first error
	for _, s := range all {
		if err := s.end(sum); err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (s *sheet) end(sum summary) error {
	if s.kind == ".json" {
		head, err := json.Marshal(sum)
		s.note(err)
		s.print("]," + strings.TrimPrefix(string(head), "{") + "\n")
	}
	s.table.Flush()
	s.note(s.table.Error())
	s.note(s.to.Flush())
	if s.failed != nil {
		return s.failed
	}
	return s.out.commit()
}
