package gallery

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"volar/wire"
)

// samples are one good encoding of each form.
func samples(t testing.TB) map[string][]byte {
	must := func(b []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	r := newRef(7)
	return map[string][]byte{
		"head": must(encodeHead(7, []byte("sealed"), []byte("box"))),
		"content": must(encodeContent([]*shelf{
			{Tenant: Tenant{Name: "acme", Operator: [32]byte{1}, Recovery: []byte("signed")}, codes: codes{2, key{8}}, signing: key{3}, changes: 6, pages: []*page{{ref: r}}, owed: []owed{{handle: [32]byte{4}, before: 1, after: 2}}},
			{Tenant: Tenant{Name: "bloom", Operator: [32]byte{2}}, signing: key{5}},
		}, key{9})),
		"page":   must(encodePage([]entry{{wire.Person{1}, r}, {wire.Person{2}, r}})),
		"body":   must(encodeBody(&shelf{Tenant: Tenant{Recovery: []byte("signed")}, codes: codes{2, key{8}}, pages: []*page{{ref: r}}})),
		"record": must(encodeRecord(&Record{Person: wire.Person{1}, Left: [][]byte{{1}}, Right: [][]byte{{2}, {3}}})),
	}
}

// parse reads b as every form and gives the encodings of what it was.
func parse(b []byte) map[string][]byte {
	got := map[string][]byte{}
	if f, err := decodeHead(b, 7); err == nil {
		got["head"], _ = encodeHead(f.Epoch, f.Sealed, f.Box)
	}
	if f, importing, err := decodeContent(b); err == nil {
		got["content"], _ = encodeContent(f, importing)
	}
	s := &shelf{}
	if err := s.decodeBody(b); err == nil {
		got["body"], _ = encodeBody(s)
	}
	if f, err := decodePage(b); err == nil {
		got["page"], _ = encodePage(f)
	}
	if f, err := decodeRecord(b); err == nil {
		got["record"], _ = encodeRecord(f)
	}
	return got
}

// Each form reads its own encoding, as itself alone, and nothing that is cut or has more.
func TestForms(t *testing.T) {
	for name, b := range samples(t) {
		got := parse(b)
		if len(got) != 1 || !bytes.Equal(got[name], b) {
			t.Errorf("%s reads as %v", name, got)
		}
		for n := range b {
			if got := parse(b[:n]); len(got) > 0 {
				t.Errorf("%s cut to %d reads as %v", name, n, got)
			}
		}
		if got := parse(append(b, 0)); len(got) > 0 {
			t.Errorf("%s with a byte more reads as %v", name, got)
		}
		b[1] = 4
		if got := parse(b); len(got) > 0 {
			t.Errorf("%s of version 4 reads as %v", name, got)
		}
	}
	if _, err := decodeHead(samples(t)["head"], 8); !errors.Is(err, ErrAltered) {
		t.Errorf("the head of another epoch: %v", err)
	}
}

// What a head, a page or a record may not say, although it is well formed.
func TestFormsRefuse(t *testing.T) {
	for name, h := range map[string]string{
		"head without a sealed key": "8403074040",
		"record without captures":   "84035001000000000000000000000000000000" + "8080",
		"head with null":            "84030740f6",
	} {
		b, err := hex.DecodeString(h)
		if err != nil {
			t.Fatal(err)
		}
		if got := parse(b); len(got) > 0 {
			t.Errorf("%s reads as %v", name, got)
		}
	}
	if _, err := decodePage([]byte{0x82, 0x03, 0x80}); err == nil {
		t.Error("a page of nobody is a page")
	}
	r := newRef(1)
	twice, err := encodePage([]entry{{wire.Person{1}, r}, {wire.Person{1}, r}})
	if err != nil {
		t.Fatal(err)
	}
	same, err := encodeContent([]*shelf{{Tenant: Tenant{Name: "acme"}, signing: key{1}}, {Tenant: Tenant{Name: "acme"}, signing: key{1}}}, key{})
	if err != nil {
		t.Fatal(err)
	}
	unkeyed, err := encodeContent([]*shelf{{Tenant: Tenant{Name: "acme"}, signing: key{1}, codes: codes{generation: 1}}}, key{})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"person listed twice": twice, "tenant listed twice": same, "codes without a key": unkeyed} {
		if got := parse(b); len(got) > 0 {
			t.Errorf("%s reads as %v", name, got)
		}
	}
}

// A blob opens as what it is, for whom it is, from when it is, and as nothing else.
func TestBoxIsBound(t *testing.T) {
	acme, other := Tenant{Name: "acme", Operator: [32]byte{1}}, Tenant{Name: "acme", Operator: [32]byte{2}}
	r := newRef(3)
	box, err := r.close(kindPage, acme, []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := r.open(kindPage, acme, box); err != nil || string(plain) != "plain" {
		t.Fatalf("%q, %v", plain, err)
	}
	second, err := shut(r.Key, binding(kindPage, acme, r.ID, r.Epoch), []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	moved, later, rekeyed := r, r, r
	moved.ID[0] ^= 1
	later.Epoch++
	rekeyed.Key[0] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another kind":                   func() ([]byte, error) { return r.open(kindRecord, acme, box) },
		"other operator":                 func() ([]byte, error) { return r.open(kindPage, other, box) },
		"other tenant":                   func() ([]byte, error) { return r.open(kindPage, Tenant{Name: "bloom", Operator: acme.Operator}, box) },
		"another place":                  func() ([]byte, error) { return moved.open(kindPage, acme, box) },
		"another epoch":                  func() ([]byte, error) { return later.open(kindPage, acme, box) },
		"another key":                    func() ([]byte, error) { return rekeyed.open(kindPage, acme, box) },
		"another box under the same key": func() ([]byte, error) { return r.open(kindPage, acme, second) },
	} {
		if plain, err := open(); !errors.Is(err, ErrAltered) {
			t.Errorf("%s opens: %q, %v", name, plain, err)
		}
	}
}

// Whatever a form reads is in its one encoding. The outer form of a head
// comes from the host as it is; the others only out of a box.
func FuzzForms(f *testing.F) {
	for _, b := range samples(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for name, again := range parse(b) {
			if !bytes.Equal(again, b) {
				t.Fatalf("%x is a %s and encodes as %x", b, name, again)
			}
		}
	})
}
