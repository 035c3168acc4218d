package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"strings"
	"time"

	"p2pnode/stego"
	"p2pnode/wire"
)

const (
	slowStart = 10 * time.Second // that an upload or a download may take before it must have a speed
	slowFloor = 16 << 10         // bytes per second, on the average since its beginning
)

// passphraseCost is what Argon2id takes of memory (docs/STEGO.md §3).
const passphraseCost = 64 << 20

// visitor is one request and what it has taken of the gateway. One goroutine owns it.
type visitor struct {
	w       http.ResponseWriter
	r       *http.Request
	g       *gateway
	rules   rules
	ctx     context.Context // of the request, once it is admitted; ends with the gateway
	control *http.ResponseController
	began   time.Time

	wanted
	undo []func()
}

// leave gives back what was taken, the newest first.
func (v *visitor) leave() {
	for i := len(v.undo) - 1; i >= 0; i-- {
		v.undo[i]()
	}
}

// admit refuses what no page of another origin and no browser's form may send, and what there is no place for.
func (v *visitor) admit() error {
	if err := http.NewCrossOriginProtection().Check(v.r); err != nil {
		return withStatus(http.StatusForbidden, failf(wire.CodeUnauthorized, "pages of other origins may not post here"))
	}
	if v.g.soft.Err() != nil {
		v.w.Header().Set("Connection", "close")
		return errStopping
	}
	if v.r.ContentLength > v.most() {
		return tooLong(v.most())
	}
	select {
	case v.g.seats <- struct{}{}:
		v.undo = append(v.undo, func() { <-v.g.seats })
		v.attend()
		return nil
	default:
		return failf(wire.CodeBusy, "%d requests are being answered already", cap(v.g.seats))
	}
}

// most is how many bytes a request's body may have: a picture, a payload, and room for the form.
func (v *visitor) most() int64 { return v.rules.maxBytes + stego.MaxContent + 1<<20 }

func tooLong(most int64) error {
	return withStatus(http.StatusRequestEntityTooLarge, failf(wire.CodeUnsupported, "this server takes at most %d bytes in one request", most))
}

// read takes the request's body and what it asks for. Large requests are cut off by no clock, slow ones are.
func (v *visitor) read(fields string) error {
	v.control.SetWriteDeadline(time.Time{})
	body := http.MaxBytesReader(v.w, v.r.Body, v.most())
	v.r.Body = &paced{ReadCloser: body, deadline: v.control.SetReadDeadline, begun: time.Now(), over: v.ctx}
	kind, _, err := mime.ParseMediaType(v.r.Header.Get("Content-Type"))
	switch {
	case err == nil && kind == "multipart/form-data":
		err = v.readForm(fields)
	case err == nil && strings.HasPrefix(kind, "image/"):
		err = v.readPlain(fields)
	default:
		err = withStatus(http.StatusUnsupportedMediaType, failf(wire.CodeUsage, "Content-Type: multipart/form-data or image/… is wanted"))
	}
	if err != nil {
		return arrivalError(err)
	}
	v.control.SetReadDeadline(time.Time{}) // the client has said all, and may wait
	return v.complete()
}

// arrivalError says in the gateway's words what ended an upload.
func arrivalError(err error) error {
	var long *http.MaxBytesError
	var timeout interface{ Timeout() bool }
	var known *failure
	var disk *fs.PathError
	switch {
	case errors.As(err, &known), errors.As(err, &disk):
		return err
	case errors.As(err, &long):
		return tooLong(long.Limit)
	case errors.As(err, &timeout) && timeout.Timeout():
		return withStatus(http.StatusRequestTimeout, failf(wire.CodeTimeout, "the request came with less than %d bytes per second", slowFloor))
	}
	return failf(wire.CodeUsage, "the request's body cannot be read: %w", err)
}

// paced lets a transfer take as long as it likes, if it has a speed.
type paced struct {
	io.ReadCloser
	deadline func(time.Time) error
	begun    time.Time
	moved    int64
	over     context.Context // once it has ended there is no time left; nil: never
}

// allow sets the deadline of what moves next.
func (p *paced) allow(n int) {
	p.moved += int64(n)
	p.deadline(p.begun.Add(slowStart + time.Duration(p.moved/slowFloor)*time.Second))
	if p.over != nil && p.over.Err() != nil { // it may have ended since
		p.deadline(past)
	}
}

func (p *paced) Read(b []byte) (int, error) {
	p.allow(0)
	n, err := p.ReadCloser.Read(b)
	p.moved += int64(n)
	return n, err
}

// pacedWriter is paced for an answer.
type pacedWriter struct {
	io.Writer
	paced
}

func (p *pacedWriter) Write(b []byte) (int, error) {
	p.allow(len(b))
	return p.Writer.Write(b)
}

// slowly is where an answer is written, for as long as somebody reads it.
func (v *visitor) slowly() io.Writer {
	return &pacedWriter{v.w, paced{deadline: v.control.SetWriteDeadline, begun: time.Now()}}
}

// weigh waits until there is memory for work on the visitor's picture, of which one takes n bytes.
func (v *visitor) weigh(ctx context.Context, n int64) error {
	n += 5 * v.payloadSize()
	if len(v.seal.Passphrase) > 0 {
		n += passphraseCost
	}
	n = min(n, gatewayMemory)
	if err := v.g.memory.Acquire(ctx, n); err != nil {
		return fmt.Errorf("wait for memory: %w", err)
	}
	v.undo = append(v.undo, func() { v.g.memory.Release(n) })
	return nil
}

// prefersJSON reports whether a client asks for JSON and not for the thing itself.
func prefersJSON(r *http.Request) bool {
	for _, word := range strings.Split(strings.Join(r.Header.Values("Accept"), ","), ",") {
		kind, p, err := mime.ParseMediaType(strings.TrimSpace(word))
		switch {
		case err != nil || p["q"] == "0":
		case kind == "application/json":
			return true
		case strings.HasPrefix(kind, "image/"), strings.HasPrefix(kind, "text/"), kind == "application/octet-stream":
			return false
		}
	}
	return false
}
