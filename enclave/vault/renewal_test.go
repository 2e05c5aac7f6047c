package vault_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"math"
	"math/bits"
	"slices"
	"testing"

	"volar/enclave/receipt"
	"volar/enclave/renewal"
	"volar/enclave/vault"
	"volar/enclave/vault/gallery"
	"volar/enclave/vault/matcher"
	"volar/wire"
)

// renewable is the tenants with orders for renewable codes of these generations.
func renewable(t *testing.T, generations ...uint64) []vault.Tenant {
	t.Helper()
	list := slices.Clone(tenants)
	for i, key := range []ed25519.PrivateKey{operatorA, operatorB} {
		var err error
		if list[i].Renewal, err = renewal.Sign(renewal.Order{Tenant: list[i].Name, Generation: generations[i]}, key); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// leaked is what somebody has who has opened a gallery: templates as they are
// stored, by tenant and person, and the tenants' keys.
type leaked struct {
	templates map[string]map[wire.Person][][]byte
	schemes   map[string]*matcher.Scheme
}

func (m *machine) leak(t *testing.T, tenants []vault.Tenant) leaked {
	t.Helper()
	c := m.copy()
	l := leaked{map[string]map[wire.Person][][]byte{}, map[string]*matcher.Scheme{}}
	_, err := gallery.Open(context.Background(), c.platform(t), c, gallery.Options{Tenants: tenants,
		Recode: func(tenant string, key [32]byte) { l.schemes[tenant] = matcher.NewScheme(key) },
		Load: func(tenant string, r *gallery.Record) error {
			if l.templates[tenant] == nil {
				l.templates[tenant] = map[wire.Person][][]byte{}
			}
			for _, b := range slices.Concat(r.Left, r.Right) {
				l.templates[tenant][r.Person] = append(l.templates[tenant][r.Person], bytes.Clone(b))
			}
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// capture reads a stored template with a key.
func capture(t *testing.T, s *matcher.Scheme, stored []byte) *matcher.Capture {
	t.Helper()
	b, err := s.Gather(stored)
	if err != nil {
		t.Fatal(err)
	}
	c, err := matcher.ParseCapture(b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// headBytes come before a template's codes: version, hand, bands, mark.
const headBytes = 4

// differ is the share of bits, among those that both rely upon, in which two
// stored templates of the same bands differ.
func differ(a, b []byte) float64 {
	const half = 768
	n, d := 0, 0
	for at := headBytes; at+2*half <= min(len(a), len(b)); at += 2 * half {
		for i := range half {
			care := a[at+half+i] & b[at+half+i]
			n += bits.OnesCount8(care)
			d += bits.OnesCount8((a[at+i] ^ b[at+i]) & care)
		}
	}
	return float64(d) / float64(n)
}

// share says whether two templates have a run of 16 bytes in common, wherever it lies.
func share(a, b []byte) bool {
	for i := headBytes; i+16 <= len(a); i++ {
		if bytes.Contains(b[headBytes:], a[i:i+16]) {
			return true
		}
	}
	return false
}

// spread is the mean of shares and its standard error.
func spread(list []float64) (mean, err float64) {
	var sum, squares float64
	for _, v := range list {
		sum, squares = sum+v, squares+v*v
	}
	n := float64(len(list))
	mean = sum / n
	return mean, math.Sqrt(max(squares/n-mean*mean, 0) / n)
}

// The same pictures of the same palms are enrolled at two tenants. Whoever opens
// both galleries, but for the heads with the keys, finds templates that share
// no bytes and differ as those of strangers do; and a template of one tenant is nobody's at the other.
func TestTenantsCodesDoNotMatch(t *testing.T) {
	const people = 4
	m, ordered := newMachine(), renewable(t, 1, 1)
	h := m.startFor(t, ordered)
	a, b := newDevice(t, "acme", operatorA).dial(h), newDevice(t, "bloom", operatorB).dial(h)
	var atA, atB [people]wire.Person
	for i := range uint64(people) {
		atA[i], atB[i] = a.enrol(i).Person, b.enrol(i).Person
	}
	l := m.leak(t, ordered)
	var mated, others []float64
	for i := range people {
		for j := range people {
			for n, one := range l.templates["acme"][atA[i]] {
				two := l.templates["bloom"][atB[j]][n]
				if share(one, two) {
					t.Errorf("templates %d of %d and %d share bytes", n, i, j)
				}
				if i == j {
					mated = append(mated, differ(one, two))
				} else {
					others = append(others, differ(one, two))
				}
			}
		}
	}
	meanM, errM := spread(mated)
	meanO, errO := spread(others)
	if len(mated) != 6*people || math.Abs(meanM-meanO) > 4*math.Hypot(errM, errO) || slices.Min(mated) < 0.45 {
		t.Errorf("%d templates of one palm differ in %.4f (%.4f) of their bits, at least %.4f; those of two in %.4f (%.4f)",
			len(mated), meanM, errM, slices.Min(mated), meanO, errO)
	}
	policy := matcher.Policy{FPIR: 1e-4, Renewable: true}
	for i, who := range atA {
		own := l.templates["acme"][who]
		foreign := l.templates["bloom"][atB[i]]
		probe := matcher.NewProbe(capture(t, l.schemes["acme"], own[0]))
		if s := probe.Compare(capture(t, l.schemes["acme"], own[1])); !policy.Accepts(s, 1) {
			t.Errorf("person %d: two captures at one tenant lie %.3f apart", i, s.Fused)
		}
		for n, stored := range foreign[:3] { // of the same hand
			if s := probe.Compare(capture(t, l.schemes["acme"], stored)); policy.Accepts(s, 1) || s.Fused < 0.4 {
				t.Errorf("person %d: capture %d of the other tenant lies %.3f from this one's", i, n, s.Fused)
			}
		}
	}
}

// A tenant with renewable codes does what any other does, also after a start,
// and after one without the order.
func TestRenewableTenant(t *testing.T) {
	m, ordered := newMachine(), renewable(t, 1, 1)
	d := newDevice(t, "acme", operatorA).dial(m.startFor(t, ordered))
	one := d.enrol(1)
	two := d.enrol(2)
	for name, list := range map[string][]vault.Tenant{"with the order": ordered, "without": tenants} {
		h := m.startFor(t, list)
		d.dial(h)
		left, right := palmOf(1, wire.Left), palmOf(1, wire.Right)
		want(t, name+": identify", d.wave(wire.Identify, wire.Person{}, wire.Left, left, 50), one)
		want(t, name+": verify", d.wave(wire.Verify, one.Person, wire.Right, right, 51), one)
		want(t, name+": update", d.wave(wire.Update, one.Person, wire.Left, left, 52), one)
		want(t, name+": a stranger", d.wave(wire.Identify, wire.Person{}, wire.Left, palmOf(9, wire.Left), 53), wire.Answer{})
		want(t, name+": another's claim", d.wave(wire.Verify, two.Person, wire.Left, left, 54), wire.Answer{})
		want(t, name+": enrol again", d.enrol(1), wire.Answer{})
	}
	for who, list := range m.leak(t, tenants).templates["acme"] {
		for _, b := range list {
			if _, err := matcher.ParseCapture(b); err == nil {
				t.Errorf("person %x: a record holds a plain template", who[:2])
			}
		}
	}
	if a := d.wave(wire.Delete, one.Person, wire.Left, palmOf(1, wire.Left), 55); a.Person != one.Person {
		t.Errorf("delete: %v", a.Status)
	}
}

// After a renewal nobody is known, everybody who was has a receipt, and what
// had leaked before is no key to the codes that come.
func TestRenewal(t *testing.T) {
	m := newMachine()
	d := newDevice(t, "acme", operatorA).dial(m.startFor(t, renewable(t, 1, 1)))
	one := d.enrol(1)
	before := m.leak(t, tenants)

	d.dial(m.startFor(t, renewable(t, 2, 1)))
	want(t, "identify", d.wave(wire.Identify, wire.Person{}, wire.Left, palmOf(1, wire.Left), 50), wire.Answer{})
	want(t, "verify", d.wave(wire.Verify, one.Person, wire.Left, palmOf(1, wire.Left), 51), wire.Answer{})
	handle := receipt.Handle("acme", tenants[0].Operator, one.Person)
	c, err := checked(t, m, m.blobs["receipt/"+hex.EncodeToString(handle[:])], 0)
	if err != nil || c.Handle != handle || c.Measurement != program {
		t.Errorf("the receipt: %+v, %v", c, err)
	}

	again := d.enrol(1)
	if again.Status != wire.Accepted || again.Person == one.Person {
		t.Fatalf("enrolled anew: %v, or under the old name", again.Status)
	}
	after := m.leak(t, tenants)
	now := matcher.NewProbe(capture(t, after.schemes["acme"], after.templates["acme"][again.Person][0]))
	was := before.templates["acme"][one.Person][0]
	if share(was, after.templates["acme"][again.Person][0]) {
		t.Error("the record of before the renewal and that of after it share bytes")
	}
	// The thief of the old record does not have the new key, the vault not the old one.
	if s := now.Compare(capture(t, after.schemes["acme"], was)); s.Fused < 0.4 {
		t.Errorf("the old record under the new key lies %.3f from the new one", s.Fused)
	}
}
