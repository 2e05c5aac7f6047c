package signed

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"
)

var (
	key    = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	public = key.Public().(ed25519.PublicKey)
)

func sign(t testing.TB, context, payload string) []byte {
	t.Helper()
	b, err := Sign(key, context, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSignOpen(t *testing.T) {
	b := sign(t, "a/1", "hello")
	if got, err := Open(public, "a/1", b); err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
	if !bytes.Equal(b, sign(t, "a/1", "hello")) {
		t.Error("equal input gives different bytes")
	}
	other := ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)
	for name, c := range map[string]struct {
		key     ed25519.PublicKey
		context string
		b       []byte
		want    error
	}{
		"other key":         {other, "a/1", b, ErrSignature},
		"no key":            {nil, "a/1", b, ErrKey},
		"zero key":          {make([]byte, 32), "a/1", b, ErrKey},
		"other context":     {public, "a/2", b, ErrSignature},
		"nothing":           {public, "a/1", nil, ErrForm},
		"untagged":          {public, "a/1", b[1:], ErrForm},
		"trailing byte":     {public, "a/1", append(bytes.Clone(b), 0), ErrForm},
		"long length":       {public, "a/1", bytes.Replace(b, []byte("\x45hello"), []byte("\x58\x05hello"), 1), ErrForm},
		"another algorithm": {public, "a/1", bytes.Replace(b, []byte{0x43, 0xa1, 0x01, 0x27}, []byte{0x43, 0xa1, 0x01, 0x26}, 1), ErrForm},
		"unprotected":       {public, "a/1", bytes.Replace(b, []byte{0xa0}, []byte{0xa1, 0x04, 0x41, 0x00}, 1), ErrForm},
	} {
		if got, err := Open(c.key, c.context, c.b); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: %x, %v, want %v", name, got, err, c.want)
		}
	}
	if _, err := Sign(nil, "a/1", []byte{1}); !errors.Is(err, ErrKey) {
		t.Errorf("without a key: %v", err)
	}
	if _, err := Sign(key, "a/1", nil); !errors.Is(err, ErrForm) {
		t.Errorf("nothing to sign: %v", err)
	}
}

func TestEveryBitCounts(t *testing.T) {
	good := sign(t, "a/1", "hello")
	for i := range good {
		for bit := range 8 {
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			if _, err := Open(public, "a/1", b); err == nil {
				t.Errorf("opened with bit %d of byte %d flipped", bit, i)
			}
		}
	}
}

// A stranger's bytes never open, and never panic.
func FuzzOpen(f *testing.F) {
	stranger, _ := Sign(ed25519.NewKeyFromSeed(make([]byte, 32)), "a/1", []byte("hello"))
	f.Add(stranger)
	f.Add(sign(f, "b/1", "hello"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := Open(public, "a/1", b); err == nil {
			t.Fatalf("%x opened as %x", b, p)
		}
	})
}
