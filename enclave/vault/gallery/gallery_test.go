package gallery_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"volar/enclave/vault/gallery"
	"volar/wire"
)

func put(t *testing.T, g *gallery.Gallery, tenant string, person byte, text string) {
	t.Helper()
	if err := g.Put(ctx, tenant, record(person, text)); err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, what string, got, want people) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestRestore(t *testing.T) {
	m := newMachine(t)
	g, got := m.mustOpen(both...)
	same(t, "new", got, people{})
	put(t, g, "acme", 0, "zero")
	put(t, g, "acme", 1, "one")
	put(t, g, "bloom", 0, "bloom's zero")
	put(t, g, "acme", 1, "one again")
	if _, err := g.Delete(ctx, "acme", wire.Person{0, 1}); err != nil {
		t.Fatal(err)
	}
	if a, b := g.People("acme"), g.People("bloom"); a != 1 || b != 1 {
		t.Errorf("%d and %d people", a, b)
	}
	want := people{who("acme", 1): "one again", who("bloom", 0): "bloom's zero"}
	g, got = m.mustOpen(both...)
	same(t, "after a restart", got, want)
	if n := m.own(); n != 5 { // a head, two pages, two records
		t.Errorf("%d blobs are left", n)
	}

	_, got = m.mustOpen(bloom) // a tenant that is not configured rests
	same(t, "without acme", got, people{who("bloom", 0): "bloom's zero"})
	if err := g.Put(ctx, "acme", record(2, "two")); !errors.Is(err, gallery.ErrForked) {
		t.Errorf("a vault changes the gallery that another one has opened since: %v", err)
	}
	if g.Failed() == nil {
		t.Error("a forked gallery goes on")
	}
	_, got = m.mustOpen(both...)
	same(t, "with acme again", got, want)
}

func TestRefuses(t *testing.T) {
	m := newMachine(t)
	g, _ := m.mustOpen(both...)
	put(t, g, "acme", 0, "zero")
	for name, c := range map[string]struct {
		do   func() error
		want error
	}{
		"unknown tenant":         {func() error { return g.Put(ctx, "nobody", record(1, "x")) }, gallery.ErrUnknown},
		"unknown person":         {func() error { _, err := g.Delete(ctx, "acme", wire.Person{9}); return err }, gallery.ErrUnknown},
		"person of other tenant": {func() error { _, err := g.Delete(ctx, "bloom", wire.Person{0, 1}); return err }, gallery.ErrUnknown},
		"other operator":         {func() error { _, _, err := m.open(gallery.Tenant{Name: "acme", Operator: [32]byte{9}}); return err }, gallery.ErrOperator},
		"lost store":             {func() error { _, _, err := (&machine{t: t, epoch: m.epoch}).open(both...); return err }, gallery.ErrRolledBack},
		"lost platform":          {func() error { _, _, err := (&machine{t: t, blobs: m.blobs}).open(both...); return err }, gallery.ErrForeign},
	} {
		if err := c.do(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for name, r := range map[string]*gallery.Record{
		"nobody":            {Left: [][]byte{{1}}},
		"nothing":           {Person: wire.Person{1}},
		"empty capture":     {Person: wire.Person{1}, Left: [][]byte{{}}},
		"too long":          {Person: wire.Person{1}, Left: [][]byte{make([]byte, 17<<10)}},
		"too many captures": {Person: wire.Person{1}, Right: [][]byte{{1}, {1}, {1}, {1}, {1}, {1}}},
	} {
		if err := g.Put(ctx, "acme", r); err == nil {
			t.Errorf("a record of %s is stored", name)
		}
	}
	if _, _, err := m.open(acme, acme); err == nil {
		t.Error("a tenant is taken twice")
	}
	if _, _, err := m.open(gallery.Tenant{Name: "A C"}); err == nil {
		t.Error("any name is a tenant")
	}
}

// Pages fill up, split and vanish, and nobody is lost on the way.
func TestManyPeople(t *testing.T) {
	m := newMachine(t)
	g, _ := m.mustOpen(acme)
	const n = 300
	for i := range n {
		r := &gallery.Record{Person: wire.Person{byte(i), byte(i >> 8), 1}, Left: [][]byte{[]byte("palm")}}
		if err := g.Put(ctx, "acme", r); err != nil {
			t.Fatal(err)
		}
	}
	count := func(prefix string) (c int) {
		for k := range m.blobs {
			if strings.HasPrefix(k, prefix) {
				c++
			}
		}
		return c
	}
	if p, r, h := count("page/"), count("rec/"), count("head/"); p != 3 || r != n || h != 1 {
		t.Errorf("%d pages, %d records, %d heads for %d people", p, r, h, n)
	}
	for i := range n {
		if i%3 == 0 {
			continue
		}
		if _, err := g.Delete(ctx, "acme", wire.Person{byte(i), byte(i >> 8), 1}); err != nil {
			t.Fatal(err)
		}
	}
	left := 0
	_, err := gallery.Open(ctx, m.sealer(), m, gallery.Options{Tenants: []gallery.Tenant{acme}, Load: func(_ string, r *gallery.Record) error {
		if i := int(r.Person[0]) + int(r.Person[1])<<8; i%3 != 0 {
			return fmt.Errorf("person %d is back", i)
		}
		left++
		return nil
	}})
	if err != nil || left != n/3 || count("rec/") != n/3 {
		t.Errorf("%d people left with %d records, want %d; %v", left, count("rec/"), n/3, err)
	}
}

// A host sees neither templates nor names, nor the same bytes twice.
func TestHostSeesNothing(t *testing.T) {
	m := newMachine(t)
	g, _ := m.mustOpen(both...)
	palm := strings.Repeat("planted palm pattern ", 20)
	put(t, g, "acme", 7, palm)
	put(t, g, "bloom", 7, palm)
	var bodies [][]byte
	for key, values := range m.old {
		for _, v := range values {
			for _, secret := range []string{"planted", "acme", "bloom"} {
				if bytes.Contains(v, []byte(secret)) || strings.Contains(key, secret) {
					t.Errorf("%s shows %q", key, secret)
				}
			}
			if strings.HasPrefix(key, "rec/") {
				bodies = append(bodies, v)
			}
		}
	}
	if len(bodies) != 2 || bytes.Contains(bodies[0], bodies[1][:32]) {
		t.Errorf("%d records, or they share bytes", len(bodies))
	}
}

func TestRecordIsSecret(t *testing.T) {
	r := record(1, "planted")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		for _, v := range []any{r, *r} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, "planted") || strings.Contains(s, "706c616e746564") || strings.Contains(s, "112") {
				t.Errorf("%s prints %s", verb, s)
			}
		}
	}
	if b, err := json.Marshal(r); err == nil {
		t.Errorf("JSON %s", b)
	}
	left := r.Left[0]
	r.Wipe()
	if bytes.Contains(left, []byte("planted")) || r.Left != nil {
		t.Error("not wiped")
	}
}
