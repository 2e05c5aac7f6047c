package gallery_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"volar/enclave/attest/simulated"
	"volar/enclave/recovery"
	"volar/enclave/vault/gallery"
	"volar/wire"
	"volar/wire/canonical"
)

// refusals are how a vault may refuse a store that is not the latest one.
var refusals = []error{gallery.ErrRolledBack, gallery.ErrAltered, gallery.ErrMissing, simulated.ErrSealed}

func refused(err error) bool {
	return slices.ContainsFunc(refusals, func(w error) bool { return errors.Is(err, w) })
}

// TestRollback: a host that kept every version of its store offers each of
// them, and every mix of one earlier file with the latest ones. The platform's
// counter is what it is: nothing opens but the latest store.
func TestRollback(t *testing.T) {
	m := newMachine(t)
	tenant, _ := kept(t, 1)
	g, _ := m.mustOpen(tenant, bloom)
	snapshots := []map[string][]byte{maps.Clone(m.blobs)}
	keep := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		snapshots = append(snapshots, maps.Clone(m.blobs))
	}
	for i := range byte(4) {
		keep(g.Put(ctx, "acme", record(i, fmt.Sprint("acme's ", i))))
	}
	keep(g.Put(ctx, "bloom", record(0, "bloom's")))
	keep(g.Put(ctx, "acme", record(1, "acme's 1 again")))
	_, err := g.Delete(ctx, "acme", wire.Person{2, 1})
	keep(err)
	g, _ = m.mustOpen(tenant, bloom)
	keep(g.Put(ctx, "acme", record(5, "acme's 5")))
	latest := snapshots[len(snapshots)-1]
	want := people{who("acme", 0): "acme's 0", who("acme", 1): "acme's 1 again", who("acme", 3): "acme's 3", who("acme", 5): "acme's 5", who("bloom", 0): "bloom's"}
	at := m.epoch
	start := func(blobs map[string][]byte) (people, error) {
		c := &machine{t: t, blobs: blobs, old: map[string][][]byte{}, epoch: at}
		_, got, err := c.open(tenant, bloom)
		return got, err
	}
	if got, err := start(maps.Clone(latest)); err != nil || !maps.Equal(got, want) {
		t.Fatalf("the latest store: %v, %v", got, err)
	}
	for i, old := range snapshots[:len(snapshots)-1] {
		if _, err := start(maps.Clone(old)); !errors.Is(err, gallery.ErrRolledBack) || !strings.Contains(err.Error(), "older than the platform's counter") {
			t.Errorf("the whole store as it was after change %d: %v", i, err)
		}
	}
	// Mixes: file by file, the latest store with what an earlier one held in
	// its place. What the latest gallery points to has names of its own, so an
	// old file can stand in only under a new one's name.
	mixes := 0
	for _, old := range snapshots[:len(snapshots)-1] {
		for name, value := range old {
			for target := range latest {
				if paper(target) || strings.HasPrefix(target, recovery.Prefix) || bytes.Equal(latest[target], value) {
					continue
				}
				mix := maps.Clone(latest)
				mix[target] = value
				mixes++
				if _, err := start(mix); !refused(err) {
					t.Errorf("an earlier %s as %s: %v", name, target, err)
				}
			}
			mix := maps.Clone(latest) // an old file beside the new ones is litter
			if _, there := latest[name]; !there {
				mix[name] = value
				mixes++
				if got, err := start(mix); err != nil || !maps.Equal(got, want) {
					t.Errorf("an earlier %s beside the latest: %v, %v", name, got, err)
				}
			}
		}
		// Half of the old, half of the new, each way.
		for _, prefix := range []string{"head/", "page/", "rec/"} {
			mix := maps.Clone(latest)
			maps.DeleteFunc(mix, func(k string, _ []byte) bool { return strings.HasPrefix(k, prefix) })
			maps.Copy(mix, only(old, prefix))
			if maps.EqualFunc(only(mix, prefix), only(latest, prefix), bytes.Equal) {
				continue
			}
			mixes++
			if _, err := start(mix); !refused(err) {
				t.Errorf("all of %s as it was: %v", prefix, err)
			}
		}
	}
	if mixes < 300 {
		t.Errorf("only %d mixes", mixes)
	}
	t.Logf("%d snapshots, %d mixes", len(snapshots)-1, mixes)
}

func only(blobs map[string][]byte, prefix string) map[string][]byte {
	c := maps.Clone(blobs)
	maps.DeleteFunc(c, func(k string, _ []byte) bool { return !strings.HasPrefix(k, prefix) })
	return c
}

