package attest_test

import (
	"context"
	"errors"
	"testing"

	"volar/enclave/attest"
)

// Evidence for a key vouches for this key, this use and this tenant, and
// never passes as a session's or the other way round.
func TestVerifyKey(t *testing.T) {
	key := []byte("an Ed25519 public key, or any other")
	over := func(data [64]byte) []byte {
		p := platform(t, signing)
		if err := p.Bind(context.Background(), vault); err != nil {
			t.Fatal(err)
		}
		e, err := p.Evidence(context.Background(), data)
		if err != nil {
			t.Fatal(err)
		}
		e.Epoch = 7
		return encode(t, e)
	}
	good := over(attest.KeyData(attest.UseReceipt, vault, 7, key, "acme"))
	c, err := attest.VerifyKey(good, policy(), attest.UseReceipt, key, now, with...)
	if err != nil || c.VaultKey != vault || c.Measurement != program {
		t.Fatalf("%+v, %v", c, err)
	}
	for name, f := range map[string]func() error{
		"another key": func() error {
			_, err := attest.VerifyKey(good, policy(), attest.UseReceipt, key[1:], now, with...)
			return err
		},
		"another use": func() error {
			_, err := attest.VerifyKey(good, policy(), attest.UseRestore, key, now, with...)
			return err
		},
		"another tenant": func() error {
			_, err := attest.VerifyKey(over(attest.KeyData(attest.UseReceipt, vault, 7, key, "bloom")), policy(), attest.UseReceipt, key, now, with...)
			return err
		},
		"another epoch": func() error {
			_, err := attest.VerifyKey(over(attest.KeyData(attest.UseReceipt, vault, 8, key, "acme")), policy(), attest.UseReceipt, key, now, with...)
			return err
		},
		"as a session's": func() error {
			_, err := attest.Verify(good, policy(), [32]byte(key[:32]), now, with...)
			return err
		},
		"a session's": func() error {
			_, err := attest.VerifyKey(over(attest.ReportData(vault, [32]byte(key[:32]), 7, "acme")), policy(), attest.UseReceipt, key[:32], now, with...)
			return err
		},
	} {
		if err := f(); !errors.Is(err, attest.ErrBinding) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
