package receipt_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"volar/enclave/attest"
	"volar/enclave/attest/simulated"
	"volar/enclave/receipt"
	"volar/wire"
	"volar/wire/signed"
)

var (
	signing  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32)) // the platform's
	operator = [32]byte{2}
	key      = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32)) // of receipts
	program  = [32]byte{4}
	now      = time.Unix(1_800_000_000, 0)
)

func policy() attest.Policy {
	return attest.Policy{Tenant: "acme", Version: 1, NotBefore: 1, NotAfter: 2_000_000_000, Development: true,
		Vaults:    []attest.Vault{{Measurement: program, Release: 1}, {Measurement: [32]byte{5}, Release: 2}},
		Simulated: &attest.Simulated{Keys: [][32]byte{[32]byte(signing.Public().(ed25519.PublicKey))}}}
}

// platform is one whose vault has bound its key.
func platform(t testing.TB) *simulated.Platform {
	t.Helper()
	p, err := simulated.New(simulated.Config{Key: signing, Sealing: [32]byte{1}, Measurement: program, Persist: func(uint64) error { return nil }})
	if err == nil {
		err = p.Bind(context.Background(), [32]byte{9})
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// voucher is what a vault says about a receipt key, over some report data.
func voucher(t testing.TB, v receipt.Voucher, data [64]byte) []byte {
	t.Helper()
	e, err := platform(t).Evidence(context.Background(), data)
	if err != nil {
		t.Fatal(err)
	}
	e.Epoch = 7
	v.Evidence = e
	b, err := v.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func honest() receipt.Voucher {
	return receipt.Voucher{Tenant: "acme", Operator: operator, Key: [32]byte(key.Public().(ed25519.PublicKey))}
}

func data(v receipt.Voucher) [64]byte {
	return attest.KeyData(attest.UseReceipt, [32]byte{9}, 7, v.Statement(), v.Tenant)
}

func paper(t testing.TB, r wire.Receipt, k ed25519.PrivateKey) []byte {
	t.Helper()
	b, err := wire.SignReceipt(r, k)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func someReceipt() wire.Receipt {
	return wire.Receipt{Handle: [32]byte{1}, Before: 41, After: 42, Root: [32]byte{2}, Time: 1_700_000_000, Clock: wire.HostClock, Measurement: program}
}

func TestCheck(t *testing.T) {
	v := honest()
	good, trusted := paper(t, someReceipt(), key), voucher(t, v, data(v))
	got, err := receipt.Check(good, trusted, operator, policy(), now, simulated.Verifier{})
	if err != nil || got.Receipt != someReceipt() || got.Vault.Measurement != program || got.Vault.Notice == "" {
		t.Fatalf("%+v, %v", got, err)
	}
	stranger := ed25519.NewKeyFromSeed(make([]byte, 32))
	evil := v
	evil.Key = [32]byte(stranger.Public().(ed25519.PublicKey))
	other := v
	other.Operator = [32]byte{8}
	foreign := someReceipt()
	foreign.Measurement = [32]byte{0xee}
	for name, c := range map[string]struct {
		receipt, voucher []byte
		policy           func(*attest.Policy)
		want             error
	}{
		"signed by a stranger":         {paper(t, someReceipt(), stranger), trusted, nil, signed.ErrSignature},
		"key that nobody vouches for":  {paper(t, someReceipt(), stranger), voucher(t, evil, data(v)), nil, attest.ErrBinding},
		"operator that is not ours":    {good, voucher(t, other, data(other)), nil, receipt.ErrTenant},
		"operator that was put in":     {good, voucher(t, v, data(other)), nil, attest.ErrBinding},
		"program that is not listed":   {paper(t, foreign, key), trusted, nil, attest.ErrMeasurement},
		"platform that is not listed":  {good, trusted, func(p *attest.Policy) { p.Simulated.Keys[0][0] ^= 1 }, attest.ErrSignature},
		"vault that is not listed":     {good, trusted, func(p *attest.Policy) { p.Vaults = p.Vaults[1:] }, attest.ErrMeasurement},
		"policy of another tenant":     {good, trusted, func(p *attest.Policy) { p.Tenant = "bloom" }, receipt.ErrTenant},
		"policy that is not for tests": {good, trusted, func(p *attest.Policy) { p.Development = false }, attest.ErrSimulated},
		// Anybody can say hello with a nonce of their choice, and gets evidence over it.
		"evidence of a session": {paper(t, someReceipt(), stranger), voucher(t, evil, attest.ReportData([32]byte{9}, evil.Key, 7, "acme")), nil, attest.ErrBinding},
		"evidence for a restore": {paper(t, someReceipt(), stranger),
			voucher(t, evil, attest.KeyData(attest.UseRestore, [32]byte{9}, 7, evil.Statement(), "acme")), nil, attest.ErrBinding},
	} {
		p := policy()
		if c.policy != nil {
			c.policy(&p)
		}
		if _, err := receipt.Check(c.receipt, c.voucher, operator, p, now, simulated.Verifier{}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// No single bit of a voucher can change.
func TestEveryBitOfAVoucherCounts(t *testing.T) {
	v := honest()
	good, trusted := paper(t, someReceipt(), key), voucher(t, v, data(v))
	for i := range trusted {
		for bit := range 8 {
			b := bytes.Clone(trusted)
			b[i] ^= 1 << bit
			if _, err := receipt.Check(good, b, operator, policy(), now, simulated.Verifier{}); err == nil {
				t.Errorf("accepted with bit %d of byte %d flipped", bit, i)
			}
		}
	}
}

func FuzzParseVoucher(f *testing.F) {
	v := honest()
	f.Add(voucher(f, v, data(v)))
	f.Add([]byte{0x85, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := receipt.ParseVoucher(b)
		if err != nil {
			return
		}
		if again, err := v.Marshal(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x parsed and encodes as %x, %v", b, again, err)
		}
	})
}
