package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"

	"p2pnode/node"
	"p2pnode/stego"
	"p2pnode/wire"
)

// local hides without a cluster, and checks the result as a client checks a server's.
func (h *hiding) local(image *picture, sealed *stego.Embedding, extract stego.ExtractOptions, out *os.File) (node.Receipt, error) {
	report, err := stego.Embed(out, image.reader(), sealed, stego.EmbedOptions{
		Limits: limits(h.c), StripMetadata: h.c.Bool("strip-metadata"), Cores: runtime.GOMAXPROCS(0),
	})
	if err != nil {
		return node.Receipt{}, err
	}
	made := func() io.Reader { return io.NewSectionReader(out, 0, report.Size) }
	found, _, err := stego.Extract(made(), extract)
	if err != nil {
		return node.Receipt{}, failf(wire.CodeVerify, "the result does not read back: %w", err)
	}
	if found.Kind != h.content.Kind || found.Name != h.content.Name || !bytes.Equal(found.Data, h.content.Data) {
		return node.Receipt{}, failf(wire.CodeVerify, "the result holds something else than was hidden")
	}
	if err := stego.Verify(image.reader(), made(), sealed, limits(h.c), report.Decoded); err != nil {
		return node.Receipt{}, err
	}
	return node.Receipt{Size: report.Size, SHA256: report.SHA256, Capacity: report.Capacity, Hidden: report.Hidden, Attempts: 1, Verified: true}, nil
}

// named says which image an error is about.
func named(image string, err error) error { return fmt.Errorf("%s: %w", image, err) }
