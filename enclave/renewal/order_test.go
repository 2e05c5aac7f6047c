package renewal

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"

	"volar/wire/signed"
)

var (
	operator = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	public   = operator.Public().(ed25519.PublicKey)
)

func order(t testing.TB, o Order) []byte {
	t.Helper()
	b, err := Sign(o, operator)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// An order is read as what was signed, with no bit of it changed and by no other key.
func TestOrder(t *testing.T) {
	want := Order{"acme", 3}
	b := order(t, want)
	if got, err := Parse(b, public); err != nil || got != want {
		t.Fatalf("%+v, %v", got, err)
	}
	for i := range 8 * len(b) {
		bad := bytes.Clone(b)
		bad[i/8] ^= 1 << (i % 8)
		if o, err := Parse(bad, public); err == nil || o != (Order{}) {
			t.Fatalf("with bit %d changed it reads as %+v", i, o)
		}
	}
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32)).Public().(ed25519.PublicKey)
	if _, err := Parse(b, other); !errors.Is(err, signed.ErrSignature) {
		t.Errorf("of another operator: %v", err)
	}
}

// What an operator may not order, and what is no order although the operator signed it.
func TestOrderRefuses(t *testing.T) {
	for name, o := range map[string]Order{"the plain codes": {"acme", 0}, "nobody": {"", 1}} {
		if _, err := Sign(o, operator); err == nil {
			t.Errorf("an order for %s is signed", name)
		}
	}
	for name, c := range map[string]struct{ context, payload string }{
		"another statement":  {"volar/recovery/1", "\x83\x01\x64acme\x03"},
		"another version":    {context, "\x83\x02\x64acme\x03"},
		"generation 0":       {context, "\x83\x01\x64acme\x00"},
		"no tenant":          {context, "\x83\x01\x60\x03"},
		"a longer integer":   {context, "\x83\x01\x64acme\x18\x03"},
		"something behind":   {context, "\x83\x01\x64acme\x03\x00"},
		"more than an order": {context, "\x83\x01\x64acme\x03" + string(make([]byte, MaxOrder))},
	} {
		b, err := signed.Sign(operator, c.context, []byte(c.payload))
		if err != nil {
			t.Fatal(err)
		}
		if o, err := Parse(b, public); err == nil {
			t.Errorf("%s reads as %+v", name, o)
		}
	}
}

func FuzzOrder(f *testing.F) {
	f.Add(order(f, Order{"acme", 3}))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := Parse(b, public)
		if err != nil {
			return
		}
		if again, err := Sign(o, operator); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is %+v and encodes as %x, %v", b, o, again, err)
		}
	})
}
