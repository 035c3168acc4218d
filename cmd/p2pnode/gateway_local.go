package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"

	"p2pnode/stego"
)

// decrypt finds what is hidden in a picture. No other server is asked.
func (g *gateway) decrypt(ctx context.Context, v *visitor) error {
	if err := g.probe(ctx, v, stego.MaxContent); err != nil { // a few hidden bytes may inflate to that
		return err
	}
	payload, how, err := stego.Extract(v.image.reader(), stego.ExtractOptions{
		Format: v.seal.Format, Passphrase: v.seal.Passphrase, Limits: v.rules.limits,
	})
	if err != nil {
		return err
	}
	if prefersJSON(v.r) {
		return v.json(describe("p2pnode/decrypt/v1", v.name, "", payload, how))
	}
	kind, name := "text/plain; charset=utf-8", ""
	if payload.Kind == stego.File {
		kind, name = "application/octet-stream", payloadName(payload)
	}
	v.download(kind, name, int64(len(payload.Data)))
	_, err = io.Copy(v.slowly(), bytes.NewReader(payload.Data))
	return v.broken(err)
}

// capacity says how much fits into a picture.
func (g *gateway) capacity(ctx context.Context, v *visitor) error {
	if err := g.probe(ctx, v, 0); err != nil {
		return err
	}
	info, err := stego.Measure(v.image.reader(), v.rules.limits)
	if err != nil {
		return err
	}
	return v.json(heldBy(v.name, info, v.seal.Format))
}

// probe reads the head of a picture and waits until there is memory for the rest, and for so many bytes more.
func (g *gateway) probe(ctx context.Context, v *visitor, extra int64) error {
	ctx, cancel := context.WithTimeout(ctx, v.wait)
	defer cancel()
	info, err := stego.Probe(v.image.reader(), v.rules.limits)
	if err != nil {
		return err
	}
	return v.weigh(ctx, extra+info.Memory(&stego.Embedding{Format: v.seal.Format}))
}

// json answers with one object.
func (v *visitor) json(object any) error {
	v.w.Header().Set("Content-Type", "application/json")
	v.w.WriteHeader(http.StatusOK)
	e := json.NewEncoder(v.slowly())
	e.SetEscapeHTML(false)
	return v.broken(e.Encode(object))
}
