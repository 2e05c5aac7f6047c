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
