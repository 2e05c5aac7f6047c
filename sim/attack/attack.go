// Package attack makes presentation attacks (ISO/IEC 30107-1: presentation
// attack instruments) out of what they are made of: how each material
// reflects at five wavelengths, mirrors and scatters, what shape it takes and
// how it is held. Nothing tells a camera that it sees an attack. Each species
// varies by seed within what such things vary by.
package attack

import (
	"fmt"
	"math/rand/v2"
	"time"

	"volar/hal"
	"volar/sim/palm"
)

// Species is one kind of attack: instruments made by one method.
type Species struct {
	Name  string
	About string // what it is, in a line
	make  func(*maker) *Attack
}

// All species, in the order in which reports list them.
var All = []Species{
	{"print-matte", "colour laser print of the palm on plain paper", colourLaser},
	{"print-glossy", "colour ink-jet print of the palm on photo paper", colourGlossy},
	{"nir-laser", "laser print of the near-infrared picture", greyLaser},
	{"nir-inkjet", "ink-jet print of the near-infrared picture", greyInkjet},
	{"print-combined", "colour print with the near-infrared picture in carbon black", combined},
	{"phone", "the palm on the screen of a phone", phone},
	{"tablet", "the palm on the screen of a tablet", tablet},
	{"video", "a moving palm on a screen", video},
	{"print-wrapped", "a print wrapped round a living hand", wrapped},
	{"silicone-glove", "a silicone glove with the palm's creases, on a living hand", silicone},
	{"latex-glove", "a latex glove with the palm drawn on it, on a living hand", latex},
	{"wax-hand", "a hand cast in wax", wax},
	{"gelatin", "a gelatin overlay on a living palm", gelatin},
	{"cut-out", "a print of the palm with holes for living fingers", cutOut},
	{"hand-under-print", "a living hand of somebody else behind a thin print or a printed foil", underPrint},
	{"bloodless", "a hand without blood flow", bloodless},
	{"injected", "recorded frames fed in behind the cameras", injected},
}

// Find is the species of a name.
func Find(name string) (Species, error) {
	for _, s := range All {
		if s.Name == name {
			return s, nil
		}
	}
	return Species{}, fmt.Errorf("attack: unknown species %.40q", name)
}

// Attack is one instrument, ready to be held out.
type Attack struct {
	wave   palm.Wave
	replay *replay // of frames; nil: the wave is what the cameras see
}

// New makes an instrument that imitates the victim's hand. The carrier is the
// attacker's own hand, of the same side; species that need none leave it. The same
// arguments give the same instrument.
func New(s Species, victim, carrier *palm.Anatomy, seed uint64) *Attack {
	rng := rand.New(rand.NewPCG(seed, 0xa77ac4))
	return s.make(&maker{rng: rng, victim: victim, carrier: carrier, seed: seed})
}

// Wave is how the instrument is held, beginning at a time since boot: as near
// to what the device asks for as attackers manage who have practised.
func (a *Attack) Wave(start time.Duration) *palm.Wave {
	w := a.wave
	w.Start = start
	return &w
}

// Scene is the instrument before the cameras of a renderer.
func (a *Attack) Scene(r *palm.Renderer, start time.Duration) *Scene {
	return &Scene{renderer: r, wave: a.Wave(start), replay: a.replay}
}

// Scene shows an attack to a camera. It serves one goroutine.
type Scene struct {
	renderer *palm.Renderer
	wave     *palm.Wave
	replay   *replay
}

// Wave is what is held; its Pose may be changed between shots.
func (s *Scene) Wave() *palm.Wave { return s.wave }

// Shoot returns what the device gets for a light at a time since boot. Pix is
// valid until the next Shoot.
func (s *Scene) Shoot(l hal.Light, at time.Duration, seq uint32) hal.Shot {
	if s.replay != nil {
		return s.replay.shoot(s.renderer, s.wave, l, at, seq)
	}
	return s.renderer.Shoot(s.wave, l, at, seq)
}

// maker holds what species are made from.
type maker struct {
	rng             *rand.Rand
	victim, carrier *palm.Anatomy
	seed            uint64
}

func (m *maker) between(a, b float64) float64 { return a + (b-a)*m.rng.Float64() }
func (m *maker) chance(p float64) bool        { return m.rng.Float64() < p }

// held is a thing in an attacker's hand or on it.
func (m *maker) held(a *palm.Anatomy, t *palm.Thing) *Attack {
	pose := palm.Guided(m.rng)
	return &Attack{wave: palm.Wave{Anatomy: a, Thing: t, Pose: pose, Seed: m.rng.Uint64()}}
}
