// Package stego hides a payload in the lowest bits of an image and finds it again.
//
// The one idea: an image is a stream of rows. A carrier of any type is opened as
// rows of PNG samples, a weaver changes some of them as they pass, and a PNG
// writer takes what comes out. Embed, Measure, Verify, Check and Extract are
// different ends of that stream, so what one writes the others read alike, and
// at most some rows of the window are ever held.
//
//	carrier ─► rows ─► weaver ─► png writer       Embed
//	                     └─────► compare ◄─ rows ◄─ output    Verify
//	output ──► rows ─► finder ─► boxes            Check, Extract
//
// A PNG whose samples stay what they are is not written anew: a splice decodes the
// rows that change, writes their part of the deflate stream again, token by token,
// and passes the rest of the file through (splice.go, docs/STEGO.md §8.1).
//
// A v1 payload (docs/STEGO.md §3) is
//
//	salt (16) ‖ header box (16 + 16) ‖ payload box (n + 16)
//
// The client seals it for one carrier and gets an Embedding, which is all that a
// server needs: the server can neither read nor forge a text sealed with a
// passphrase. An embedding is a pure function of carrier, embedding and options:
// there is no clock and no network here, and entropy is handed in. Goroutines are
// in bands.go only, and what comes out is the same without them.
package stego
