package main

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"volar/sim/attack"
	"volar/sim/palm"
	"volar/wire"
)

// TestPadPresents holds a hand and three attacks over the device's chain.
func TestPadPresents(t *testing.T) {
	s := newPadStudio()
	victim, carrier := palm.New(3, 1, wire.Left), palm.New(3, 2, wire.Left)
	rng := func() *rand.Rand { return rand.New(rand.NewPCG(5, 5)) }
	hand, err := s.living(t.Context(), rng(), victim, palm.Condition{})
	if err != nil || hand.Refused != "" {
		t.Fatalf("a living hand: %v, %s", err, hand.Refused)
	}
	if again, err := s.living(t.Context(), rng(), victim, palm.Condition{}); err != nil || !bytes.Equal(again.Sample, hand.Sample) {
		t.Errorf("the same presentation gives other bytes (%v)", err)
	}
	u := padUnit{Enrolled: [][]byte{hand.Sample}}
	for _, name := range []string{"phone", "print-matte", "injected"} {
		species, err := attack.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.present(t.Context(), rng(), attack.New(species, victim, carrier, 2).Scene(s.renderer, arrival).Shoot)
		if err != nil {
			t.Fatal(err)
		}
		r.Species = name
		u.Records = append(u.Records, r)
	}
	if phone := u.Records[0]; phone.Sample != nil || phone.Refused == "" {
		t.Error("a screen, dark in near infrared, gave a sample")
	}
	list, err := u.judged()
	if err != nil || len(list) != 3 {
		t.Fatal(len(list), err)
	}
	if p := list[1]; p.Refused == "" && p.Values == nil {
		t.Error("a print that was captured was not measured")
	}
}

// TestPadStore keeps units whole or not at all.
func TestPadStore(t *testing.T) {
	s := &padStore{t.TempDir(), "print"}
	k := padKey{1, 2, 1}
	want := padUnit{Records: []padRecord{{Species: "wax-hand", Refused: "quality: focus"}, {Traits: []string{"cold"}, Sample: []byte("bytes")}}}
	if s.has(k) {
		t.Error("an empty folder has a unit")
	}
	if err := s.write(k, &want); err != nil {
		t.Fatal(err)
	}
	got, err := s.read(k)
	if err != nil || len(got.Records) != 2 || got.Records[0].Refused != "quality: focus" || string(got.Records[1].Sample) != "bytes" {
		t.Errorf("%+v, %v", got, err)
	}
	// What is there is not made again: making it would take half a minute.
	if err := s.fill(t.Context(), []padKey{k}, 1, io.Discard); err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(s.path(k))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path(k), b[:len(b)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.read(k); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("half a unit was read: %v", err)
	}
	if (&padStore{s.dir, "other"}).has(k) {
		t.Error("a unit of another simulator counts")
	}
}

func TestPadFlags(t *testing.T) {
	for _, args := range []string{"pad --n 0", "pad --learn 1", "pad --n 1000000", "pad extra"} {
		c := newRootCommand()
		c.SetArgs(strings.Fields(args))
		c.SetErr(io.Discard)
		if err := c.ExecuteContext(t.Context()); err == nil || strings.Contains(err.Error(), `command "pad"`) {
			t.Errorf("%s: %v", args, err)
		}
	}
	if _, err := padSample([]byte("no sample")); err == nil {
		t.Error("a broken sample was read")
	}
}
