package gallery_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"volar/enclave/receipt"
	"volar/enclave/recovery"
	"volar/enclave/vault/gallery"
	"volar/wire"
)

var operator = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))

// kept is a tenant with a recovery key, and the shares of its holders.
func kept(t *testing.T, generation uint64) (gallery.Tenant, []recovery.Share) {
	t.Helper()
	key, shares, err := recovery.Make("acme", generation, 3, 5)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := recovery.SignKey(key, operator)
	if err != nil {
		t.Fatal(err)
	}
	return gallery.Tenant{Name: "acme", Operator: [32]byte(operator.Public().(ed25519.PublicKey)), Recovery: signed}, shares
}

// elsewhere is another machine with a copy of the store and a platform of its own.
func (m *machine) elsewhere() *machine {
	return &machine{t: m.t, blobs: maps.Clone(m.blobs), old: map[string][][]byte{}, sealing: 9}
}

// unlock is what the holders of some shares find in a store.
func unlock(m *machine, shares []recovery.Share) (recovery.Escrow, error) {
	secret, err := recovery.Combine(shares)
	if err != nil {
		return recovery.Escrow{}, err
	}
	var latest recovery.Escrow
	for name, b := range m.blobs {
		if !strings.HasPrefix(name, recovery.Prefix) {
			continue
		}
		var e recovery.Escrow
		if e, err = secret.Unlock(b, "acme"); err == nil && e.Epoch > latest.Epoch {
			latest = e
		}
	}
	if latest.Epoch == 0 {
		return latest, fmt.Errorf("nothing opens: %w", err)
	}
	return latest, nil
}

// grant puts the holders' grant into the store of a vault that asked for it.
func grant(t *testing.T, m *machine, e recovery.Escrow, forget ...[32]byte) {
	t.Helper()
	r, err := recovery.ParseRequest(m.blobs[recovery.RequestName("acme")])
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := recovery.Grant{Escrow: e, Forget: forget}.Seal(r.Import)
	if err != nil {
		t.Fatal(err)
	}
	m.blobs[recovery.GrantName("acme")] = sealed
}

// ask starts the new machine's vault, which finds a foreign gallery.
func ask(t *testing.T, m *machine, tenant gallery.Tenant) {
	t.Helper()
	g, got, err := m.openWith(gallery.Options{Tenants: []gallery.Tenant{tenant}, Restore: true})
	if err != nil || g.Importing() == nil || len(got) > 0 {
		t.Fatalf("a vault that should ask for a grant: %v, %v", got, err)
	}
	if err := g.Put(ctx, "acme", record(1, "too early")); err == nil {
		t.Fatal("it takes people before it has been granted anything")
	}
	if err := g.Request(ctx, "acme", []byte("evidence")); err != nil {
		t.Fatal(err)
	}
}

// A drill: the platform is dead, the store is copied to another one, and
// three of five holders bring the gallery back; two never do.
func TestRecovery(t *testing.T) {
	m := newMachine(t)
	tenant, shares := kept(t, 1)
	g, _ := m.mustOpen(tenant)
	put(t, g, "acme", 0, "zero")
	put(t, g, "acme", 1, "one")
	put(t, g, "acme", 2, "two")
	late := m.elsewhere() // a back-up that is older than the deletion
	if _, err := g.Delete(ctx, "acme", wire.Person{1, 1}); err != nil {
		t.Fatal(err)
	}
	want := people{who("acme", 0): "zero", who("acme", 2): "two"}

	if _, err := unlock(m, shares[:2]); !errors.Is(err, recovery.ErrShares) {
		t.Errorf("two of three shares: %v", err)
	}
	escrow, err := unlock(m, []recovery.Share{shares[4], shares[0], shares[2]})
	if err != nil || escrow.People != 2 || escrow.Root != g.Root("acme") {
		t.Fatalf("%d people, %v", escrow.People, err)
	}

	next := m.elsewhere()
	if _, _, err := next.open(tenant); !errors.Is(err, gallery.ErrForeign) {
		t.Errorf("without being told to restore: %v", err)
	}
	ask(t, next, tenant)
	ask(t, next, tenant) // starting again changes nothing
	if next.epoch != 2 {
		t.Errorf("waiting moved the counter to %d", next.epoch)
	}
	grant(t, next, escrow)
	restoring := gallery.Options{Tenants: []gallery.Tenant{tenant}, Restore: true}
	h, got, err := next.openWith(restoring)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "restored", got, want)
	if h.Root("acme") != escrow.Root {
		t.Error("the root is another")
	}
	put(t, h, "acme", 3, "three")
	_, got = next.mustOpen(tenant)
	want[who("acme", 3)] = "three"
	same(t, "and goes on", got, want)
	for name := range next.blobs {
		if strings.HasPrefix(name, "grant/") || strings.HasPrefix(name, "request/") {
			t.Errorf("%s is left", name)
		}
	}

	// The back-up still holds the person who was deleted. The receipt keeps
	// the new vault from taking it in.
	old, err := unlock(late, shares[:3])
	if err != nil || old.People != 3 {
		t.Fatalf("the back-up: %d people, %v", old.People, err)
	}
	ask(t, late, tenant)
	grant(t, late, old, receipt.Handle("acme", tenant.Operator, wire.Person{1, 1}), [32]byte{1})
	_, got, err = late.openWith(restoring)
	if err != nil {
		t.Fatal(err)
	}
	delete(want, who("acme", 3))
	same(t, "without whom a receipt names", got, want)
	_, got = late.mustOpen(tenant)
	same(t, "also after a restart", got, want)
}

