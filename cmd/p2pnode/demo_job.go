package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"p2pnode/node"
	"p2pnode/stego"
	"p2pnode/wire"
)

// demoJob is one job of a demo.
type demoJob struct {
	Text      string  `json:"text"`
	Photo     string  `json:"photo"`
	Job       string  `json:"job"`
	Leader    string  `json:"leader"`
	Epoch     uint64  `json:"epoch"`
	Server    string  `json:"server"`
	Attempts  int     `json:"attempts"`
	Failovers int     `json:"failovers"`
	Seconds   float64 `json:"seconds"`
	Verified  bool    `json:"verified"` // the text was read back from the file
}

// job has one text hidden by the cluster and reads it back from the file, as
// `decrypt` would. watch hears what the job does; it may be nil.
func (s *story) job(ctx context.Context, photo string, watch func(node.Progress)) error {
	s.mu.Lock()
	s.number++
	number := s.number
	s.mu.Unlock()
	text := fmt.Sprintf("job %d of the demo, hidden at %s: ¿vuelve? да ✓", number, time.Now().Format("15:04:05.000"))
	result := s.path(fmt.Sprintf("result-%d.stego.png", number))
	receipt, err := s.submit(ctx, s.path(photo), result, text, watch)
	if err != nil {
		return fmt.Errorf("job %d: %w", number, err)
	}
	found, err := readBack(result)
	if err != nil {
		return fmt.Errorf("job %d: %w", number, err)
	}
	j := demoJob{Text: text, Photo: photo, Job: receipt.Job.String(), Leader: receipt.Leader, Epoch: receipt.Epoch, Server: receipt.Server,
		Attempts: receipt.Attempts, Failovers: receipt.Failovers, Seconds: receipt.Elapsed.Seconds(), Verified: found == text}
	s.mu.Lock()
	s.report.Jobs = append(s.report.Jobs, j)
	s.mu.Unlock()
	s.say("job %d: %s hid it for leader %s in %.2f s, attempt %d: %q", number, j.Server, j.Leader, j.Seconds, j.Attempts, found)
	if !j.Verified {
		return failf(wire.CodeVerify, "job %d: %q went in, %q came back", number, text, found)
	}
	return nil
}

// submit sends one job to the cluster through a client of its own.
func (s *story) submit(ctx context.Context, photo, result, text string, watch func(node.Progress)) (node.Receipt, error) {
	client, err := node.NewClient(node.ClientConfig{Servers: s.servers(), Pins: s.path("known_clusters"), Name: "demo", Progress: watch})
	if err != nil {
		return node.Receipt{}, err
	}
	defer client.Close()
	return s.p.tryJob(ctx, client, photo, photo, result, text)
}

// tryJob has a client hide a text in a picture, a file, under a name, and writes the result.
func (p *program) tryJob(ctx context.Context, client *node.Client, name, photo, result, text string) (none node.Receipt, err error) {
	image, err := p.openPicture(photo)
	if err != nil {
		return none, err
	}
	defer image.close()
	info, err := stego.Measure(image.reader(), stego.Limits{})
	if err != nil {
		return none, err
	}
	payload := stego.Payload{Kind: stego.Text, Data: []byte(text)}
	sealed, err := stego.Seal(payload, info, stego.SealOptions{})
	if err != nil {
		return none, err
	}
	out, err := p.createOutput(result, false)
	if err != nil {
		return none, err
	}
	defer out.discard()
	receipt, err := client.Encrypt(ctx, node.Job{Name: name, Image: image.file, Size: image.size, Embedding: sealed, Payload: payload, Output: out.file})
	if err != nil {
		return none, err
	}
	return receipt, out.commit()
}

// servers are the control addresses of all servers, running or not: a client finds out.
func (s *story) servers() (addresses []string) {
	for _, n := range s.nodes {
		addresses = append(addresses, n.at.Control)
	}
	return addresses
}

// readBack reads the text hidden in a file.
func readBack(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	payload, _, err := stego.Extract(bytes.NewReader(content), stego.ExtractOptions{})
	return string(payload.Data), err
}
