package recovery

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"volar/wire/signed"
)

var operator = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))

func TestKey(t *testing.T) {
	k, shares, err := Make("acme", 4, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	b, err := SignKey(k, operator)
	if err != nil || len(b) > MaxKey {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	public := operator.Public().(ed25519.PublicKey)
	if got, err := ParseKey(b, public); err != nil || got.ID() != k.ID() || got.Generation != 4 || got.Threshold != 2 || got.Shares != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := ParseKey(b, ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)); !errors.Is(err, signed.ErrSignature) {
		t.Errorf("another operator's: %v", err)
	}
	for i := 0; i < len(b); i += 7 {
		c := bytes.Clone(b)
		c[i] ^= 1
		if _, err := ParseKey(c, public); err == nil {
			t.Errorf("a bit of byte %d does not count", i)
		}
	}
	for name, change := range map[string]func(*Key){
		"tenant": func(k *Key) { k.Tenant = "A" }, "generation": func(k *Key) { k.Generation = 0 }, "threshold": func(k *Key) { k.Threshold = 1 },
		"shares": func(k *Key) { k.Shares = 1 }, "public": func(k *Key) { k.Public = k.Public[1:] },
	} {
		c := k
		change(&c)
		if _, err := SignKey(c, operator); err == nil {
			t.Errorf("signed with a bad %s", name)
		}
	}
	other, _, err := Make("acme", 5, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := Seal(k.Public, "use", []byte("the way"))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := Combine(shares[1:])
	if err != nil || !bytes.Equal(secret.Public(), k.Public) {
		t.Fatal(err)
	}
	if plain, err := secret.Open("use", sealed); err != nil || string(plain) != "the way" {
		t.Errorf("%q, %v", plain, err)
	}
	foreign, err := Seal(other.Public, "use", []byte("the way"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		use    string
		sealed []byte
	}{"another use": {"abuse", sealed}, "another key": {"use", foreign}, "cut": {"use", sealed[:len(sealed)-1]}, "nothing": {"use", nil}} {
		if _, err := secret.Open(c.use, c.sealed); !errors.Is(err, ErrSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCombineRefuses(t *testing.T) {
	_, shares, err := Make("acme", 1, 3, 5)
	if err != nil {
		t.Fatal(err)
	}
	_, others, err := Make("acme", 2, 3, 5)
	if err != nil {
		t.Fatal(err)
	}
	bent := shares[2]
	bent.point.y = bytes.Clone(bent.point.y)
	bent.point.y[3] ^= 1
	for name, list := range map[string][]Share{
		"none": nil, "too few": shares[:2], "one twice": {shares[0], shares[1], shares[1]},
		"of two generations": {shares[0], shares[1], others[2]}, "one changed": {shares[0], shares[1], bent},
	} {
		if _, err := Combine(list); err == nil {
			t.Errorf("%s: they give a key", name)
		}
	}
}

func TestShareText(t *testing.T) {
	_, shares, err := Make("acme", 1, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	text, err := shares[1].Text()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseShare([]byte("kept in the safe of the bank\n" + string(text)))
	if err != nil || got.Number() != 2 || !bytes.Equal(got.point.y, shares[1].point.y) || got.key != shares[1].key {
		t.Errorf("%v", err)
	}
	for i, c := range text { // whoever types it in slips
		if c == '\n' || c == '-' || strings.Contains("VOLAR RECOVERY SHARE BEGIN END", string(c)) && i < 40 {
			continue
		}
		slip := bytes.Clone(text)
		slip[i] = 'A'
		if slip[i] == c {
			slip[i] = 'B'
		}
		if _, err := ParseShare(slip); err == nil {
			t.Errorf("a slip at character %d is not noticed", i)
		}
	}
	if s := fmt.Sprintf("%v %+v %x", shares[0], shares[0], shares[0]); strings.Contains(s, hex.EncodeToString(shares[0].point.y[:4])) {
		t.Errorf("it prints %s", s)
	}
	if _, err := json.Marshal(shares[0]); err == nil {
		t.Error("a share has JSON")
	}
	secret, err := Combine(shares)
	if err != nil || !strings.Contains(fmt.Sprintf("%v%#v", secret, secret), "secret") {
		t.Error("a secret prints")
	}
	shares[0].Wipe()
	if !bytes.Equal(shares[0].point.y, make([]byte, 32)) {
		t.Error("not wiped")
	}
}

func escrowed(t testing.TB) (Secret, Escrow, []byte) {
	t.Helper()
	k, shares, err := Make("acme", 1, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := Combine(shares)
	if err != nil {
		t.Fatal(err)
	}
	e := Escrow{Tenant: "acme", Operator: [32]byte{1}, Epoch: 7, People: 3, Root: [32]byte{2}, Body: []byte("body")}
	box, err := e.Seal(k)
	if err != nil {
		t.Fatal(err)
	}
	blob, err := EncodeBoxes(7, []Box{{[32]byte{9}, []byte("another tenant's")}, box})
	if err != nil {
		t.Fatal(err)
	}
	return secret, e, blob
}

// Every bit of an escrow counts, and nobody else's opens.
func TestEscrow(t *testing.T) {
	secret, want, blob := escrowed(t)
	got, err := secret.Unlock(blob, "acme")
	if err != nil || got.Epoch != 7 || got.People != 3 || got.Root != want.Root || string(got.Body) != "body" {
		t.Fatalf("%+v, %v", got, err)
	}
	for i := 0; i < len(blob); i += 3 {
		b := bytes.Clone(blob)
		b[i] ^= 1 << (i % 8)
		if e, err := secret.Unlock(b, "acme"); err == nil && i > 60 {
			t.Errorf("a bit of byte %d does not count: %+v", i, e)
		}
	}
	if _, err := secret.Unlock(blob, "bloom"); !errors.Is(err, ErrSealed) {
		t.Errorf("another tenant: %v", err)
	}
	stranger, _, _ := escrowed(t)
	if _, err := stranger.Unlock(blob, "acme"); !errors.Is(err, ErrSealed) {
		t.Errorf("another key: %v", err)
	}
	moved, err := EncodeBoxes(8, []Box{{[32]byte(blobKey(secret)), mustBox(t, blob, secret)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := secret.Unlock(moved, "acme"); !errors.Is(err, ErrSealed) {
		t.Errorf("as another epoch's: %v", err)
	}
}

func blobKey(s Secret) [32]byte { return Key{Public: s.Public()}.ID() }

func mustBox(t testing.TB, blob []byte, s Secret) []byte {
	t.Helper()
	_, boxes, err := DecodeBoxes(blob)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range boxes {
		if b.Key == blobKey(s) {
			return b.Sealed
		}
	}
	t.Fatal("no box")
	return nil
}

func TestGrant(t *testing.T) {
	secret, e, _ := escrowed(t)
	sealed, err := Grant{Escrow: e, Forget: [][32]byte{{5}}}.Seal(secret.Public())
	if err != nil {
		t.Fatal(err)
	}
	g, err := secret.OpenGrant("acme", sealed)
	if err != nil || g.Epoch != 7 || len(g.Forget) != 1 || g.Forget[0] != [32]byte{5} {
		t.Fatalf("%+v, %v", g, err)
	}
	if _, err := secret.OpenGrant("bloom", sealed); !errors.Is(err, ErrSealed) {
		t.Errorf("another tenant: %v", err)
	}
	if _, err := (Grant{Escrow: e, Forget: make([][32]byte, MaxForgotten+1)}).Seal(secret.Public()); err == nil {
		t.Error("any number of people is forgotten")
	}
	if _, err := (Grant{Escrow: e, Forget: make([][32]byte, MaxForgotten)}).Seal(secret.Public()); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	_, shares, _ := Make("acme", 1, 2, 2)
	text, _ := shares[0].Text()
	_, _, blob := escrowed(f)
	f.Add(text)
	f.Add(blob)
	request, _ := Request{"acme", mustPublic(), []byte("evidence")}.Marshal()
	f.Add(request)
	f.Fuzz(func(t *testing.T, b []byte) {
		if epoch, boxes, err := DecodeBoxes(b); err == nil {
			if again, err := EncodeBoxes(epoch, boxes); err != nil || !bytes.Equal(again, b) {
				t.Fatalf("%x encodes as %x", b, again)
			}
		}
		if r, err := ParseRequest(b); err == nil {
			if again, err := r.Marshal(); err != nil || !bytes.Equal(again, b) {
				t.Fatalf("%x encodes as %x", b, again)
			}
		}
		if s, err := ParseShare(b); err == nil && (s.Number() < 1 || s.Number() > MaxShares) {
			t.Fatalf("share %d", s.Number())
		}
	})
}

func mustPublic() []byte {
	s, err := NewSecret(make([]byte, 32))
	if err != nil {
		panic(err)
	}
	return s.Public()
}