// A grant is good for the vault that asked, for the tenant and the operator,
// and for the bytes that are in the store.
func TestGrantRefuses(t *testing.T) {
	m := newMachine(t)
	tenant, shares := kept(t, 1)
	g, _ := m.mustOpen(tenant)
	put(t, g, "acme", 0, "zero")
	escrow, err := unlock(m, shares[:3])
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*machine, *recovery.Escrow)
		want   error
	}{
		"other root":     {func(_ *machine, e *recovery.Escrow) { e.Root[0] ^= 1 }, gallery.ErrAltered},
		"other operator": {func(_ *machine, e *recovery.Escrow) { e.Operator[0] ^= 1 }, gallery.ErrOperator},
		"other body":     {func(_ *machine, e *recovery.Escrow) { e.Body = []byte{0x80} }, gallery.ErrGrant},
		"lost record": {func(m *machine, _ *recovery.Escrow) {
			maps.DeleteFunc(m.blobs, func(k string, _ []byte) bool { return strings.HasPrefix(k, "rec/") })
		}, gallery.ErrMissing},
	} {
		next := m.elsewhere()
		ask(t, next, tenant)
		e := escrow
		e.Body = bytes.Clone(e.Body)
		c.change(next, &e)
		grant(t, next, e)
		if _, _, err := next.openWith(gallery.Options{Tenants: []gallery.Tenant{tenant}, Restore: true}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	one, two := m.elsewhere(), m.elsewhere()
	ask(t, one, tenant)
	ask(t, two, tenant)
	grant(t, one, escrow)
	two.blobs[recovery.GrantName("acme")] = one.blobs[recovery.GrantName("acme")]
	if _, _, err := two.openWith(gallery.Options{Tenants: []gallery.Tenant{tenant}, Restore: true}); !errors.Is(err, recovery.ErrSealed) {
		t.Errorf("another vault's grant: %v", err)
	}
}

// The recovery key is the operator's, and its generation goes one way: what
// was written under a later one does not open with shares of an earlier one.
func TestRecoveryKeyRotates(t *testing.T) {
	m := newMachine(t)
	first, firstShares := kept(t, 1)
	second, secondShares := kept(t, 2)
	twin, _ := kept(t, 2)
	m.mustOpen(first)
	if _, err := unlock(m, firstShares[:3]); err != nil {
		t.Error(err)
	}
	m.mustOpen(second)
	bare := second
	bare.Recovery = nil
	m.mustOpen(bare) // it stays
	if _, err := unlock(m, firstShares[:3]); !errors.Is(err, recovery.ErrSealed) {
		t.Errorf("shares of the generation before: %v", err)
	}
	if _, err := unlock(m, secondShares[2:]); err != nil {
		t.Error(err)
	}
	foreign := second
	key, _, err := recovery.Make("acme", 3, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	if foreign.Recovery, err = recovery.SignKey(key, ed25519.NewKeyFromSeed(make([]byte, 32))); err != nil {
		t.Fatal(err)
	}
	for name, tenant := range map[string]gallery.Tenant{"older": first, "another of the same generation": twin, "the host's own": foreign} {
		if _, _, err := m.open(tenant); !errors.Is(err, gallery.ErrRecovery) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(slices.DeleteFunc(slices.Collect(maps.Keys(m.blobs)), func(k string) bool { return !strings.HasPrefix(k, recovery.Prefix) })); n != 1 {
		t.Errorf("%d escrows are left", n)
	}
}
