package gallery_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"maps"
	"strings"
	"testing"

	"volar/enclave/receipt"
	"volar/enclave/vault/gallery"
	"volar/wire"
)

// receiptKey is a tenant's receipt key as the store has it: the voucher of
// these tests is the key.
func (m *machine) receiptKeys() (list []ed25519.PublicKey) {
	for name, v := range m.blobs {
		if strings.HasPrefix(name, "voucher/") {
			list = append(list, v)
		}
	}
	return list
}

func (m *machine) verify(t *testing.T, signed []byte) wire.Receipt {
	t.Helper()
	for _, key := range m.receiptKeys() {
		if r, err := wire.VerifyReceipt(signed, key); err == nil {
			return r
		}
	}
	t.Fatal("no tenant's key signed the receipt")
	return wire.Receipt{}
}

func handleOf(tenant gallery.Tenant, person byte) [32]byte {
	return receipt.Handle(tenant.Name, tenant.Operator, wire.Person{person, 1})
}

func inStore(m *machine, kind string, handle [32]byte) []byte {
	return m.blobs[kind+"/"+hex.EncodeToString(handle[:])]
}

// A deletion is receipted: for this person, between these epochs, under the
// root of what is left; the store gets the same paper and the proof.
func TestReceipt(t *testing.T) {
	m := newMachine(t)
	g, _ := m.mustOpen(both...)
	for i := range byte(5) {
		put(t, g, "acme", i, "palm")
	}
	put(t, g, "bloom", 2, "palm")
	was := m.epoch
	signed, err := g.Delete(ctx, "acme", wire.Person{2, 1})
	if err != nil {
		t.Fatal(err)
	}
	r, h := m.verify(t, signed), handleOf(acme, 2)
	if r.Handle != h || r.Before != was || r.After != m.epoch || r.After != g.Epoch() || r.Root != g.Root("acme") || r.Measurement != program || r.Clock != wire.HostClock {
		t.Errorf("%+v", r)
	}
	if !bytes.Equal(inStore(m, "receipt", h), signed) {
		t.Error("the store has another receipt")
	}
	p, err := receipt.ParseProof(inStore(m, "absence", h))
	if err != nil || p.Absent(r.Root, h) != nil || p.Size != 4 {
		t.Errorf("proof of absence: %v, %v", err, p.Absent(r.Root, h))
	}
	if keys := m.receiptKeys(); len(keys) != 2 || bytes.Equal(keys[0], keys[1]) {
		t.Error("the tenants share a receipt key")
	}
	g, _ = m.mustOpen(both...)
	again, err := g.Delete(ctx, "acme", wire.Person{3, 1})
	if err != nil {
		t.Fatal(err)
	}
	if m.verify(t, again).Before < r.After || len(m.receiptKeys()) != 2 {
		t.Error("the key changed with the start, or epochs go back")
	}
	if b := inStore(m, "receipt", handleOf(acme, 2)); !bytes.Equal(b, signed) {
		t.Error("the first receipt changed")
	}
}

// There is no receipt before the counter has moved, and none is lost after
// it: whichever write of a deletion fails, the next start makes it good.
func TestReceiptsFollowTheCounter(t *testing.T) {
	for at := 1; at <= 4; at++ {
		for _, f := range []fault{{at: at, power: true}, {at: at, after: true, power: true}} {
			m := newMachine(t)
			g, _ := m.mustOpen(acme)
			put(t, g, "acme", 1, "one")
			m.fault = f
			signed, err := g.Delete(ctx, "acme", wire.Person{1, 1})
			h := handleOf(acme, 1)
			early := inStore(m, "receipt", h)
			m.fault = fault{}
			moved := m.epoch
			_, got := m.mustOpen(acme)
			gone := got[who("acme", 1)] == ""
			late := inStore(m, "receipt", h)
			switch {
			case early != nil && !gone, late != nil && !gone:
				t.Errorf("%+v: a receipt for somebody who is there", f)
			case gone && late == nil:
				t.Errorf("%+v: no receipt for somebody who is gone", f)
			case err == nil && !bytes.Equal(signed, late):
				t.Errorf("%+v: the receipt of before the restart differs", f)
			case gone && m.verify(t, late).After != moved:
				t.Errorf("%+v: receipt of epoch %d, the deletion was %d", f, m.verify(t, late).After, moved)
			}
		}
	}
}

// What a receipt claims about a root is so for everybody else: the roots of
// the gallery before and after differ by exactly this person.
func TestRootFollowsTheRecords(t *testing.T) {
	m := newMachine(t)
	g, _ := m.mustOpen(acme)
	seen := map[[32]byte]bool{g.Root("acme"): true}
	for i, s := range []step{{0, "a"}, {1, "b"}, {0, "c"}, {2, "d"}} {
		put(t, g, "acme", s.person, s.text)
		if seen[g.Root("acme")] {
			t.Errorf("step %d: a root comes back", i)
		}
		seen[g.Root("acme")] = true
	}
	with := g.Root("acme")
	put(t, g, "acme", 9, "guest")
	if _, err := g.Delete(ctx, "acme", wire.Person{9, 1}); err != nil {
		t.Fatal(err)
	}
	if g.Root("acme") != with {
		t.Error("without the guest it is another root than before")
	}
	before := maps.Clone(m.blobs)
	h, _ := m.mustOpen(acme)
	if h.Root("acme") != with || len(before) == 0 {
		t.Error("the root does not outlive a start")
	}
}
