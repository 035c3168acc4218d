package main

import (
	"fmt"
	"strings"
	"time"
)

// encryptSchema names the form of one image's result, whichever command hides in it.
const encryptSchema = "p2pnode/encrypt/v1"

// encrypted is the JSON form of one image's result.
type encrypted struct {
	Schema    string  `json:"schema"`
	OK        bool    `json:"ok"`
	Input     string  `json:"input"`
	Output    string  `json:"output"`
	Local     bool    `json:"local"`
	Job       string  `json:"job"`
	Cluster   string  `json:"cluster"`
	Leader    string  `json:"leader"`
	Epoch     uint64  `json:"epoch"`
	Server    string  `json:"server"`
	Attempts  int     `json:"attempts"`
	Failovers int     `json:"failovers"`
	Hidden    int     `json:"bytes_hidden"`
	Packed    int64   `json:"bytes_compressed"`
	Capacity  int64   `json:"capacity"`
	Size      int64   `json:"size"`
	SHA256    string  `json:"sha256"`
	Verified  bool    `json:"verified"`
	Seconds   float64 `json:"seconds"`
	Searched  float64 `json:"search_seconds"` // of them, until servers were assigned
}

// tell reports one image that went well: its path on stdout, the story on stderr.
func (h *hiding) tell(t target, r result) error {
	h.shown.clear()
	switch {
	case h.c.Bool("json"):
		return h.p.printJSON(h.json(t, r))
	case h.stdout:
		h.p.say(h.c, "%s", h.sentence(t, r))
		return nil
	}
	h.p.say(h.c, "%s", h.sentence(t, r))
	if r.source == "jpeg" || r.source == "gif" || r.source == "webp" {
		h.p.say(h.c, "%s is a %s; the result is a PNG, which keeps every bit", visible(t.input), strings.ToUpper(r.source))
	}
	path := t.output
	if isTerminal(h.p.stdout) {
		path = visible(path)
	}
	_, err := fmt.Fprintln(h.p.stdout, path)
	return err
}

// sentence is the result as people read it.
func (h *hiding) sentence(t target, r result) string {
	by := "here"
	if h.client != nil {
		by = fmt.Sprintf("by %s (leader %s, epoch %d)", r.Server, r.Leader, r.Epoch)
	}
	if r.Attempts > 1 {
		by += fmt.Sprintf(", attempt %d", r.Attempts)
	}
	return fmt.Sprintf("%s: %s hidden %s, verified, %s", visible(t.input), amount(len(h.content.Data), "byte"), by, r.Elapsed.Round(time.Millisecond))
}

func (h *hiding) json(t target, r result) encrypted {
	e := encrypted{
		Schema: encryptSchema, OK: true, Input: t.input, Output: t.output, Local: h.client == nil,
		Cluster: r.Cluster, Leader: r.Leader, Epoch: r.Epoch, Server: r.Server, Attempts: r.Attempts, Failovers: r.Failovers,
		Hidden: len(h.content.Data), Packed: r.Hidden, Capacity: r.Capacity, Size: r.Size, SHA256: r.SHA256.String(),
		Verified: r.Verified, Seconds: r.Elapsed.Seconds(), Searched: r.Searched.Seconds(),
	}
	if !e.Local {
		e.Job = r.Job.String()
	}
	return e
}
