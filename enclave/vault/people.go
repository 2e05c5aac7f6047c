package vault

import (
	"fmt"
	"sync"

	"volar/enclave/vault/gallery"
	"volar/enclave/vault/matcher"
	"volar/enclave/vault/search"
	"volar/wire"
)

// tenant is a tenant's gallery in memory.
type tenant struct {
	Tenant
	policy matcher.Policy
	scheme *matcher.Scheme // that palms are coded in; set before the vault serves

	// change is held while it is decided that somebody is new, so that two
	// devices cannot enrol one person.
	change  sync.Mutex
	pending pending // changes that are on their way to the store

	palms [2]*search.Index // left hands, right hands
}

func newTenant(t Tenant, fpir float64) *tenant {
	return &tenant{Tenant: t, policy: matcher.Policy{FPIR: fpir}, palms: [2]*search.Index{search.New(wire.Left), search.New(wire.Right)}}
}

// recode lets palms be coded under the tenant's key, and no longer plainly.
// Nobody may be enrolled yet.
func (t *tenant) recode(key [32]byte) {
	t.scheme, t.policy.Renewable = matcher.NewScheme(key), true
}

// person is what is known of one person.
type person struct {
	id    wire.Person
	palms [2][]*matcher.Capture // left, right
}

// restore takes a record from the store, in place of what was known of the
// person. What is compared with is always what the store holds: captures
// without pixels, the same before and after a restart.
func (t *tenant) restore(r *gallery.Record) error {
	p := person{id: r.Person}
	defer p.wipe()
	for i, list := range [2][][]byte{r.Left, r.Right} {
		for _, b := range list {
			c, err := t.capture(b)
			if err != nil {
				return fmt.Errorf("restore a record: %w", err)
			}
			p.palms[i] = append(p.palms[i], c)
		}
	}
	for i, captures := range p.palms {
		if len(captures) == 0 {
			t.palms[i].Remove(p.id)
			continue
		}
		if err := t.palms[i].Put(p.id, captures); err != nil {
			return fmt.Errorf("restore a record: %w", err)
		}
	}
	return nil
}

// capture reads a template as the tenant's records hold it. One of another
// order of bits is refused: plain ones do not get into a tenant with a key, nor the other way about.
func (t *tenant) capture(stored []byte) (*matcher.Capture, error) {
	b, err := t.scheme.Gather(stored)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	return matcher.ParseCapture(b)
}

func wipe(captures []*matcher.Capture) {
	for _, c := range captures {
		c.Wipe()
	}
}

// wipe forgets the captures.
func (p *person) wipe() {
	for _, captures := range p.palms {
		wipe(captures)
	}
}

// remove forgets a person.
func (t *tenant) remove(id wire.Person) {
	for _, x := range t.palms {
		x.Remove(id)
	}
}

// person returns a copy of what is known of a person, which the caller wipes. It stays true
// while the caller holds the person (pending.hold).
func (t *tenant) person(id wire.Person) person {
	p := person{id: id}
	for i, x := range t.palms {
		p.palms[i] = x.Captures(id)
	}
	return p
}

// identify searches everyone.
func (t *tenant) identify(probe *matcher.Probe) matcher.Result {
	return t.palms[side(probe.Hand())].Search(probe, t.policy)
}

// knows says whether anyone may have this palm, also where it cannot tell who.
func (t *tenant) knows(c *matcher.Capture) bool {
	probe := matcher.NewProbe(c)
	defer probe.Wipe()
	r := t.identify(probe)
	return r.Found || r.Ambiguous
}

// verify compares with one person, or for the work alone with another where
// there is no such person, and as often whoever it is.
func (t *tenant) verify(probe *matcher.Probe, id wire.Person) bool {
	return t.palms[side(probe.Hand())].Verify(probe, id, maxCaptures, t.policy)
}

// side is where a hand's palms lie.
func side(h wire.Hand) int {
	if h == wire.Right {
		return 1
	}
	return 0
}

// record is what the store keeps of a person.
func (t *tenant) record(p person) (*gallery.Record, error) {
	r := &gallery.Record{Person: p.id}
	for i, list := range []*[][]byte{&r.Left, &r.Right} {
		for _, c := range p.palms[i] {
			b, err := t.template(c)
			if err != nil {
				r.Wipe()
				return nil, err
			}
			*list = append(*list, b)
		}
	}
	return r, nil
}

// template is a capture as the tenant's records hold it.
func (t *tenant) template(c *matcher.Capture) ([]byte, error) {
	b, err := c.MarshalBinary()
	if err != nil {
		return nil, err
	}
	defer clear(b)
	return t.scheme.Scatter(b)
}
