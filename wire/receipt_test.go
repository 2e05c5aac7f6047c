package wire

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"math"
	"testing"

	"volar/wire/signed"
)

var receiptKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))

func someReceipt() Receipt {
	return Receipt{Handle: [32]byte{1}, Before: 41, After: 42, Root: [32]byte{2}, Time: 1_800_000_000, Clock: HostClock, Measurement: [32]byte{3}}
}

func TestReceipt(t *testing.T) {
	longest := someReceipt()
	longest.Before, longest.After, longest.Time = math.MaxUint64-1, math.MaxUint64, math.MaxInt64
	public := receiptKey.Public().(ed25519.PublicKey)
	for _, r := range []Receipt{someReceipt(), longest} {
		b, err := SignReceipt(r, receiptKey)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := VerifyReceipt(b, public); err != nil || got != r {
			t.Errorf("%+v, %v, want %+v", got, err, r)
		}
		slip, err := NewSlip(b)
		if err != nil || !bytes.Equal(slip.Receipt(), b) || slip.check() != nil {
			t.Errorf("slip: %v", err)
		}
		if again, err := SignReceipt(r, receiptKey); err != nil || !bytes.Equal(again, b) {
			t.Errorf("signed twice, it differs; %v", err)
		}
	}
	b, _ := SignReceipt(someReceipt(), receiptKey)
	for name, key := range map[string]ed25519.PublicKey{"none": nil, "zero": make([]byte, 32), "other": ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)} {
		if _, err := VerifyReceipt(b, key); err == nil {
			t.Errorf("verifies under key %s", name)
		}
	}
	// A credential's signature by the same key is no receipt's.
	c, err := SignCredential(Credential{Tenant: "acme", Device: [32]byte{1}, NotAfter: 1}, receiptKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyReceipt(c, public); !errors.Is(err, signed.ErrSignature) {
		t.Errorf("a credential as a receipt: %v", err)
	}
	if (Slip{}).Receipt() != nil {
		t.Error("an empty slip has a receipt")
	}
	if _, err := NewSlip(make([]byte, MaxReceipt+1)); err == nil {
		t.Error("a slip takes any length")
	}
}

func TestReceiptRefuses(t *testing.T) {
	for name, change := range map[string]func(*Receipt){
		"handle":      func(r *Receipt) { r.Handle = [32]byte{} },
		"epoch 0":     func(r *Receipt) { r.Before = 0 },
		"same epoch":  func(r *Receipt) { r.After = r.Before },
		"epoch back":  func(r *Receipt) { r.After = r.Before - 1 },
		"root":        func(r *Receipt) { r.Root = [32]byte{} },
		"time":        func(r *Receipt) { r.Time = 0 },
		"clock":       func(r *Receipt) { r.Clock = 0 },
		"measurement": func(r *Receipt) { r.Measurement = [32]byte{} },
	} {
		r := someReceipt()
		change(&r)
		if _, err := SignReceipt(r, receiptKey); err == nil {
			t.Errorf("signed without %s", name)
		}
	}
	if _, err := SignReceipt(someReceipt(), nil); err == nil {
		t.Error("signed without a key")
	}
}

// No single bit of a receipt can change, and none can be cut off or added.
func TestEveryBitOfAReceiptCounts(t *testing.T) {
	good, err := SignReceipt(someReceipt(), receiptKey)
	if err != nil {
		t.Fatal(err)
	}
	public := receiptKey.Public().(ed25519.PublicKey)
	flips := 0
	for i := range good {
		for bit := range 8 {
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			flips++
			if _, err := VerifyReceipt(b, public); err == nil {
				t.Errorf("accepted with bit %d of byte %d flipped", bit, i)
			}
		}
	}
	for n := range good {
		if _, err := VerifyReceipt(good[:n], public); err == nil {
			t.Errorf("accepted when cut to %d bytes", n)
		}
	}
	if _, err := VerifyReceipt(append(bytes.Clone(good), 0), public); err == nil {
		t.Error("accepted with a trailing byte")
	}
	if flips < 1500 {
		t.Errorf("only %d bits were flipped", flips)
	}
}

// No receipt that a stranger can write verifies.
func FuzzReceipt(f *testing.F) {
	good, _ := SignReceipt(someReceipt(), ed25519.NewKeyFromSeed(make([]byte, 32)))
	f.Add(good)
	f.Add([]byte{0xd2, 0x84})
	public := receiptKey.Public().(ed25519.PublicKey)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := VerifyReceipt(b, public); err == nil {
			t.Fatalf("accepted %x", b)
		}
	})
}
