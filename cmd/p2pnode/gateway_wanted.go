package main

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"p2pnode/stego"
	"p2pnode/wire"
)

const (
	usualWait   = time.Minute // that a job may take, unless the request says otherwise
	longestWait = 10 * time.Minute
	fieldMax    = 64 << 10 // bytes of a passphrase or an option
	headMax     = 32 << 10 // bytes read for the head of a form's part, with what is read ahead; package multipart would hold 10 MiB
	longestKey  = 255      // bytes of an Idempotency-Key
)

// wanted is what a request asks for.
type wanted struct {
	image   *spooled
	name    string   // of the image, for people
	content *spooled // what to hide; nil: nothing was given
	kind    stego.Kind
	file    string // the name of a payload that is a file
	seal    stego.SealOptions
	strip   bool
	wait    time.Duration
	key     string // of idempotency; empty: none
	given   map[string]bool
}

// readForm takes a multipart/form-data body, one part after the other.
func (v *visitor) readForm(fields string) error {
	if err := v.headerless(); err != nil {
		return err
	}
	heads := &capped{ReadCloser: v.r.Body}
	v.r.Body = heads
	parts, err := v.r.MultipartReader()
	if err != nil {
		return err
	}
	for {
		heads.limit(headMax)
		part, err := parts.NextPart()
		heads.lift()
		if err == io.EOF {
			return v.readQuery(fields)
		}
		if err == nil {
			err = v.part(fields, part)
		}
		if err != nil {
			return err
		}
	}
}

// capped bounds how much is read of a body while a part's head is looked for.
type capped struct {
	io.ReadCloser
	on   bool
	left int
}

func (c *capped) limit(n int) { c.on, c.left = true, n }
func (c *capped) lift()       { c.on = false }

