package stego

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

const vectorFile = "../testdata/stego/vectors.json"

// hexBytes is a byte string that JSON holds in hexadecimal.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// vector is one embedding with everything on the way: docs/STEGO.md §9.
type vector struct {
	Name       string   `json:"name"`
	Carrier    string   `json:"carrier"` // file in testdata/images
	Format     string   `json:"format"`
	Kind       string   `json:"kind"`
	FileName   string   `json:"file_name,omitempty"`
	Payload    hexBytes `json:"payload"`
	Passphrase string   `json:"passphrase,omitempty"`
	Spread     bool     `json:"spread,omitempty"`
	Salt       hexBytes `json:"salt,omitempty"`

	HeadKey   hexBytes `json:"key_head,omitempty"`
	SealKey   hexBytes `json:"key_seal,omitempty"`
	PlaceKey  hexBytes `json:"key_place,omitempty"`
	ChangeKey hexBytes `json:"key_change,omitempty"`
	Sealed    hexBytes `json:"sealed"`
	Rate      uint8    `json:"rate"`
	Model     string   `json:"output_model"`
	Depth     int      `json:"output_depth"`
	Changed   int64    `json:"samples_changed"`
	Rows      hexBytes `json:"rows_sha256"` // of the output's unfiltered rows, one after the other
}

// primitives are known answers of the two keyed functions.
type primitives struct {
	Key    hexBytes            `json:"key"`
	Places map[string][]uint64 `json:"places"` // how many places there are → what the first of them carry
	Signs  string              `json:"signs"`  // of samples 0, 1, 2 …: + or −
}

type vectors struct {
	Primitives primitives `json:"primitives"`
	Embeddings []vector   `json:"embeddings"`
}

// asked are the inputs of the vectors.
func asked() []vector {
	salt := hexBytes("p2pnode-testsalt")
	secret := "correct horse battery staple"
	long := hexBytes(strings.Repeat("The quick brown fox jumps over the lazy dog. ", 20))
	return []vector{
		{Name: "open text", Carrier: "rgb8.png", Format: "v1", Kind: "text", Payload: hexBytes("hello"), Salt: salt},
		{Name: "sealed text", Carrier: "gray8.png", Format: "v1", Kind: "text", Payload: hexBytes("grüße"), Passphrase: secret, Salt: salt},
		{Name: "sealed file, spread, 16 bit with alpha", Carrier: "rgba16.png", Format: "v1", Kind: "file", FileName: "fox.txt", Payload: long, Passphrase: secret, Spread: true, Salt: salt},
		{Name: "alpha", Carrier: "graya8.png", Format: "v1", Kind: "text", Payload: hexBytes("behind glass"), Salt: salt},
		{Name: "empty text in one row", Carrier: "onerow.png", Format: "v1", Kind: "text", Payload: hexBytes{}, Salt: salt},
		{Name: "lower rate in one column", Carrier: "onecolumn.png", Format: "v1", Kind: "file", FileName: "n", Payload: hexBytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, Salt: salt},
		{Name: "palette", Carrier: "palette8-trns.png", Format: "v1", Kind: "text", Payload: hexBytes("expanded"), Salt: salt},
		{Name: "classic", Carrier: "rgba8.png", Format: "classic", Kind: "text", Payload: hexBytes("hello")},
		{Name: "classic on gray", Carrier: "gray1.png", Format: "classic", Kind: "text", Payload: hexBytes("hello")},
	}
}

// answer computes all that follows from a vector's inputs.
func (v vector) answer(t *testing.T) vector {
	t.Helper()
	f, err := ParseFormat(v.Format)
	if err != nil {
		t.Fatal(err)
	}
	p := Payload{Kind: Text, Name: v.FileName, Data: v.Payload}
	if v.Kind == "file" {
		p.Kind = File
	}
	carrier := goodImages(t)[v.Carrier]
	out, e, rep := embed(t, carrier, p, SealOptions{Format: f, Passphrase: []byte(v.Passphrase), Spread: v.Spread, Entropy: bytes.NewReader(v.Salt)})
	confirm(t, carrier, out, e, p, ExtractOptions{Format: f, Passphrase: []byte(v.Passphrase)})
	if f == V1 {
		k := deriveKeys([]byte(v.Passphrase), v.Salt)
		v.HeadKey, v.SealKey, v.PlaceKey, v.ChangeKey = k.head[:], k.seal[:], k.place[:], k.change[:]
	}
	v.Sealed, v.Rate, v.Changed = e.Sealed, e.Rate, rep.Changed
	v.Model, v.Depth, v.Rows = rep.Info.Model.String(), rep.Info.Depth, rowsDigest(t, out)
	return v
}

// rowsDigest hashes an output's rows, which do not depend on how it was compressed.
func rowsDigest(t *testing.T, out []byte) []byte {
	t.Helper()
	c, err := open(bytes.NewReader(out), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	h, row := sha256.New(), make([]byte, c.info.layout().row())
	for range c.info.Height {
		if err := c.rows.next(row); err != nil {
			t.Fatal(err)
		}
		h.Write(row)
	}
	return h.Sum(nil)
}

// knownAnswers computes the primitives' answers.
func knownAnswers() primitives {
	var k key
	for i := range k {
		k[i] = byte(i)
	}
	out := primitives{Key: k[:], Places: map[string][]uint64{}}
	for name, n := range map[string]uint64{"128": 128, "1000": 1000, "72000000": 72000000} {
		p := newPermutation(n, k)
		for i := range uint64(12) {
			out.Places[name] = append(out.Places[name], p.at(i))
		}
	}
	s := newSigns(k)
	for i := range int64(64) {
		out.Signs += map[bool]string{true: "+", false: "-"}[s.up(i)]
	}
	return out
}

func TestVectors(t *testing.T) {
	mayBeSkipped(t)
	all := vectors{Primitives: knownAnswers()}
	for _, v := range asked() {
		all.Embeddings = append(all.Embeddings, v.answer(t))
	}
	got, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.MkdirAll("../testdata/stego", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("answers differ from %s; -update rewrites it, which changes the format", vectorFile)
	}
}

// TestDocumentQuotesTheVectors compares docs/STEGO.md §9 with the vectors.
func TestDocumentQuotesTheVectors(t *testing.T) {
	doc, err := os.ReadFile("../docs/STEGO.md")
	if err != nil {
		t.Fatal(err)
	}
	squeezed := strings.Join(strings.Fields(string(doc)), "")
	v, k := asked()[0].answer(t), knownAnswers()
	h := header{kind: Text, rate: v.Rate, raw: 5, box: 5 + tagSize}
	quotes := []string{"header plain text" + hex.EncodeToString(h.append(nil)), k.Signs}
	for name, b := range map[string]hexBytes{"K_head": v.HeadKey, "K_seal": v.SealKey, "K_place": v.PlaceKey, "K_change": v.ChangeKey, "sealed": v.Sealed} {
		quotes = append(quotes, name+hex.EncodeToString(b))
	}
	for n, places := range k.Places {
		quotes = append(quotes, fmt.Sprintf("M = %s %v", n, strings.Trim(fmt.Sprint(places), "[]")))
	}
	for _, q := range quotes {
		if !strings.Contains(squeezed, strings.Join(strings.Fields(q), "")) {
			t.Errorf("docs/STEGO.md does not quote %q", q)
		}
	}
}
