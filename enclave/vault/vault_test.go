package vault_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"volar/enclave/vault"
	"volar/wire"
)

func want(t *testing.T, what string, got, want wire.Answer) {
	t.Helper()
	got.Slip, want.Slip = wire.Slip{}, wire.Slip{} // receipts have tests of their own
	if got != want {
		t.Errorf("%s: %v %x, want %v %x", what, got.Status, got.Person[:2], want.Status, want.Person[:2])
	}
}

// One person's life, with a restart of the vault between any two steps.
func TestLife(t *testing.T) {
	m := newMachine()
	d := newDevice(t, "acme", operatorA)
	start := func() { d.dial(m.start(t)) }
	refused := wire.Answer{}

	start()
	want(t, "identify before enrolment", d.wave(wire.Identify, wire.Person{}, wire.Left, palmOf(1, wire.Left), 50), refused)
	one, two := d.enrol(1), d.enrol(2)
	if one.Status != wire.Accepted || two.Status != wire.Accepted || one.Person == two.Person {
		t.Fatalf("enrolled %v %v", one, two)
	}
	for name, restart := range map[string]bool{"": false, " after a restart": true} {
		if restart {
			start()
		}
		for _, hand := range []wire.Hand{wire.Left, wire.Right} {
			want(t, "identify 1"+name, d.wave(wire.Identify, wire.Person{}, hand, palmOf(1, hand), 60), one)
			want(t, "identify 2"+name, d.wave(wire.Identify, wire.Person{}, hand, palmOf(2, hand), 61), two)
			want(t, "verify 1"+name, d.wave(wire.Verify, one.Person, hand, palmOf(1, hand), 62), one)
			want(t, "verify 1 with 2's palm"+name, d.wave(wire.Verify, one.Person, hand, palmOf(2, hand), 63), refused)
		}
		want(t, "identify a stranger"+name, d.wave(wire.Identify, wire.Person{}, wire.Left, 999, 64), refused)
		want(t, "a left palm said to be a right one"+name, d.wave(wire.Identify, wire.Person{}, wire.Right, palmOf(1, wire.Left), 65), refused)
		want(t, "enrol 1 again"+name, d.enrol(1), refused)
	}
	for take := range uint64(4) {
		want(t, "update", d.wave(wire.Update, one.Person, wire.Left, palmOf(1, wire.Left), 70+take), one)
	}
	want(t, "update with another palm", d.wave(wire.Update, one.Person, wire.Left, palmOf(2, wire.Left), 80), refused)
	start()
	want(t, "identify after updates", d.wave(wire.Identify, wire.Person{}, wire.Left, palmOf(1, wire.Left), 81), one)
	want(t, "delete with another palm", d.wave(wire.Delete, one.Person, wire.Left, palmOf(2, wire.Left), 82), refused)
	want(t, "delete", d.wave(wire.Delete, one.Person, wire.Right, palmOf(1, wire.Right), 83), one)
	for range 2 {
		want(t, "identify the deleted", d.wave(wire.Identify, wire.Person{}, wire.Left, palmOf(1, wire.Left), 84), refused)
		want(t, "verify the deleted", d.wave(wire.Verify, one.Person, wire.Left, palmOf(1, wire.Left), 85), refused)
		want(t, "identify who stays", d.wave(wire.Identify, wire.Person{}, wire.Left, palmOf(2, wire.Left), 86), two)
		start()
	}
	again := d.enrol(1)
	if again.Status != wire.Accepted || again.Person == one.Person {
		t.Errorf("enrolled anew: %v", again)
	}
}

// A tenant sees nobody of another tenant, and the same palm has another name there.
func TestTenantsAreApart(t *testing.T) {
	h := newMachine().start(t)
	a := newDevice(t, "acme", operatorA).dial(h)
	b := newDevice(t, "bloom", operatorB).dial(h)
	one := a.enrol(1)
	want(t, "acme's person at bloom", b.wave(wire.Identify, wire.Person{}, wire.Left, palmOf(1, wire.Left), 50), wire.Answer{})
	want(t, "acme's name at bloom", b.wave(wire.Verify, one.Person, wire.Left, palmOf(1, wire.Left), 51), wire.Answer{})
	want(t, "acme's name deleted at bloom", b.wave(wire.Delete, one.Person, wire.Left, palmOf(1, wire.Left), 52), wire.Answer{})
	other := b.enrol(1)
	if other.Status != wire.Accepted || other.Person == one.Person {
		t.Errorf("at bloom: %v", other)
	}
	want(t, "at acme", a.wave(wire.Identify, wire.Person{}, wire.Left, palmOf(1, wire.Left), 53), one)
}

