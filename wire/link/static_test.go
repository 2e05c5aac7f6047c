package link

import (
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
)

// chip is a Static whose private key nobody can read, as hal.Identity.
type chip struct {
	*Key
	calls int
	give  func(shared [32]byte, err error) ([32]byte, error)
}

func (c *chip) ECDH(peer [32]byte) ([32]byte, error) {
	c.calls++
	return c.give(c.Key.ECDH(peer))
}

// The device's key is used once in a handshake, and what the chip refuses ends it.
func TestChip(t *testing.T) {
	worn := errors.New("chip is worn out")
	for name, c := range map[string]struct {
		give func([32]byte, error) ([32]byte, error)
		ok   bool
	}{
		"honest": {func(b [32]byte, err error) ([32]byte, error) { return b, err }, true},
		"error":  {func([32]byte, error) ([32]byte, error) { return [32]byte{}, worn }, false},
		"zero":   {func([32]byte, error) ([32]byte, error) { return [32]byte{}, nil }, false},
	} {
		w := newWorld(t)
		near, far := net.Pipe()
		v := &vaultSide{Responder: w.responder(t)}
		go v.serve(far)
		chip := &chip{Key: w.device, give: c.give}
		cfg := w.client()
		cfg.Static = chip
		s, err := Dial(t.Context(), near, cfg)
		if (err == nil) != c.ok || chip.calls != 1 {
			t.Errorf("%s: %d calls, %v", name, chip.calls, err)
		}
		if name == "error" && !errors.Is(err, worn) {
			t.Error(err)
		}
		if c.ok {
			call(t, s)
			s.Close()
		}
	}
}

// The vector is of RFC 7748, section 6.1.
func TestKey(t *testing.T) {
	private := [32]byte(unhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"))
	k, err := NewKey(private)
	if err != nil {
		t.Fatal(err)
	}
	if want := "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"; fmt.Sprintf("%x", k.Public()) != want {
		t.Errorf("%x, want %s", k.Public(), want)
	}
	bob := [32]byte(unhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"))
	shared, err := k.ECDH(bob)
	if want := "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"; err != nil || fmt.Sprintf("%x", shared) != want {
		t.Errorf("%x, %v", shared, err)
	}
	for _, point := range []string{ // of small order: the result is zero whatever the key is
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		if shared, err := k.ECDH([32]byte(unhex(point))); err == nil {
			t.Errorf("%s: %x", point, shared)
		}
		r, _ := newWorld(t).at(t, stateFirst)
		if _, _, err := r.Receive(t.Context(), append(append([]byte{frameFirst}, unhex(point)...), make([]byte, 16)...)); !errors.Is(err, ErrHandshake) {
			t.Errorf("%s as an ephemeral key: %v", point, err)
		}
	}
	if _, err := NewKey([32]byte{}); err == nil {
		t.Error("a key of zeros")
	}
}

// However a key is printed, its private half is not.
func TestKeyIsNotPrinted(t *testing.T) {
	private := [32]byte(unhex(strings.Repeat("5a", 32)))
	k, _ := NewKey(private)
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb, k)
		fmt.Fprintf(&out, verb, *k)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("key", "k", k)
	for _, secret := range []string{hex.EncodeToString(private[:3]), "90 90 90", "0x5a, 0x5a", "ZZZ", "5A5A5A"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("the private key is in %q", out.String())
		}
	}
}

func TestDH(t *testing.T) {
	k := newTestKey(t)
	d := dh{k}
	for _, size := range []int{0, 31, 33} {
		if _, err := d.DH(callback, make([]byte, size)); err == nil {
			t.Errorf("a public key of %d bytes", size)
		}
	}
	if _, err := d.DH(nil, make([]byte, 32)); err == nil {
		t.Error("no private key was needed")
	}
}
