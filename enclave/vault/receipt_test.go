package vault_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"strings"
	"sync"
	"testing"
	"time"

	"volar/enclave/attest"
	"volar/enclave/attest/simulated"
	"volar/enclave/receipt"
	"volar/wire"
)

// checked is what a stranger who has the host's files finds out about a receipt.
func checked(t *testing.T, m *machine, paper []byte, tenant int) (receipt.Checked, error) {
	t.Helper()
	p := attest.Policy{Tenant: tenants[tenant].Name, Version: 1, NotBefore: 1, NotAfter: 4_000_000_000, Development: true,
		Vaults:    []attest.Vault{{Measurement: program, Release: 1}},
		Simulated: &attest.Simulated{Keys: [][32]byte{[32]byte(signing.Public().(ed25519.PublicKey))}}}
	var last error
	for name, b := range m.blobs {
		if !strings.HasPrefix(name, "voucher/") {
			continue
		}
		c, err := receipt.Check(paper, b, tenants[tenant].Operator, p, time.Now(), simulated.Verifier{})
		if err == nil {
			return c, nil
		}
		last = err
	}
	return receipt.Checked{}, last
}

// A device that deletes somebody gets a receipt that a stranger believes; the
// host has a copy. Nobody else's answer has one.
func TestDeletionIsReceipted(t *testing.T) {
	m := newMachine()
	d := newDevice(t, "acme", operatorA).dial(m.start(t))
	one, two := d.enrol(1), d.enrol(2)
	if one.Slip != (wire.Slip{}) {
		t.Error("an enrolment has a receipt")
	}
	a := d.wave(wire.Delete, one.Person, wire.Left, palmOf(1, wire.Left), 50)
	want(t, "delete", a, one)
	handle := receipt.Handle("acme", tenants[0].Operator, one.Person)
	c, err := checked(t, m, a.Slip.Receipt(), 0)
	if err != nil || c.Handle != handle || c.After != m.epoch || c.Measurement != program {
		t.Fatalf("%+v, %v", c, err)
	}
	if string(m.blobs["receipt/"+hex.EncodeToString(handle[:])]) != string(a.Slip.Receipt()) {
		t.Error("the host has another copy")
	}
	p, err := receipt.ParseProof(m.blobs["absence/"+hex.EncodeToString(handle[:])])
	if err != nil || p.Absent(c.Root, c.Handle) != nil {
		t.Errorf("the proof of absence: %v", err)
	}
	if _, err := checked(t, m, a.Slip.Receipt(), 1); err == nil {
		t.Error("a receipt of one tenant holds for another")
	}
	for _, a := range []wire.Answer{
		d.wave(wire.Verify, two.Person, wire.Left, palmOf(2, wire.Left), 51),
		d.wave(wire.Delete, two.Person, wire.Left, palmOf(3, wire.Left), 52), // somebody else's palm
		d.wave(wire.Delete, one.Person, wire.Left, palmOf(1, wire.Left), 53), // gone already
	} {
		if a.Slip != (wire.Slip{}) {
			t.Errorf("%v has a receipt", a.Status)
		}
	}
}

// Two devices that enrol one person at the same time enrol one person.
func TestOnePersonAtTwoDevices(t *testing.T) {
	m := newMachine()
	h := m.start(t)
	devices := []*device{newDevice(t, "acme", operatorA).dial(h), newDevice(t, "acme", operatorA).dial(h)}
	m.slow = 50 * time.Millisecond // the store takes long enough for the other to come
	var answers [2]wire.Answer
	var both sync.WaitGroup
	for i, d := range devices {
		both.Go(func() { answers[i] = d.enrol(1) })
	}
	both.Wait()
	if (answers[0].Status == wire.Accepted) == (answers[1].Status == wire.Accepted) {
		t.Errorf("%v and %v", answers[0].Status, answers[1].Status)
	}
}