// The host sees no pixel and no template, on the wire or in the store, and
// every answer has one length.
func TestHostSeesNothing(t *testing.T) {
	m := newMachine()
	h := m.start(t)
	d := newDevice(t, "acme", operatorA).dial(h)
	one := d.enrol(1)
	d.wave(wire.Identify, wire.Person{}, wire.Left, palmOf(1, wire.Left), 50)
	planted := lines(palmOf(1, wire.Left), 0, wire.NIR)[1000:1032]
	for name, b := range map[string][]byte{"link": h.seen.Bytes(), "store": m.seen.Bytes()} {
		if len(b) < 1000 || bytes.Contains(b, planted) || bytes.Contains(b, one.Person[:]) {
			t.Errorf("the %s shows pixels or a person, or is empty (%d bytes)", name, len(b))
		}
	}
}

func TestStartRefuses(t *testing.T) {
	m := newMachine()
	good := vault.Config{Platform: m.platform(t), Blobs: m, Tenants: tenants, FPIR: 1e-4}
	for name, change := range map[string]func(*vault.Config){
		"zero":             func(c *vault.Config) { *c = vault.Config{} },
		"no store":         func(c *vault.Config) { c.Blobs = nil },
		"no tenants":       func(c *vault.Config) { c.Tenants = nil },
		"no operator":      func(c *vault.Config) { c.Tenants = []vault.Tenant{{Name: "acme"}} },
		"bad name":         func(c *vault.Config) { c.Tenants = []vault.Tenant{{Name: "A", Operator: [32]byte{1}}} },
		"everyone matches": func(c *vault.Config) { c.FPIR = 0.5 },
		"nobody matches":   func(c *vault.Config) { c.FPIR = 0 },
		"not a number":     func(c *vault.Config) { c.FPIR = nan() },
	} {
		c := good
		change(&c)
		if _, err := vault.New(context.Background(), c); err == nil {
			t.Errorf("%s: the vault starts", name)
		}
	}
	if _, err := vault.New(context.Background(), good); err != nil {
		t.Error(err)
	}
	if _, err := vault.New(context.Background(), good); err == nil {
		t.Error("a second vault starts on one start of the platform")
	}
}

func nan() float64 { z := 0.0; return z / z }

// An enrolment ends with its session and after another purpose, and survives
// a wave of the wrong hand or of somebody else.
func TestEnrolmentOfOnePerson(t *testing.T) {
	h := newMachine().start(t)
	d := newDevice(t, "acme", operatorA).dial(h)
	wave := func(hand wire.Hand, palm, take uint64) wire.Answer {
		return d.wave(wire.Enrol, wire.Person{}, hand, palm, take)
	}
	left, right := palmOf(1, wire.Left), palmOf(1, wire.Right)
	more := func(h wire.Hand) wire.Answer { return wire.Answer{Status: wire.More, Hand: h} }
	again := wire.Answer{Status: wire.Again}

	want(t, "right 1", wave(wire.Right, right, 1), more(wire.Right))
	want(t, "left too early", wave(wire.Left, left, 2), more(wire.Right))
	want(t, "somebody else's right", wave(wire.Right, palmOf(5, wire.Right), 3), again)
	want(t, "right 2", wave(wire.Right, right, 4), more(wire.Right))
	want(t, "right 3", wave(wire.Right, right, 5), more(wire.Left))
	want(t, "another purpose", d.wave(wire.Identify, wire.Person{}, wire.Right, right, 6), wire.Answer{})

	want(t, "left 1 of a new enrolment", wave(wire.Left, palmOf(7, wire.Left), 7), more(wire.Left))
	for take := range uint64(3) { // the first wave was of somebody else: it gives way
		want(t, "left that does not agree", wave(wire.Left, left, 8+take), again)
	}
	for take := range uint64(2) {
		want(t, "left", wave(wire.Left, left, 11+take), more(wire.Left))
	}
	want(t, "left 3", wave(wire.Left, left, 13), more(wire.Right))
	want(t, "right 1", wave(wire.Right, right, 14), more(wire.Right))
	want(t, "right 2", wave(wire.Right, right, 15), more(wire.Right))
	if a := wave(wire.Right, right, 16); a.Status != wire.Accepted {
		t.Errorf("the last wave: %v", a)
	}
	want(t, "whose palm gave way", d.wave(wire.Identify, wire.Person{}, wire.Left, palmOf(7, wire.Left), 17), wire.Answer{})
}