// TestFork: two vaults on one store and one platform. Whichever started
// later has the gallery; the other cannot commit any more, and says so.
func TestFork(t *testing.T) {
	m := newMachine(t)
	first, _ := m.mustOpen(acme)
	put(t, first, "acme", 0, "zero")
	second, got := m.mustOpen(acme)
	same(t, "the second", got, people{who("acme", 0): "zero"})
	if err := first.Put(ctx, "acme", record(1, "one")); !errors.Is(err, gallery.ErrForked) {
		t.Errorf("the first stores: %v", err)
	}
	if _, err := first.Delete(ctx, "acme", wire.Person{0, 1}); !errors.Is(err, gallery.ErrForked) {
		t.Errorf("the first deletes: %v", err)
	}
	if first.Failed() == nil {
		t.Error("the first does not know that it is over")
	}
	put(t, second, "acme", 2, "two")
	_, got = m.mustOpen(acme)
	same(t, "after both", got, people{who("acme", 0): "zero", who("acme", 2): "two"})

	// Also where the host keeps two copies of the store: there is one counter.
	one, two := m.copy(), m.copy()
	a, _ := one.mustOpen(acme)
	put(t, a, "acme", 3, "three")
	two.epoch = one.epoch
	if _, _, err := two.open(acme); !refused(err) {
		t.Errorf("the other copy opens at the counter of the first: %v", err)
	}
}

// TestDeletedCannotBeDecrypted (deletion is real): every byte that the host
// ever saw is put back, and the platform goes on. No head, page or record of
// before leads to the person, whatever the host mixes.
func TestDeletedCannotBeDecrypted(t *testing.T) {
	m := newMachine(t)
	g, _ := m.mustOpen(acme)
	put(t, g, "acme", 0, "zero")
	put(t, g, "acme", 1, "planted palm")
	all := maps.Clone(m.blobs)
	if _, err := g.Delete(ctx, "acme", wire.Person{1, 1}); err != nil {
		t.Fatal(err)
	}
	old := &machine{t: t, blobs: maps.Clone(all), old: map[string][][]byte{}, epoch: m.epoch}
	if _, got, err := old.open(acme); !errors.Is(err, gallery.ErrRolledBack) {
		t.Errorf("the store of before: %v, %v", got, err)
	}
	tries := 0
	for name, value := range all { // each old head in the place of the current one, among all old bytes
		if !strings.HasPrefix(name, "head/") {
			continue
		}
		var head struct {
			_       struct{} `cbor:",toarray"`
			Version uint8
			Epoch   uint64
			Sealed  []byte
			Box     []byte
		}
		if err := canonical.New(4, 16).Unmarshal(value, &head); err != nil {
			t.Fatal(err)
		}
		for epoch := uint64(0); epoch <= m.epoch+2; epoch++ {
			tries++
			if _, err := m.sealer().Unseal(ctx, epoch, head.Sealed); err == nil {
				t.Errorf("%s unseals as epoch %d", name, epoch)
			}
		}
	}
	if tries == 0 {
		t.Error("nothing was tried")
	}
	both := maps.Clone(all)
	maps.Copy(both, m.blobs)
	back := &machine{t: t, blobs: both, old: map[string][][]byte{}, epoch: m.epoch}
	_, got := back.mustOpen(acme)
	same(t, "all bytes of then and now", got, people{who("acme", 0): "zero"})
}

// TestTenantsShareNothing: a record of one tenant under another's name does
// not open, and one palm at two tenants has no bytes in common.
func TestTenantsShareNothing(t *testing.T) {
	m := newMachine(t)
	g, _ := m.mustOpen(both...)
	palm := strings.Repeat("the same palm ", 40)
	put(t, g, "acme", 7, palm)
	put(t, g, "bloom", 7, palm)
	var recs, pages []string
	for name := range m.blobs {
		switch kind, _, _ := strings.Cut(name, "/"); kind {
		case "rec":
			recs = append(recs, name)
		case "page":
			pages = append(pages, name)
		}
	}
	for _, pair := range [][]string{recs, pages} {
		if len(pair) != 2 {
			t.Fatalf("%v", pair)
		}
		a, b := m.blobs[pair[0]], m.blobs[pair[1]]
		for i := 0; i+8 <= len(a); i++ {
			if bytes.Contains(b, a[i:i+8]) {
				t.Errorf("%s and %s share 8 bytes", pair[0], pair[1])
			}
		}
		c := m.copy()
		c.blobs[pair[0]], c.blobs[pair[1]] = b, a
		if _, _, err := c.open(both...); !errors.Is(err, gallery.ErrAltered) {
			t.Errorf("swapped between tenants: %v", err)
		}
	}
	if g.Root("acme") == g.Root("bloom") {
		t.Error("the roots are equal")
	}
}

// Every bit of what lies in the store counts: no flip of one gives a gallery
// that opens.
func TestEveryBitInTheStoreCounts(t *testing.T) {
	m := newMachine(t)
	g, _ := m.mustOpen(acme)
	put(t, g, "acme", 0, "zero")
	flips := 0
	for _, name := range slices.Sorted(maps.Keys(m.blobs)) {
		if paper(name) {
			continue
		}
		for i := range m.blobs[name] {
			for bit := range 8 {
				c := m.copy()
				c.blobs[name] = bytes.Clone(c.blobs[name])
				c.blobs[name][i] ^= 1 << bit
				flips++
				if _, _, err := c.open(acme); !refused(err) {
					t.Errorf("bit %d of byte %d of %s: %v", bit, i, name, err)
				}
			}
		}
	}
	if flips < 4000 {
		t.Errorf("only %d bits were flipped", flips)
	}
	t.Logf("%d bits of head with sealed key, page and record", flips)
}
