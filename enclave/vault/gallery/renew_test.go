package gallery_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"

	"volar/enclave/renewal"
	"volar/enclave/vault/gallery"
)

// ordered is a tenant whose operator orders a generation of codes.
func ordered(t *testing.T, name string, generation uint64) gallery.Tenant {
	t.Helper()
	b, err := renewal.Sign(renewal.Order{Tenant: name, Generation: generation}, operator)
	if err != nil {
		t.Fatal(err)
	}
	return gallery.Tenant{Name: name, Operator: [32]byte(operator.Public().(ed25519.PublicKey)), Renewal: b}
}

// renewed opens a gallery and does what is ordered. It gives who was there
// already and the keys that palms are to be coded under.
func (m *machine) renewed(o gallery.Options) (*gallery.Gallery, people, map[string][32]byte, error) {
	keys := map[string][32]byte{}
	o.Recode = func(tenant string, key [32]byte) { keys[tenant] = key }
	g, got, err := m.openWith(o)
	if err == nil && g.Importing() == nil {
		err = g.Renew(ctx)
	}
	return g, got, keys, err
}

func (m *machine) mustRenew(tenants ...gallery.Tenant) (*gallery.Gallery, people, [32]byte) {
	m.t.Helper()
	g, got, keys, err := m.renewed(gallery.Options{Tenants: tenants})
	if err != nil {
		m.t.Fatal(err)
	}
	return g, got, keys["acme"]
}

// A renewal deletes a tenant's people, gives each a receipt, and draws a key
// that stays until the next one. Nobody else is touched.
func TestRenew(t *testing.T) {
	m := newMachine(t)
	plain := gallery.Tenant{Name: "acme", Operator: ordered(t, "acme", 1).Operator}
	g, _, none := m.mustRenew(plain, bloom)
	if none != ([32]byte{}) {
		t.Error("a tenant without an order has a key")
	}
	put(t, g, "acme", 0, "zero")
	put(t, g, "acme", 1, "one")
	put(t, g, "bloom", 0, "bloom's zero")

	g, got, first := m.mustRenew(ordered(t, "acme", 1), bloom)
	same(t, "what is loaded beside a renewal", got, people{who("bloom", 0): "bloom's zero"})
	if g.People("acme") != 0 || g.People("bloom") != 1 || first == ([32]byte{}) {
		t.Errorf("%d people at acme, %d at bloom, key %x", g.People("acme"), g.People("bloom"), first[:4])
	}
	for i := range byte(2) {
		if r := m.verify(t, inStore(m, "receipt", handleOf(plain, i))); r.Root != g.Root("acme") || r.After != m.epoch || r.Measurement != program {
			t.Errorf("person %d: %+v", i, r)
		}
	}
	put(t, g, "acme", 2, "two")

	want := people{who("acme", 2): "two", who("bloom", 0): "bloom's zero"}
	for _, tenant := range []gallery.Tenant{plain, ordered(t, "acme", 1)} {
		_, got, again := m.mustRenew(tenant, bloom)
		same(t, "after a start", got, want)
		if again != first {
			t.Error("another start has another key")
		}
	}
	_, got, second := m.mustRenew(ordered(t, "acme", 7), bloom)
	same(t, "the second time", got, people{who("bloom", 0): "bloom's zero"})
	if second == first || second == ([32]byte{}) {
		t.Error("the second renewal has the first one's key")
	}
	for key, values := range m.old {
		for _, v := range values {
			if bytes.Contains(v, first[:]) || bytes.Contains(v, second[:]) {
				t.Errorf("%s shows a key", key)
			}
		}
	}
}