// Enrolments are bounded in number, whoever begins them, and those that end make room.
func TestEnrolmentsAreBounded(t *testing.T) {
	h := newMachine().start(t)
	var last *device
	for i := range 129 {
		d := newDevice(t, "acme", operatorA).dial(h)
		a := d.wave(wire.Enrol, wire.Person{}, wire.Left, 1, 1)
		if want := i < 128; (a.Status == wire.More) != want {
			t.Fatalf("enrolment %d: %v", i+1, a.Status)
		}
		if last != nil && i == 128 {
			last.begin(wire.Begin{Purpose: wire.Identify}) // ends that one's
			want(t, "with room again", d.wave(wire.Enrol, wire.Person{}, wire.Left, 1, 1), wire.Answer{Status: wire.More, Hand: wire.Left})
		}
		last = d
	}
}

// Two devices that enrol one person at the same time enrol that person once.
func TestEnrolledOnce(t *testing.T) {
	m := newMachine()
	h := m.start(t)
	m.slow = time.Second // the second comes while the first is being stored
	answers := make(chan wire.Answer)
	for range 2 {
		d := newDevice(t, "acme", operatorA).dial(h)
		go func() { answers <- d.enrol(1) }()
	}
	a, b := <-answers, <-answers
	if (a.Status == wire.Accepted) == (b.Status == wire.Accepted) {
		t.Errorf("%v and %v", a.Status, b.Status)
	}
}

// A store that fails changes nothing, and the person can go on when it is back.
func TestStoreFails(t *testing.T) {
	m := newMachine()
	h := m.start(t)
	d := newDevice(t, "acme", operatorA).dial(h)
	one := d.enrol(1)
	again := wire.Answer{Status: wire.Again}
	m.fail = true
	want(t, "update", d.wave(wire.Update, one.Person, wire.Left, palmOf(1, wire.Left), 50), again)
	want(t, "delete", d.wave(wire.Delete, one.Person, wire.Left, palmOf(1, wire.Left), 51), again)
	want(t, "identify", d.wave(wire.Identify, wire.Person{}, wire.Left, palmOf(1, wire.Left), 52), one)
	hand := wire.Left
	for take := range uint64(6) {
		a := d.wave(wire.Enrol, wire.Person{}, hand, palmOf(2, hand), take)
		if take == 5 {
			want(t, "the last wave of an enrolment", a, again)
		}
		if a.Status == wire.More {
			hand = a.Hand
		}
	}
	m.fail = false
	two := d.wave(wire.Enrol, wire.Person{}, hand, palmOf(2, hand), 7)
	if two.Status != wire.Accepted {
		t.Errorf("that wave again: %v", two.Status)
	}
	want(t, "delete", d.wave(wire.Delete, one.Person, wire.Left, palmOf(1, wire.Left), 53), one)
	d.dial(m.start(t))
	want(t, "the deleted after a restart", d.wave(wire.Identify, wire.Person{}, wire.Left, palmOf(1, wire.Left), 54), wire.Answer{})
	want(t, "the enrolled after a restart", d.wave(wire.Identify, wire.Person{}, wire.Left, palmOf(2, wire.Left), 55), two)
	select {
	case <-h.vault.Done():
		t.Error("the vault gave up")
	case <-time.After(0):
	}
}
