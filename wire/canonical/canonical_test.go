package canonical

import (
	"bytes"
	"errors"
	"testing"
)

type form struct {
	_    struct{} `cbor:",toarray"`
	A    uint64
	Text string
	List [][]byte
}

func TestOneEncoding(t *testing.T) {
	c := New(4, 16)
	b, err := c.Marshal(form{A: 5, Text: "a", List: [][]byte{{1}}})
	if err != nil {
		t.Fatal(err)
	}
	if want := []byte("\x83\x05\x61a\x81\x41\x01"); !bytes.Equal(b, want) {
		t.Fatalf("encoded %x, want %x", b, want)
	}
	var f form
	if err := c.Unmarshal(b, &f); err != nil || f.A != 5 {
		t.Fatalf("own encoding: %v, %+v", err, f)
	}
	for name, bad := range map[string]string{
		"long integer":     "\x83\x18\x05\x61a\x81\x41\x01",
		"indefinite list":  "\x83\x05\x61a\x9f\x41\x01\xff",
		"indefinite array": "\x9f\x05\x61a\x81\x41\x01\xff",
		"null list":        "\x83\x05\x61a\xf6",
		"tag":              "\x83\xc1\x05\x61a\x81\x41\x01",
		"trailing byte":    "\x83\x05\x61a\x81\x41\x01\x00",
		"cut":              "\x83\x05\x61a\x81\x41",
		"element missing":  "\x82\x05\x61a",
		"element too many": "\x84\x05\x61a\x81\x41\x01\x00",
		"invalid text":     "\x83\x05\x61\xff\x81\x41\x01",
		"list too long":    "\x83\x05\x61a\x98\x20" + string(bytes.Repeat([]byte{0x40}, 32)),
		"nothing":          "",
	} {
		if err := c.Unmarshal([]byte(bad), &form{}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := c.Unmarshal([]byte("\x83\x18\x05\x61a\x81\x41\x01"), &form{}); !errors.Is(err, ErrNotCanonical) {
		t.Errorf("long integer: %v", err)
	}
}

func TestForeign(t *testing.T) {
	type doc struct {
		A    uint64 `cbor:"a"`
		Long []byte `cbor:"long"`
	}
	f := NewForeign(4, 16, 16)
	for name, good := range map[string]string{
		"own order":    "\xa2\x64long\x41\x01\x61a\x05",
		"long integer": "\xa2\x61a\x19\x00\x05\x64long\x41\x01",
		"null":         "\xa2\x61a\x05\x64long\xf6",
	} {
		var d doc
		if err := f.Unmarshal([]byte(good), &d); err != nil || d.A != 5 {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	for name, bad := range map[string]string{
		"doubled key":   "\xa2\x61a\x05\x61a\x06",
		"unknown key":   "\xa1\x61b\x05",
		"indefinite":    "\xbf\x61a\x05\xff",
		"tag":           "\xa1\x61a\xc1\x05",
		"trailing byte": "\xa1\x61a\x05\x00",
		"huge claim":    "\xa1\x64long\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
	} {
		if err := f.Unmarshal([]byte(bad), &doc{}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	c := New(4, 16)
	f.Add([]byte("\x83\x05\x61a\x81\x41\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v form
		if c.Unmarshal(b, &v) != nil {
			return
		}
		again, err := c.Marshal(v)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x was accepted as %x (%v)", b, again, err)
		}
	})
}
