package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"p2pnode/node"
	"p2pnode/stego"
	"p2pnode/wire"
)

// fate is how a request ended.
type fate int

const (
	fateDone      fate = iota // the right text came back
	fateFailed                // refused, or an error here
	fateLost                  // no end within its time
	fateWrong                 // what came back is not what was hidden
	fateCancelled             // the run ended before it did
)

// sample is what became of one request.
type sample struct {
	fate     fate
	intended time.Time // when it should have started
	begun    time.Time
	ended    time.Time // before its text was read back
	size     int64     // of the image
	receipt  node.Receipt
	err      error
}

// request does one request, which should have started at a certain time, and counts it.
func (k *stressClient) request(ctx context.Context, intended time.Time) {
	k.done++
	m := sample{intended: intended, begun: time.Now()}
	text := fmt.Sprintf("request %d of client %d, run %x: ¿vuelve? да ✓", k.done, k.number, k.s.plan.Seed)
	limited, cancel := context.WithTimeout(ctx, k.s.plan.Timeout)
	defer cancel()
	k.s.tally.started(m.begun.Sub(intended) > lateAfter)
	found, err := k.hide(limited, text, &m)
	m.fate, m.err = judge(ctx, limited, err)
	if m.fate == fateDone && found != text {
		m.fate, m.err = fateWrong, failf(wire.CodeVerify, "%q went in, %q came back", text, found)
	}
	k.s.tally.record(m)
}

// judge says how a request with this error ended.
func judge(ctx, limited context.Context, err error) (fate, error) {
	switch {
	case err == nil:
		return fateDone, nil
	case node.CodeOf(err) == wire.CodeVerify, isWrong(err):
		return fateWrong, err
	case ctx.Err() != nil:
		return fateCancelled, err
	case errors.Is(limited.Err(), context.DeadlineExceeded):
		return fateLost, err
	}
	return fateFailed, err
}

// isWrong reports whether a text could not be read back.
func isWrong(err error) bool {
	f, ok := errors.AsType[*failure](err)
	return ok && f.Code == wire.CodeVerify
}

// hide has a text hidden in a picture of chance and reads it back from the file, as `decrypt` would. The time for that is not
// the request's.
func (k *stressClient) hide(ctx context.Context, text string, m *sample) (found string, err error) {
	defer func() {
		if m.ended.IsZero() {
			m.ended = time.Now()
		}
	}()
	e := k.s.gallery.list[k.random.IntN(len(k.s.gallery.list))]
	m.size = e.size
	picture, err := k.s.p.openPicture(e.path)
	if err != nil {
		return "", err
	}
	defer picture.close()
	out, err := os.CreateTemp(k.s.dir, "result-*.png")
	if err != nil {
		return "", err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	payload := stego.Payload{Kind: stego.Text, Data: []byte(text)}
	sealed, err := stego.Seal(payload, e.info, stego.SealOptions{})
	if err != nil {
		return "", named(e.path, err)
	}
	m.receipt, err = k.client.Encrypt(ctx, node.Job{
		Name: picture.name, Image: picture.file, Size: picture.size, Embedding: sealed, Payload: payload,
		Request: k.done, Output: out, MaxPixels: k.s.c.Int64("max-pixels"), Extract: stego.ExtractOptions{Limits: limits(k.s.c)},
	})
	if err != nil {
		return "", err
	}
	m.ended = time.Now()
	return k.readBack(out)
}

// readBack finds the text in a result.
func (k *stressClient) readBack(out *os.File) (string, error) {
	if _, err := out.Seek(0, 0); err != nil {
		return "", err
	}
	payload, _, err := stego.Extract(out, stego.ExtractOptions{Limits: limits(k.s.c)})
	if err != nil {
		return "", failf(wire.CodeVerify, "read the text back: %w", err)
	}
	return string(payload.Data), nil
}