func (c *capped) Read(b []byte) (int, error) {
	if !c.on {
		return c.ReadCloser.Read(b)
	}
	if c.left == 0 {
		return 0, usagef("the head of a part is longer than %d bytes", headMax)
	}
	n, err := c.ReadCloser.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

// secretHeaders are the fields that come as headers with a body that is the picture itself.
var secretHeaders = []struct{ header, field string }{{"X-P2pnode-Text", "text"}, {"X-P2pnode-Passphrase", "passphrase"}}

// headerless refuses with a form what would be left out of it: nobody shall take for sealed what is not.
func (v *visitor) headerless() error {
	for _, h := range secretHeaders {
		if len(v.r.Header.Values(h.header)) > 0 {
			return usagef("%s belongs to a body that is the picture itself; in a form there is the field %s", h.header, h.field)
		}
	}
	return nil
}

// part takes one field of a form.
func (v *visitor) part(fields string, part *multipart.Part) error {
	name := part.FormName()
	if err := v.once(fields+" image", name); err != nil {
		return err
	}
	switch name {
	case "image":
		return v.takeImage(part, part.FileName())
	case "text":
		return v.takeContent(part, stego.Text, "")
	case "payload":
		return v.takeContent(part, stego.File, fileName(part.FileName()))
	}
	value, err := io.ReadAll(io.LimitReader(part, fieldMax+1))
	if err != nil {
		return err
	}
	return v.option(name, string(value))
}

// readPlain takes a body that is the picture itself. What is to be hidden and the passphrase come as headers, for an address
// ends up in logs; options may stand in the query.
func (v *visitor) readPlain(fields string) error {
	if err := v.takeImage(v.r.Body, ""); err != nil {
		return err
	}
	for _, h := range secretHeaders {
		for _, value := range v.r.Header.Values(h.header) {
			if err := v.takeHeader(fields, h.header, h.field, value); err != nil {
				return err
			}
		}
	}
	return v.readQuery(fields)
}

// takeHeader takes a field that came as a header.
func (v *visitor) takeHeader(fields, header, name, value string) error {
	value, err := url.PathUnescape(value)
	if err != nil {
		return usagef("%s: %v", header, err)
	}
	if err := v.once(fields, name); err != nil {
		return err
	}
	if name == "passphrase" {
		return v.option(name, value)
	}
	return v.takeContent(strings.NewReader(value), stego.Text, "")
}

// readQuery takes the options that stand in the address.
func (v *visitor) readQuery(fields string) error {
	values, err := url.ParseQuery(v.r.URL.RawQuery)
	if err != nil {
		return usagef("query: %v", err)
	}
	for name, all := range values {
		switch {
		case name == "text" || name == "passphrase" || name == "payload":
			return usagef("%s does not belong in an address, which ends up in logs: send it in a form, or as the header X-P2pnode-%s", name, strings.ToUpper(name[:1])+name[1:])
		case len(all) > 1:
			return usagef("%s is given twice", name)
		}
		if err := v.once(fields, name); err != nil {
			return err
		}
		if err := v.option(name, all[0]); err != nil {
			return err
		}
	}
	return nil
}

// once refuses fields that there are not, and those given twice.
func (v *visitor) once(fields, name string) error {
	if !contains(fields, name) {
		return usagef("there is no field %q here; there are: image %s", name, strings.TrimSuffix(fields, " image"))
	}
	if v.given == nil {
		v.given = map[string]bool{}
	}
	if v.given[name] {
		return usagef("%s is given twice", name)
	}
	v.given[name] = true
	return nil
}

func contains(words, word string) bool {
	for w := range strings.FieldsSeq(words) {
		if w == word {
			return true
		}
	}
	return false
}

// option takes a short field.
func (v *visitor) option(name, value string) (err error) {
	if len(value) > fieldMax {
		return usagef("%s is longer than %d bytes", name, fieldMax)
	}
	switch name {
	case "passphrase":
		if v.seal.Passphrase = []byte(value); value == "" {
			err = usagef("the passphrase is empty: leave it out where none is wanted")
		}
	case "format":
		if v.seal.Format, err = stego.ParseFormat(value); err != nil {
			return usagef("format %q: it is v1 or classic", value)
		}
	case "spread":
		v.seal.Spread, err = truthOf(name, value)
	case "strip_metadata":
		v.strip, err = truthOf(name, value)
	case "timeout":
		v.wait, err = waitOf(value)
	}
	return err
}

func truthOf(name, value string) (bool, error) {
	yes, err := strconv.ParseBool(value)
	if err != nil {
		return false, usagef("%s %q: true or false is wanted", name, value)
	}
	return yes, nil
}

func waitOf(value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 || d > longestWait {
		return 0, usagef("timeout %q: a time such as 500ms or 30s is wanted, of at most %v", value, longestWait)
	}
	return d, nil
}

// takeImage keeps the picture.
func (v *visitor) takeImage(from io.Reader, name string) (err error) {
	if v.name = fileName(name); v.name == "" {
		v.name = "image"
	}
	v.image, err = v.spool(from, v.rules.maxBytes, "image")
	return err
}

// takeContent keeps what is to be hidden.
func (v *visitor) takeContent(from io.Reader, kind stego.Kind, name string) (err error) {
	if v.content != nil {
		return usagef("text and payload exclude one another")
	}
	v.kind, v.file = kind, name
	v.content, err = v.spool(from, stego.MaxContent, "payload")
	return err
}

// fileName is the last element of a name that a client gave, without what no message may carry.
func fileName(name string) string {
	name = path.Base(path.Clean("/" + strings.ReplaceAll(name, `\`, "/")))
	name = strings.Map(func(r rune) rune {
		if wire.IsUnfit(r) || r == '/' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	for len(name) > longestKey {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}

// complete checks what belongs together, once all of it is known.
func (v *visitor) complete() error {
	if v.image == nil || v.image.size == 0 {
		return usagef("there is no image in the request")
	}
	if v.seal.Format == 0 {
		v.seal.Format = stego.V1
	}
	if v.wait == 0 {
		v.wait = preferredWait(v.r)
	}
	v.key = v.r.Header.Get("Idempotency-Key")
	if len(v.key) > longestKey || len(v.r.Header.Values("Idempotency-Key")) > 1 {
		return usagef("one Idempotency-Key of at most %d bytes is wanted", longestKey)
	}
	return nil
}

// preferredWait is what `Prefer: wait=SECONDS` says, within bounds (RFC 7240 §4.3).
func preferredWait(r *http.Request) time.Duration {
	for word := range strings.SplitSeq(strings.Join(r.Header.Values("Prefer"), ","), ",") {
		if value, ok := strings.CutPrefix(strings.TrimSpace(word), "wait="); ok {
			if seconds, err := strconv.ParseUint(value, 10, 16); err == nil && seconds > 0 {
				return min(time.Duration(seconds)*time.Second, longestWait)
			}
		}
	}
	return usualWait
}

// payloadSize is how much is to be hidden, in bytes.
func (o *wanted) payloadSize() int64 {
	if o.content == nil {
		return 0
	}
	return o.content.size
}

// payload reads what is to be hidden, which must be there.
func (o *wanted) payload() (stego.Payload, error) {
	if o.content == nil {
		return stego.Payload{}, usagef("there is nothing to hide in the request: a field text or payload is wanted")
	}
	data, err := io.ReadAll(o.content.reader())
	p := stego.Payload{Kind: o.kind, Name: o.file, Data: data}
	if err == nil && p.Kind == stego.Text && !utf8.Valid(data) {
		err = usagef("the text is not UTF-8; payload hides any bytes")
	}
	return p, errors.Join(err)
}