// The host, who writes the configuration, can leave an order out and give none.
func TestRenewRefuses(t *testing.T) {
	m := newMachine(t)
	g, _, _ := m.mustRenew(ordered(t, "acme", 2))
	put(t, g, "acme", 0, "zero")
	forged := ordered(t, "acme", 3)
	forged.Renewal[len(forged.Renewal)-1] ^= 1
	others := ordered(t, "acme", 3)
	others.Renewal = ordered(t, "bloom", 3).Renewal
	for name, tenant := range map[string]gallery.Tenant{"older": ordered(t, "acme", 1), "forged": forged, "another tenant's": others} {
		if _, _, _, err := m.renewed(gallery.Options{Tenants: []gallery.Tenant{tenant}}); !errors.Is(err, gallery.ErrRenewal) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, got, _ := m.mustRenew(gallery.Tenant{Name: "acme", Operator: forged.Operator})
	same(t, "afterwards", got, people{who("acme", 0): "zero"})

	_, _, err := m.openWith(gallery.Options{Tenants: []gallery.Tenant{ordered(t, "acme", 2)}, Recode: func(string, [32]byte) {}})
	if err != nil {
		t.Fatal(err)
	}
	uncertified, err := gallery.Open(ctx, m.sealer(), m, gallery.Options{Tenants: []gallery.Tenant{ordered(t, "acme", 3)}, Recode: func(string, [32]byte) {}})
	if err != nil {
		t.Fatal(err)
	}
	if err := uncertified.Renew(ctx); !errors.Is(err, gallery.ErrUncertain) || uncertified.People("acme") != 1 {
		t.Errorf("before the gallery is certified: %v, %d people left", err, uncertified.People("acme"))
	}
}

// More people than a head can owe receipts for, and any write failing: who is
// gone has a receipt, who is not is there under the old key, and the next start ends it.
func TestRenewInterrupted(t *testing.T) {
	const n = 70
	base := newMachine(t)
	g, _, first := base.mustRenew(ordered(t, "acme", 1))
	for i := range byte(n) {
		put(t, g, "acme", i, "palm")
	}
	start := base.copy()
	if _, _, _, err := start.renewed(gallery.Options{Tenants: []gallery.Tenant{ordered(t, "acme", 2)}}); err != nil {
		t.Fatal(err)
	}
	writes := start.fault.count
	if writes < 12 {
		t.Fatalf("%d writes: one epoch for all", writes)
	}
	receipts := func(m *machine) (have int) {
		for i := range byte(n) {
			if b := inStore(m, "receipt", handleOf(ordered(t, "acme", 1), i)); b != nil {
				m.verify(t, b)
				have++
			}
		}
		return have
	}
	halfway := 0
	for at := 1; at <= writes; at++ {
		for _, f := range []fault{{at: at}, {at: at, power: true}, {at: at, after: true, power: true}} {
			m := base.copy()
			m.fault = f
			_, _, _, _ = m.renewed(gallery.Options{Tenants: []gallery.Tenant{ordered(t, "acme", 2)}})
			m.fault = fault{}
			_, got, key := m.mustRenew(gallery.Tenant{Name: "acme", Operator: ordered(t, "acme", 1).Operator})
			if len(got)+receipts(m) != n {
				t.Errorf("%+v: %d people, %d receipts", f, len(got), receipts(m))
			}
			if len(got) > 0 && key != first {
				t.Errorf("%+v: %d people are left under another key", f, len(got))
			}
			if len(got) > 0 && len(got) < n {
				halfway++
			}
			h, _, key := m.mustRenew(ordered(t, "acme", 2))
			if h.People("acme") != 0 || receipts(m) != n || key == first {
				t.Errorf("%+v: in the end %d people, %d receipts", f, h.People("acme"), receipts(m))
			}
		}
	}
	if halfway == 0 {
		t.Error("no fault met a renewal that had begun")
	}
}

// What palms are coded under comes back with the records, or these would be worth nothing.
func TestRenewedIsRecovered(t *testing.T) {
	m := newMachine(t)
	tenant, shares := kept(t, 1)
	tenant.Renewal = ordered(t, "acme", 3).Renewal
	g, _, key := m.mustRenew(tenant)
	put(t, g, "acme", 0, "zero")
	escrow, err := unlock(m, shares[:3])
	if err != nil {
		t.Fatal(err)
	}
	next := m.elsewhere()
	ask(t, next, tenant)
	grant(t, next, escrow)
	_, got, keys, err := next.renewed(gallery.Options{Tenants: []gallery.Tenant{tenant}, Restore: true})
	if err != nil || keys["acme"] != key {
		t.Errorf("another key, or none: %v", err)
	}
	same(t, "restored", got, people{who("acme", 0): "zero"})
	tenant.Renewal = ordered(t, "acme", 2).Renewal
	if _, _, _, err := next.renewed(gallery.Options{Tenants: []gallery.Tenant{tenant}}); !errors.Is(err, gallery.ErrRenewal) {
		t.Errorf("an older order after a recovery: %v", err)
	}
}
