package matcher

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"volar/wire"
)

// drawn codes a drawn palm in a scheme.
func drawn(t *testing.T, s *Scheme, seed uint64, move, turn float64) *Capture {
	t.Helper()
	c, err := s.Encode(wire.Left, []wire.View{
		view(wire.RGB, lines(seed, 3, move, -move, turn, 3)),
		view(wire.NIR, lines(seed+1000, 1, move, -move, turn, 3)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func template(t *testing.T, c *Capture) []byte {
	t.Helper()
	b, err := c.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// In a scheme a palm is found as in the plain one, also moved and turned to either side.
func TestSchemeFindsItsOwn(t *testing.T) {
	a := NewScheme([32]byte{1})
	enrolled := drawn(t, a, 1, 0, 0)
	stranger := NewProbe(drawn(t, a, 2, 0, 0)).Compare(enrolled)
	for _, m := range []struct{ move, turn float64 }{{0, 0}, {6, 0}, {3, 9}, {-4, -9}} {
		if s := NewProbe(drawn(t, a, 1, m.move, m.turn)).Compare(enrolled); s.Fused > stranger.Fused-0.1 {
			t.Errorf("moved by %v: distance %.3f, a stranger's is %.3f", m, s.Fused, stranger.Fused)
		}
	}
}

// A stored template comes back under its key alone, and says that it needs one.
func TestSchemeTemplates(t *testing.T) {
	a, b := NewScheme([32]byte{1}), NewScheme([32]byte{2})
	c := drawn(t, a, 1, 0, 0)
	made := template(t, c)
	stored, err := a.Scatter(made)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := a.Gather(stored); err != nil || !bytes.Equal(back, made) {
		t.Errorf("a template does not come back as it was made (%v)", err)
	}
	if _, err := ParseCapture(stored); !errors.Is(err, ErrTemplate) {
		t.Errorf("read without its key: %v", err)
	}
	if _, err := a.Gather(made); !errors.Is(err, ErrTemplate) {
		t.Errorf("gathered what was never scattered: %v", err)
	}
	if _, err := a.Scatter(stored); !errors.Is(err, ErrTemplate) {
		t.Errorf("scattered twice: %v", err)
	}
	wrong, err := b.Gather(stored)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := ParseCapture(wrong)
	if err != nil {
		t.Fatal(err)
	}
	if s := NewProbe(c).Compare(parsed); s.Fused < 0.4 {
		t.Errorf("read with another key it still lies %.3f from its capture", s.Fused)
	}
}

// stored is a palm's template as a tenant keeps it.
func stored(t *testing.T, s *Scheme, seed uint64) []byte {
	t.Helper()
	b, err := s.Scatter(template(t, drawn(t, s, seed, 0, 0)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Two tenants' templates of one palm differ in about half of the bits that can be relied upon.
func TestSchemeTemplatesShareNothing(t *testing.T) {
	one := stored(t, NewScheme([32]byte{1}), 1)[templateHead:]
	two := stored(t, NewScheme([32]byte{2}), 1)[templateHead:]
	const half = bandBytes / 2
	same, n := 0, 0
	for i := range 8 * half {
		at := func(b []byte, care int) byte { return b[care*half+i/8] >> (i % 8) & 1 }
		if at(one, 1)&at(two, 1) == 1 {
			n++
			same += int(1 ^ at(one, 0) ^ at(two, 0))
		}
	}
	if share := float64(same) / float64(n); share < 0.45 || share > 0.55 {
		t.Errorf("%.3f of %d bits agree, want a half", share, n)
	}
}

// A plane under a key shows lines of about the directions that it shows plainly, and every key has another order of storing them.
func TestSchemeKeepsDirections(t *testing.T) {
	const step = math.Pi / planes
	orders := map[[planes]int]bool{}
	for seed := range uint64(200) {
		g, order := drawGabors(rand.New(rand.NewPCG(seed, 0)))
		orders[order] = true
		for k := range g {
			if off := math.Remainder(g[k].angle-step*float64(k), math.Pi); math.Abs(off) > step/2+jitter*math.Pi/180+1e-9 {
				t.Errorf("seed %d: plane %d is turned by %.0f degrees", seed, k, off*180/math.Pi)
			}
		}
	}
	if len(orders) < 100 {
		t.Errorf("%d orders of planes in 200 schemes", len(orders))
	}
}

// A record must be readable on another machine by another release.
func TestSchemeIsTheSameEverywhere(t *testing.T) {
	scheme := NewScheme([32]byte{1, 2, 3})
	c, err := scheme.Encode(wire.Left, []wire.View{view(wire.NIR, mosaic(1))})
	if err != nil {
		t.Fatal(err)
	}
	b, err := scheme.Scatter(template(t, c))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	if got, want := hex.EncodeToString(sum[:8]), "853f9dd3d1f0a68e"; got != want {
		t.Errorf("template %s, want %s", got, want)
	}
}

func FuzzSchemeGather(f *testing.F) {
	s := NewScheme([32]byte{1})
	c, err := s.Encode(wire.Left, []wire.View{view(wire.NIR, mosaic(1))})
	if err != nil {
		f.Fatal(err)
	}
	made, err := c.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	seed, err := s.Scatter(made)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, b []byte) {
		plain, err := s.Gather(b)
		if err != nil {
			return
		}
		if _, err := ParseCapture(plain); err != nil {
			t.Errorf("what was gathered is no template: %v", err)
		}
		if again, err := s.Scatter(plain); err != nil || !bytes.Equal(again, b) {
			t.Errorf("what was gathered does not scatter to what it was (%v)", err)
		}
	})
}
