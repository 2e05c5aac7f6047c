package gallery_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"volar/enclave/attest/simulated"
	"volar/enclave/vault/gallery"
	"volar/wire"
)

// aged is a machine with some history, and what is enrolled on it.
func aged(t *testing.T) (*machine, people) {
	m := newMachine(t)
	g, _ := m.mustOpen(both...)
	put(t, g, "acme", 0, "zero")
	put(t, g, "acme", 1, "one")
	put(t, g, "bloom", 0, "bloom's zero")
	put(t, g, "bloom", 1, "bloom's one")
	put(t, g, "acme", 0, "zero later")
	return m, people{who("acme", 0): "zero later", who("acme", 1): "one", who("bloom", 0): "bloom's zero", who("bloom", 1): "bloom's one"}
}

func (m *machine) copy() *machine {
	return &machine{t: m.t, blobs: maps.Clone(m.blobs), old: maps.Clone(m.old), epoch: m.epoch}
}

// A host that loses, changes, swaps or rolls back any one blob is found out,
// with an error that says what happened.
func TestHostCannotChangeOneBlob(t *testing.T) {
	m, want := aged(t)
	_, got := m.copy().mustOpen(both...)
	same(t, "untouched", got, want)
	try := func(what string, change func(*machine), wants ...error) {
		t.Helper()
		c := m.copy()
		change(c)
		_, _, err := c.open(both...)
		if !slices.ContainsFunc(wants, func(w error) bool { return errors.Is(err, w) }) {
			t.Errorf("%s: %v, want one of %v", what, err, wants)
		}
	}
	keys, tried := slices.Sorted(maps.Keys(m.blobs)), 0
	for _, k := range keys {
		if paper(k) {
			continue
		}
		try("lose "+k, func(c *machine) { delete(c.blobs, k) }, gallery.ErrMissing, gallery.ErrRolledBack)
		for _, bit := range []int{0, 1, 100, 8*len(m.blobs[k]) - 1} {
			try(fmt.Sprintf("flip bit %d of %s", bit, k), func(c *machine) {
				c.blobs[k] = bytes.Clone(c.blobs[k])
				c.blobs[k][bit/8] ^= 1 << (bit % 8)
			}, gallery.ErrAltered, simulated.ErrSealed)
		}
		for _, n := range []int{0, 1, len(m.blobs[k]) - 1} {
			try(fmt.Sprintf("cut %s to %d", k, n), func(c *machine) { c.blobs[k] = c.blobs[k][:n] }, gallery.ErrAltered)
		}
		for name, values := range m.old { // every value that any key ever had, in this one's place
			for i, v := range values {
				if bytes.Equal(v, m.blobs[k]) {
					continue
				}
				tried++
				try(fmt.Sprintf("put version %d of %s into %s", i, name, k), func(c *machine) { c.blobs[k] = v },
					gallery.ErrAltered, gallery.ErrMissing, simulated.ErrSealed)
			}
		}
	}
	if tried < 100 {
		t.Errorf("only %d swaps were tried", tried)
	}
}

