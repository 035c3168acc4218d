package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"p2pnode/stego"
)

// target is one image and where its result goes.
type target struct{ input, output string }

// targets pairs the images with their outputs and refuses those that would meet.
func (p *program) targets(c *cli.Context) ([]target, error) {
	images, o := c.Args().Slice(), c.String("output")
	switch {
	case len(images) == 0:
		return nil, usagef("encrypt needs an IMAGE").next("p2pnode encrypt photo.png --text hello")
	case len(images) > 1 && o != "" && !isDirectory(o):
		return nil, usagef("%d images need -o DIR/ (or no -o), not -o %s", len(images), o)
	case o == "-":
		return []target{{images[0], filepath.Join(os.TempDir(), "p2pnode-stdout")}}, p.stdoutTakesImages(c)
	}
	if err := makeDirectory(o); err != nil {
		return nil, err
	}
	var all []target
	taken := map[string]string{}
	for _, image := range images {
		path, err := resultPath(image, o)
		if err != nil {
			return nil, err
		}
		if other, ok := taken[path]; ok {
			return nil, usagef("%s and %s would both become %s", other, image, path).next("one of them at a time, with -o")
		}
		taken[path] = image
		all = append(all, target{image, path})
	}
	return all, nil
}

// stdoutTakesImages refuses to show a person the bytes of a PNG.
func (p *program) stdoutTakesImages(c *cli.Context) error {
	switch {
	case isTerminal(p.stdout):
		return usagef("stdout is a terminal, a PNG is not written to it").next("-o - > OUT.png")
	case c.Bool("json"):
		return usagef("-o - and --json both want stdout").next("-o OUT.png --json")
	}
	return nil
}

// makeDirectory makes the directory that -o DIR/ names.
func makeDirectory(o string) error {
	if !strings.HasSuffix(o, "/") {
		return nil
	}
	return os.MkdirAll(o, 0o777)
}

// content is what is to be hidden: exactly one of --text, --text-file and --payload.
func (p *program) content(c *cli.Context) (stego.Payload, error) {
	content, given, err := p.contentGiven(c)
	if err == nil && !given {
		err = usagef("%s needs --text, --text-file or --payload", p.given.path).
			next("p2pnode " + p.given.path + " " + strings.Join(c.Args().Slice(), " ") + " --text hello")
	}
	return content, err
}

// contentGiven is content where none is needed; given reports whether there is any.
func (p *program) contentGiven(c *cli.Context) (content stego.Payload, given bool, err error) {
	source, err := p.settings.choose("text", "text-file", "payload")
	if err != nil {
		return content, false, err
	}
	if p.given.set[source] > 1 {
		return content, true, usagef("--%s was given %d times, only one can be hidden", source, p.given.set[source])
	}
	switch source {
	case "text":
		content, err = textPayload("--text", []byte(c.String("text")))
	case "text-file":
		if c.String("text-file") == "-" && (c.Args().First() == "-" || c.String("passphrase-file") == "-") {
			return content, true, usagef("stdin can be only one of image, text and passphrase")
		}
		content, err = p.textFile(c.String("text-file"))
	case "payload":
		content, err = p.filePayload(c.String("payload"))
	}
	return content, source != "", err
}

func (p *program) textFile(path string) (stego.Payload, error) {
	content, err := p.readSmall(path, stego.MaxContent)
	if err != nil {
		return stego.Payload{}, fmt.Errorf("read text: %w", err)
	}
	return textPayload(path, content)
}

func textPayload(from string, text []byte) (stego.Payload, error) {
	if !utf8.Valid(text) {
		return stego.Payload{}, usagef("%s is not UTF-8 text", from).next("--payload FILE hides any bytes")
	}
	return stego.Payload{Kind: stego.Text, Data: text}, nil
}

func (p *program) filePayload(path string) (stego.Payload, error) {
	content, err := p.readSmall(path, stego.MaxContent)
	if err != nil {
		return stego.Payload{}, fmt.Errorf("read payload: %w", err)
	}
	name := filepath.Base(path)
	if path == "-" {
		name = ""
	}
	return stego.Payload{Kind: stego.File, Name: name, Data: content}, nil
}
