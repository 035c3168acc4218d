package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"p2pnode/node"
	"p2pnode/stego"
	"p2pnode/wire"
)

const (
	electing     = 3 * time.Second // that a request waits for a leader before it is told to come again
	electingLook = 25 * time.Millisecond
)

// encrypt hides a payload, as `p2pnode encrypt` does.
func (g *gateway) encrypt(ctx context.Context, v *visitor) error {
	ctx, cancel := context.WithTimeout(ctx, v.wait)
	defer cancel()
	j, info, err := g.job(ctx, v)
	if err != nil {
		return err
	}
	if err := g.elected(ctx); err != nil {
		return err
	}
	client, done, err := g.cluster()
	if err != nil {
		return err
	}
	defer done()
	receipt, err := client.Encrypt(ctx, j)
	if !receipt.Job.IsZero() {
		v.w.Header().Set("X-P2pnode-Job", receipt.Job.String())
	}
	if err != nil {
		return err
	}
	receipt.Elapsed, receipt.Capacity = time.Since(v.began), info.Capacity(j.Embedding.Format).Bytes
	g.log.Debug("gateway answers", "path", v.r.URL.Path, "job", receipt.Job, "server", receipt.Server, "attempts", receipt.Attempts)
	return v.deliver(j, receipt)
}

// job reads what the visitor wants hidden, and where: what can be found wrong here is found before a server hears of it.
func (g *gateway) job(ctx context.Context, v *visitor) (j node.Job, info stego.Info, err error) {
	if err := v.classicAllows(); err != nil {
		return j, info, err
	}
	if info, err = stego.Probe(v.image.reader(), v.rules.limits); err != nil {
		return j, info, err
	}
	if err := v.weigh(ctx, info.Memory(&stego.Embedding{Format: v.seal.Format})); err != nil {
		return j, info, err
	}
	if info, err = stego.Measure(v.image.reader(), v.rules.limits); err != nil {
		return j, info, err
	}
	content, err := v.payload()
	if err != nil {
		return j, info, err
	}
	out, err := v.create()
	if err == nil {
		err = out.reserve(min(info.Largest(v.image.size), gatewayDisk/4))
	}
	if err != nil {
		return j, info, err
	}
	j = node.Job{
		Name: v.name, Image: v.image.file, Size: v.image.size, Payload: content, Strip: v.strip, Output: out.file, MaxPixels: v.rules.limits.MaxPixels,
		Extract: stego.ExtractOptions{Format: v.seal.Format, Passphrase: v.seal.Passphrase, Limits: v.rules.limits},
	}
	if err := g.repeatable(&j, v); err != nil {
		return j, info, err
	}
	j.Embedding, err = stego.Seal(content, info, v.seal)
	return j, info, err
}

// classicAllows refuses what the classic format does not know.
func (v *visitor) classicAllows() error {
	switch {
	case v.seal.Format != stego.Classic:
	case len(v.seal.Passphrase) > 0:
		return usagef("format classic knows no passphrase")
	case v.seal.Spread:
		return usagef("format classic knows no spread")
	case v.kind == stego.File:
		return usagef("format classic hides text only")
	case v.content != nil && v.content.size == 0:
		return usagef("format classic cannot hide an empty text")
	}
	return nil
}

// elected waits a little until a job would be assigned. While servers elect, clients are better told to come again. A server
// that stops assigns none any more, but others may.
func (g *gateway) elected(ctx context.Context) error {
	for limit := time.Now().Add(electing); ; {
		asked, cancel := context.WithTimeout(ctx, 2*time.Second)
		s, err := g.status(asked)
		cancel()
		switch {
		case err == nil && s.Ready, g.soft.Err() != nil && othersLive(s):
			return nil
		case g.soft.Err() != nil:
			return errStopping
		case ctx.Err() != nil || time.Now().After(limit):
			return unready(s, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(electingLook):
		}
	}
}

// unready says why no job would be assigned now.
func unready(s node.Status, err error) *failure {
	switch {
	case err != nil:
		return failf(wire.CodeBusy, "this server does not answer: %w", err)
	case s.Quorum == "majority":
		return failf(wire.CodeNoQuorum, "%s", s.Reason)
	}
	return failf(wire.CodeNoLeader, "%s", s.Reason)
}

// deliver answers with the picture, or with JSON that holds it.
func (v *visitor) deliver(j node.Job, r node.Receipt) error {
	h := v.w.Header()
	h.Set("X-P2pnode-Cluster", url.PathEscape(r.Cluster))
	h.Set("X-P2pnode-Leader", url.PathEscape(r.Leader))
	h.Set("X-P2pnode-Server", url.PathEscape(r.Server))
	h.Set("X-P2pnode-Epoch", strconv.FormatUint(r.Epoch, 10))
	h.Set("X-P2pnode-Attempts", strconv.Itoa(r.Attempts))
	h.Set("X-P2pnode-Failovers", strconv.Itoa(r.Failovers))
	h.Set("X-P2pnode-Capacity", strconv.FormatInt(r.Capacity, 10))
	h.Set("X-P2pnode-Sha256", r.SHA256.String())
	result := io.NewSectionReader(j.Output, 0, r.Size)
	if prefersJSON(v.r) {
		return v.deliverJSON(j, r, result)
	}
	name := strings.TrimSuffix(v.name, extension(v.name)) + ".stego.png"
	v.download("image/png", name, r.Size)
	_, err := io.Copy(v.slowly(), result)
	return v.broken(err)
}

func extension(name string) string {
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		return name[i:]
	}
	return ""
}

// download writes the head of an answer that is a file.
func (v *visitor) download(kind, name string, size int64) {
	h := v.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	if name != "" {
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	}
	v.w.WriteHeader(http.StatusOK)
}

// broken ends an answer that was not written whole: the head is out, so that only the end of the connection can tell.
func (v *visitor) broken(err error) error {
	if err != nil {
		v.g.log.Debug("gateway's answer not sent", "path", v.r.URL.Path, "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

// deliverJSON is what `encrypt --json` prints, and the picture.
func (v *visitor) deliverJSON(j node.Job, r node.Receipt, result io.Reader) error {
	head, err := json.Marshal(encrypted{
		Schema: encryptSchema, OK: true, Input: v.name, Job: r.Job.String(), Cluster: r.Cluster, Leader: r.Leader, Epoch: r.Epoch,
		Server: r.Server, Attempts: r.Attempts, Failovers: r.Failovers, Hidden: len(j.Payload.Data), Packed: r.Hidden, Capacity: r.Capacity,
		Size: r.Size, SHA256: r.SHA256.String(), Verified: r.Verified, Seconds: r.Elapsed.Seconds(), Searched: r.Searched.Seconds(),
	})
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/json")
	out := v.slowly()
	_, err = out.Write(append(head[:len(head)-1], `,"image_base64":"`...))
	encoder := base64.NewEncoder(base64.StdEncoding, out)
	_, copied := io.Copy(encoder, result)
	err = errors.Join(err, copied, encoder.Close())
	if err == nil {
		_, err = io.WriteString(out, "\"}\n")
	}
	return v.broken(err)
}
