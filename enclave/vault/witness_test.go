package vault_test

import (
	"crypto/ed25519"
	"errors"
	"maps"
	"testing"
	"time"

	"volar/enclave/attest"
	"volar/enclave/attest/simulated"
	"volar/wire"
	"volar/wire/link"
)

// witness makes the device remember what it has seen, as devices do.
func (d *device) witness() {
	d.t.Helper()
	now := time.Now().Unix()
	signed, err := attest.SignPolicy(attest.Policy{
		Tenant: "acme", Version: 1, NotBefore: now - 60, NotAfter: now + 3600, Vaults: []attest.Vault{{Measurement: program}},
		Simulated: &attest.Simulated{Keys: [][32]byte{[32]byte(signing.Public().(ed25519.PublicKey))}}, Development: true,
	}, operatorA)
	if err != nil {
		d.t.Fatal(err)
	}
	var memory []byte
	guard := &attest.Guard{
		Tenant: "acme", Operator: operatorA.Public().(ed25519.PublicKey), Development: true, Verifiers: []attest.Verifier{simulated.Verifier{}},
		Policy:   func() ([]byte, error) { return signed, nil },
		Recall:   func() ([]byte, error) { return memory, nil },
		Remember: func(b []byte) error { memory = b; return nil },
	}
	d.conf.Verify = func(evidence []byte, nonce [32]byte) ([32]byte, error) {
		c, err := guard.Check(evidence, nonce, time.Now())
		return c.VaultKey, err
	}
}

// A host that owns the counter puts it back together with the store: the
// vault starts, and cannot know. A device that has seen what was deleted
// refuses it, however often the host starts it to count the epochs up again.
func TestHostThatOwnsTheCounter(t *testing.T) {
	m := newMachine()
	h := m.start(t)
	d := newDevice(t, "acme", operatorA)
	d.witness()
	d.dial(h)
	one := d.enrol(1)
	if one.Status != wire.Accepted {
		t.Fatal(one.Status)
	}
	d.Close()
	old, epoch := maps.Clone(m.blobs), m.epoch
	d.dial(h)
	if a := d.wave(wire.Delete, one.Person, wire.Left, palmOf(1, wire.Left), 50); a.Status != wire.Accepted {
		t.Fatal(a.Status)
	}
	d.Close()
	d.dial(h) // it sees that something has changed
	d.Close()
	seen := m.epoch

	m.blobs, m.epoch = old, epoch
	for range 4 {
		h = m.start(t)
		if s, err := link.Dial(t.Context(), h.connect(t), d.conf); !errors.Is(err, attest.ErrRollback) {
			if err == nil {
				s.Close()
			}
			t.Errorf("at epoch %d of %d: %v, want %v", m.epoch, seen, err, attest.ErrRollback)
		}
	}
	if m.epoch <= seen {
		t.Errorf("the host counted up to %d only, the device saw %d", m.epoch, seen)
	}
}

// Starting the vault again is no change, and no reason to refuse it.
func TestRestartIsNoChange(t *testing.T) {
	m := newMachine()
	d := newDevice(t, "acme", operatorA)
	d.witness()
	d.dial(m.start(t))
	d.enrol(1)
	d.Close()
	for range 3 {
		d.dial(m.start(t))
		d.Close()
	}
}
