package vault_test

import (
	"context"
	"testing"

	"volar/enclave/vault"
	"volar/liveness/living"
	"volar/wire"
)

// TestVaultJudgesLife: a device that says nothing of life, or lies about it,
// gets the answer that a stranger gets, for every purpose.
func TestVaultJudgesLife(t *testing.T) {
	m := newMachine()
	v, err := vault.New(context.Background(), vault.Config{Platform: m.platform(t), Blobs: m, Tenants: tenants, FPIR: 1e-4})
	if err != nil {
		t.Fatal(err)
	}
	d := newDevice(t, "acme", operatorA).dial(&host{vault: v})
	defer d.Close()
	take := uint64(0)
	show := func(b wire.Begin, hand wire.Hand, spoil func(*wire.Sample)) wire.Answer {
		t.Helper()
		take++
		v.ForgetRefusals()
		s := living.Sample(d.begin(b), hand, uint64(hand), take)
		if spoil != nil {
			spoil(&s)
		}
		a, err := d.Call(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		return a.(wire.Answer)
	}
	one, hand := wire.Answer{}, wire.Left
	for range 8 {
		if one = show(wire.Begin{Purpose: wire.Enrol}, hand, nil); one.Status != wire.More {
			break
		}
		hand = one.Hand
	}
	if one.Status != wire.Accepted {
		t.Fatalf("enrolment: %v", one.Status)
	}
	who := one.Person
	lies := map[string]func(*wire.Sample){
		"empty proof":      func(s *wire.Sample) { s.Proof = wire.NewProof() },
		"earlier burst":    func(s *wire.Sample) { s.Proof = living.Sample(wire.Nonce{1, 2, 3}, wire.Left, 1, 1).Proof },
		"one band":         func(s *wire.Sample) { s.Views = s.Views[1:] },
		"flat":             func(s *wire.Sample) { s.Proof.Relief = [wire.Reliefs]int8{} },
		"paper":            func(s *wire.Sample) { copy(s.Proof.Plane(wire.Plane940), s.Proof.Plane(wire.Plane850)) },
		"no light at all":  func(s *wire.Sample) { clear(s.Proof.Planes) },
		"lamps in a place": func(s *wire.Sample) { s.Proof.Lamps = [3][4][2]int16{} },
	}
	for _, b := range []wire.Begin{{Purpose: wire.Identify}, {Purpose: wire.Verify, Person: who}, {Purpose: wire.Enrol},
		{Purpose: wire.Update, Person: who}, {Purpose: wire.Delete, Person: who}} {
		for name, lie := range lies {
			want(t, b.Purpose.String()+" with "+name, show(b, wire.Left, lie), wire.Answer{})
		}
	}
	want(t, "identify", show(wire.Begin{Purpose: wire.Identify}, wire.Left, nil), wire.Answer{Status: wire.Accepted, Person: who})
	want(t, "verify", show(wire.Begin{Purpose: wire.Verify, Person: who}, wire.Right, nil), wire.Answer{Status: wire.Accepted, Person: who})
}
