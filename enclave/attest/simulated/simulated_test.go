package simulated_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"testing"

	"volar/enclave/attest/simulated"
)

var ctx = context.Background()

// start is a new start of a platform whose counter is kept in n.
func start(t *testing.T, n *uint64) *simulated.Platform {
	t.Helper()
	p, err := simulated.New(simulated.Config{
		Key: ed25519.NewKeyFromSeed(make([]byte, 32)), Sealing: [32]byte{1}, Measurement: [32]byte{2}, Epoch: *n,
		Persist: func(v uint64) error { *n = v; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A secret opens in its own epoch alone, and no longer once the key is bound.
func TestUnseal(t *testing.T) {
	var n uint64
	p := start(t, &n)
	seal := func(epoch uint64) []byte {
		b, err := p.Seal(ctx, epoch, []byte("secret"))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	one, two := seal(1), seal(2)
	unseal := func(epoch uint64, b []byte, want error) {
		t.Helper()
		got, err := p.Unseal(ctx, epoch, b)
		if !errors.Is(err, want) || err == nil && !bytes.Equal(got, []byte("secret")) {
			t.Errorf("unseal epoch %d at counter %d: %q, %v, want %v", epoch, n, got, err, want)
		}
	}
	unseal(1, one, simulated.ErrEpoch)
	if err := p.Commit(ctx, 1); err != nil {
		t.Fatal(err)
	}
	unseal(1, one, nil)
	unseal(2, two, simulated.ErrEpoch)
	unseal(1, two, simulated.ErrSealed)
	unseal(1, one[:10], simulated.ErrSealed)
	if err := p.Commit(ctx, 3); !errors.Is(err, simulated.ErrEpoch) {
		t.Errorf("commit that skips an epoch: %v", err)
	}
	if err := p.Commit(ctx, 2); err != nil {
		t.Fatal(err)
	}
	unseal(1, one, simulated.ErrEpoch)

	p = start(t, &n) // the counter outlives the process
	unseal(2, two, nil)
	if err := p.Bind(ctx, [32]byte{3}); err != nil {
		t.Fatal(err)
	}
	unseal(2, two, simulated.ErrBound)
}

func TestBindOnce(t *testing.T) {
	var n uint64
	p := start(t, &n)
	if _, err := p.Evidence(ctx, [64]byte{}); !errors.Is(err, simulated.ErrNotBound) {
		t.Errorf("evidence before a key is bound: %v", err)
	}
	if err := p.Bind(ctx, [32]byte{3}); err != nil {
		t.Fatal(err)
	}
	if err := p.Bind(ctx, [32]byte{4}); !errors.Is(err, simulated.ErrBound) {
		t.Errorf("a second key: %v", err)
	}
	if err := p.Bind(ctx, [32]byte{3}); !errors.Is(err, simulated.ErrBound) {
		t.Errorf("the same key again: %v", err)
	}
}

// A counter that cannot be written does not move.
func TestCounterThatFails(t *testing.T) {
	full := errors.New("disk full")
	p, err := simulated.New(simulated.Config{Key: ed25519.NewKeyFromSeed(make([]byte, 32)), Sealing: [32]byte{1}, Measurement: [32]byte{2}, Persist: func(uint64) error { return full }})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Commit(ctx, 1); !errors.Is(err, full) {
		t.Errorf("commit: %v", err)
	}
	if n, _ := p.Epoch(ctx); n != 0 {
		t.Errorf("counter at %d", n)
	}
}

func TestNothingMissing(t *testing.T) {
	if _, err := simulated.New(simulated.Config{}); err == nil {
		t.Error("a platform without keys starts")
	}
}
