package vault

import (
	"fmt"
	"slices"
	"sync"

	"volar/enclave/vault/gallery"
	"volar/enclave/vault/matcher"
	"volar/wire"
)

// tenant is a tenant's gallery in memory.
type tenant struct {
	Tenant

	// change is held while it is decided that somebody is new, so that two
	// devices cannot enrol one person.
	change  sync.Mutex
	pending pending // changes that are on their way to the store

	mu    sync.RWMutex
	palms [2][]matcher.Entry // left hands, right hands
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
	for i, list := range [2][][]byte{r.Left, r.Right} {
		for _, b := range list {
			c, err := matcher.ParseCapture(b)
			if err != nil {
				return fmt.Errorf("restore a record: %w", err)
			}
			p.palms[i] = append(p.palms[i], c)
		}
	}
	t.put(p)
	return nil
}

// put adds a person, or replaces one, whose old captures it wipes.
func (t *tenant) put(p person) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, captures := range p.palms {
		at := t.index(i, p.id)
		switch {
		case at >= 0:
			wipe(t.palms[i][at].Captures)
			t.palms[i][at].Captures = captures
		case len(captures) > 0:
			t.palms[i] = append(t.palms[i], matcher.Entry{Person: p.id, Hand: wire.Hand(i + 1), Captures: captures})
		}
	}
}

func wipe(captures []*matcher.Capture) {
	for _, c := range captures {
		c.Wipe()
	}
}

// remove forgets a person.
func (t *tenant) remove(id wire.Person) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.palms {
		if at := t.index(i, id); at >= 0 {
			wipe(t.palms[i][at].Captures)
			t.palms[i] = slices.Delete(t.palms[i], at, at+1)
		}
	}
}

// index finds a person among one side's hands, or gives -1. The caller holds mu.
func (t *tenant) index(side int, id wire.Person) int {
	return slices.IndexFunc(t.palms[side], func(e matcher.Entry) bool { return e.Person == id })
}

// person returns what is known of a person. The captures are shared: they
// are good while the caller holds the person (pending.hold).
func (t *tenant) person(id wire.Person) person {
	t.mu.RLock()
	defer t.mu.RUnlock()
	p := person{id: id}
	for i := range t.palms {
		if at := t.index(i, id); at >= 0 {
			p.palms[i] = slices.Clone(t.palms[i][at].Captures)
		}
	}
	return p
}

// identify searches everyone.
func (t *tenant) identify(probe *matcher.Probe, policy matcher.Policy) matcher.Result {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return matcher.Identify(probe, t.palms[side(probe.Hand())], policy)
}

// knows says whether anyone may have this palm, also where it cannot tell who.
func (t *tenant) knows(c *matcher.Capture, policy matcher.Policy) bool {
	probe := matcher.NewProbe(c)
	defer probe.Wipe()
	r := t.identify(probe, policy)
	return r.Found || r.Ambiguous
}

// verify compares with one person, or for the work alone with another where
// there is no such person, and as often whoever it is.
func (t *tenant) verify(probe *matcher.Probe, id wire.Person, policy matcher.Policy) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	i := side(probe.Hand())
	if len(t.palms[i]) == 0 {
		return false
	}
	at := t.index(i, id)
	entry := t.palms[i][max(at, 0)]
	for n := 0; len(entry.Captures) > 0 && len(entry.Captures) < maxCaptures; n++ {
		entry.Captures = append(slices.Clip(entry.Captures), entry.Captures[n])
	}
	return matcher.Verify(probe, []matcher.Entry{entry}, policy) && at >= 0
}

// side is where a hand's palms lie.
func side(h wire.Hand) int {
	if h == wire.Right {
		return 1
	}
	return 0
}

// record is what the store keeps of a person.
func (p person) record() (*gallery.Record, error) {
	r := &gallery.Record{Person: p.id}
	for i, list := range []*[][]byte{&r.Left, &r.Right} {
		for _, c := range p.palms[i] {
			b, err := c.MarshalBinary()
			if err != nil {
				r.Wipe()
				return nil, err
			}
			*list = append(*list, b)
		}
	}
	return r, nil
}