// What was deleted cannot be brought back by a host that kept every byte it
// ever saw: no old head opens any more.
func TestDeletedIsGone(t *testing.T) {
	m, _ := aged(t)
	g, _ := m.mustOpen(both...)
	before := m.copy()
	if _, err := g.Delete(ctx, "acme", wire.Person{1, 1}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := (&machine{t: t, blobs: before.blobs, epoch: m.epoch}).open(both...); !errors.Is(err, gallery.ErrRolledBack) {
		t.Errorf("the whole old store: %v", err)
	}
	old := 0
	for name, values := range m.old {
		if !strings.HasPrefix(name, "head/") {
			continue
		}
		for _, v := range values {
			c := m.copy()
			for k, v := range m.old {
				c.blobs[k] = v[len(v)-1]
			}
			current := fmt.Sprintf("head/%020d", m.epoch)
			if bytes.Equal(v, m.blobs[current]) {
				continue
			}
			old++
			c.blobs[current] = v
			if _, got, err := c.open(both...); err == nil {
				t.Errorf("an old head opens: %v", got)
			}
		}
	}
	if old < 5 {
		t.Errorf("only %d old heads were tried", old)
	}
	_, got := m.mustOpen(both...)
	if _, ok := got[who("acme", 1)]; ok {
		t.Error("the deleted person is back")
	}
}

// change is one step of a scenario and what it acknowledges.
type step struct {
	person byte
	text   string // "" deletes
}

var scenario = []step{{0, "a"}, {1, "b"}, {0, "c"}, {1, ""}, {2, "d"}, {0, ""}, {1, "e"}}

// play runs the scenario with one failing write and returns what each person
// may be afterwards: what was acknowledged, or what was asked for last.
func play(m *machine) map[byte][]string {
	may := map[byte][]string{0: {""}, 1: {""}, 2: {""}}
	g, _, err := m.open(acme)
	if err != nil {
		return may
	}
	for _, s := range scenario {
		if s.text == "" {
			_, err = g.Delete(ctx, "acme", wire.Person{s.person, 1})
		} else {
			err = g.Put(ctx, "acme", record(s.person, s.text))
		}
		if err == nil {
			may[s.person] = []string{s.text}
		} else {
			may[s.person] = append(may[s.person], s.text)
		}
	}
	return may
}

// Every write of a scenario fails in turn, before or after it took effect,
// once or for good as in a power cut. Whatever was acknowledged survives.
func TestEveryWriteFails(t *testing.T) {
	clean := newMachine(t)
	play(clean)
	writes := clean.fault.count
	if writes < 20 {
		t.Fatalf("a scenario of only %d writes", writes)
	}
	for at := 1; at <= writes; at++ {
		for _, f := range []fault{{at: at}, {at: at, after: true}, {at: at, power: true}, {at: at, after: true, power: true}} {
			m := newMachine(t)
			m.fault = f
			may := play(m)
			m.fault = fault{}
			_, got, err := m.open(acme)
			if err != nil {
				t.Fatalf("%+v: the gallery does not open: %v", f, err)
			}
			for person, texts := range may {
				if text := got[who("acme", person)]; !slices.Contains(texts, text) {
					t.Errorf("%+v: person %d is %q, may be %q", f, person, text, texts)
				}
			}
			if heads := m.own(); heads > 1+1+3 {
				t.Errorf("%+v: %d blobs are left after a start", f, heads)
			}
		}
	}
	t.Logf("%d writes failed in 4 ways each", writes)
}

// A host that kills the vault and fails writes as it likes, and keeps every
// version of every blob, never finds a store that opens and lacks something
// that was acknowledged.
func TestHostCannotFork(t *testing.T) {
	const lives = 400
	tried := 0
	for seed := range uint64(lives) {
		rng := rand.New(rand.NewPCG(seed, 1))
		m := newMachine(t)
		may := map[byte][]string{0: {""}, 1: {""}, 2: {""}}
		for range 3 {
			g, _, err := m.open(acme)
			if err != nil {
				continue // the planted failure hit the start: try again
			}
			m.fault = fault{at: 1 + rng.IntN(8), after: rng.IntN(2) == 0, power: rng.IntN(2) == 0}
			for i := range 3 {
				s := step{byte(rng.IntN(3)), fmt.Sprint(seed, rng.Uint32(), i)}
				if rng.IntN(3) == 0 {
					s.text = ""
					_, err = g.Delete(ctx, "acme", wire.Person{s.person, 1})
					if errors.Is(err, gallery.ErrUnknown) {
						continue
					}
				} else {
					err = g.Put(ctx, "acme", record(s.person, s.text))
				}
				if err == nil {
					may[s.person] = []string{s.text}
				} else {
					may[s.person] = append(may[s.person], s.text)
				}
			}
			m.fault = fault{}
		}
		// The host offers every head that it ever saw as the current one.
		current := fmt.Sprintf("head/%020d", m.epoch)
		for name, values := range m.old {
			if !strings.HasPrefix(name, "head/") {
				continue
			}
			for _, v := range values {
				c := &machine{t: t, blobs: map[string][]byte{}, old: map[string][][]byte{}, epoch: m.epoch}
				for k, all := range m.old {
					c.blobs[k] = all[len(all)-1]
				}
				c.blobs[current] = v
				tried++
				_, got, err := c.open(acme)
				if err != nil {
					continue
				}
				for person, texts := range may {
					if text := got[who("acme", person)]; !slices.Contains(texts, text) {
						t.Errorf("life %d: a version of %s opens, person %d is %q, may be %q", seed, name, person, text, texts)
					}
				}
			}
		}
	}
	if tried < 5*lives {
		t.Errorf("only %d heads were tried", tried)
	}
	t.Logf("%d heads were tried", tried)
}
