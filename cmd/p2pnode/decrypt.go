package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"p2pnode/stego"
)

func (p *program) decryptCommand() *cli.Command {
	return &cli.Command{
		Name: "decrypt", Aliases: []string{"extract"},
		Usage:       "print the text hidden in an image; works offline",
		ArgsUsage:   "IMAGE|-",
		Description: "Exit status 6 means that nothing is hidden, or that it is sealed with another passphrase.",
		Flags: common(passphraseFlag(), formatFlag(), limitFlag(),
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to this `FILE` (or into DIR/, or - for stdout)"},
			toggle("force", "replace an existing output"),
		),
		Action: p.action(p.decrypt),
	}
}

// decrypted is the JSON form of what was found.
type decrypted struct {
	Schema  string  `json:"schema"`
	OK      bool    `json:"ok"`
	Input   string  `json:"input"`
	Kind    string  `json:"kind"`
	Name    string  `json:"name,omitempty"`
	Text    *string `json:"text,omitempty"`
	Payload *[]byte `json:"payload_base64,omitempty"`
	Output  string  `json:"output,omitempty"`
	Bytes   int     `json:"bytes"`
	Sealed  bool    `json:"sealed"`
}

func (p *program) decrypt(_ context.Context, c *cli.Context) error {
	if c.NArg() != 1 {
		return usagef("decrypt needs exactly one IMAGE, or - for stdin").next("p2pnode decrypt photo.stego.png")
	}
	payload, how, err := p.extract(c)
	if err != nil {
		return err
	}
	path, err := p.savePayload(c, payload)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return p.printJSON(describe(p.schema(), c.Args().First(), path, payload, how))
	}
	if path != "" {
		p.say(c, "%s written to %s", amount(len(payload.Data), "byte"), path)
		return nil
	}
	return p.printPayload(payload)
}

// extract finds the payload of the image named on the command line.
func (p *program) extract(c *cli.Context) (stego.Payload, stego.Extraction, error) {
	f, err := format(c)
	if err != nil {
		return stego.Payload{}, stego.Extraction{}, err
	}
	if c.Args().First() == "-" && c.String("passphrase-file") == "-" {
		return stego.Payload{}, stego.Extraction{}, usagef("stdin cannot be both image and passphrase")
	}
	phrase, err := p.passphrase(c)
	if err != nil {
		return stego.Payload{}, stego.Extraction{}, err
	}
	image, err := p.openPicture(c.Args().First())
	if err != nil {
		return stego.Payload{}, stego.Extraction{}, err
	}
	defer image.close()
	payload, how, err := stego.Extract(image.reader(), stego.ExtractOptions{Format: f, Passphrase: phrase, Limits: limits(c)})
	if err != nil {
		return payload, how, fmt.Errorf("%s: %w", image.name, err)
	}
	return payload, how, nil
}

// savePayload writes to -o, if that names a file, and returns its path.
func (p *program) savePayload(c *cli.Context, payload stego.Payload) (string, error) {
	path := c.String("output")
	switch {
	case path == "" || path == "-":
		return "", nil
	case isDirectory(path):
		path = filepath.Join(path, payloadName(payload))
	}
	out, err := p.createOutput(path, c.Bool("force"))
	if err != nil {
		return "", err
	}
	defer out.discard()
	if _, err := out.file.Write(payload.Data); err != nil {
		return "", err
	}
	return path, out.commit()
}

// payloadName is the file name that a payload gets in a directory. It comes from
// whoever hid it, so only its last element counts.
func payloadName(payload stego.Payload) string {
	switch name := filepath.Base(filepath.Clean("/" + payload.Name)); {
	case payload.Name != "" && name != "/" && name != ".":
		return name
	case payload.Kind == stego.Text:
		return "payload.txt"
	}
	return "payload.bin"
}

// printPayload writes a text, or a file where no person would see its bytes, to stdout.
func (p *program) printPayload(payload stego.Payload) error {
	person := isTerminal(p.stdout)
	if payload.Kind == stego.File && person {
		return usagef("a file is hidden here (%q, %s), it is not written to a terminal", payload.Name, amount(len(payload.Data), "byte")).
			next("-o " + payloadName(payload))
	}
	if person { // who hid the text need not be a friend
		_, err := io.WriteString(p.stdout, visible(string(payload.Data))+"\n")
		return err
	}
	_, err := p.stdout.Write(payload.Data)
	return err
}

// describe is the JSON of a payload; one that went to a file is not repeated.
func describe(schema, input, path string, payload stego.Payload, how stego.Extraction) decrypted {
	d := decrypted{Schema: schema, OK: true, Input: input, Kind: payload.Kind.String(), Name: payload.Name,
		Output: path, Bytes: len(payload.Data), Sealed: how.Sealed}
	switch {
	case path != "":
	case payload.Kind == stego.Text && utf8.Valid(payload.Data):
		text := string(payload.Data)
		d.Text = &text
	default:
		data := append([]byte{}, payload.Data...)
		d.Payload = &data
	}
	return d
}
