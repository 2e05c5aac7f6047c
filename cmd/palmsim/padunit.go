package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"volar/firmware"
	"volar/firmware/capture"
	"volar/firmware/vision"
	"volar/hal"
	"volar/sim/attack"
	"volar/sim/palm"
	"volar/wire"
)

// padUnit is what one person's palm is presented with: living hands and every
// species of attack on it, as the device makes samples of them.
type padUnit struct {
	Enrolled [][]byte // samples of the person, as enrolled
	Records  []padRecord
}

// padRecord is one presentation.
type padRecord struct {
	Species string   // of an attack; "" is a living hand
	Traits  []string // of a living hand
	Refused string   // why the device made no sample; "" where it did
	Sample  []byte   // a wire.Sample
}

const (
	padPerSpecies = 3 // presentations of each species in a unit
	padEnrolled   = 3 // waves of the person that are enrolled
)

// padStudio presents things to the device's own chain: capture, vision,
// quality, and the making of the sample.
type padStudio struct {
	rig      palm.Rig
	renderer *palm.Renderer
}

func newPadStudio() *padStudio {
	rig := palm.DefaultRig()
	return &padStudio{rig, palm.NewRenderer(rig)}
}

// padCamera shows a scene, frame by frame.
type padCamera struct {
	shoot func(hal.Light, time.Duration, uint32) hal.Shot
	at    time.Duration
	seq   uint32
}

func (c *padCamera) Shoot(_ context.Context, l hal.Light) (hal.Shot, error) {
	c.seq++
	c.at += 33 * time.Millisecond
	return c.shoot(l, c.at, c.seq), nil // by its own clock, however slow the machine is
}

// arrival is when a hand has come to rest over the device.
const arrival = 2 * time.Second

// present takes one burst of a scene, under a nonce of its own.
func (s *padStudio) present(ctx context.Context, rng *rand.Rand, shoot func(hal.Light, time.Duration, uint32) hal.Shot) (r padRecord, err error) {
	if err := ctx.Err(); err != nil {
		return r, err
	}
	var nonce wire.Nonce
	for i := 0; i < len(nonce); i += 8 {
		binary.LittleEndian.PutUint64(nonce[i:], rng.Uint64())
	}
	cam := &padCamera{shoot: shoot, at: arrival}
	burst, err := capture.Take(ctx, cam, &s.rig.Calibration, firmware.CodeOf(nonce))
	if err != nil {
		return r, err
	}
	defer burst.Wipe()
	sample, err := firmware.Sample(burst, &s.rig.Calibration, nonce)
	if err != nil {
		r.Refused = padReason(err)
		return r, nil
	}
	r.Sample, err = wire.Encode(sample)
	sample.Wipe()
	if err != nil {
		return r, fmt.Errorf("palmsim: pad: %w", err)
	}
	return r, nil
}

// padReason is why no sample was made, in a few words.
func padReason(err error) string {
	for _, known := range []error{vision.ErrNoHand, vision.ErrFingersClosed, vision.ErrCutOff, vision.ErrUnsure, vision.ErrNotRegistered} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if errors.Is(err, firmware.ErrPoor) {
		_, what, _ := strings.Cut(err.Error(), firmware.ErrPoor.Error()+": ")
		return "quality: " + what
	}
	return strings.TrimPrefix(err.Error(), "firmware: sample: ")
}

// reason is Refused without the details of one presentation.
func (r *padRecord) reason() string {
	short, _, _ := strings.Cut(r.Refused, ",")
	short, _, _ = strings.Cut(short, ": under ")
	return strings.TrimPrefix(short, "proof: make: ")
}

// padKey names a unit: which people, and how many living hands beside the attacks.
type padKey struct {
	seed   uint64
	number int
	living int // rounds of the list of living hands
}

// unit presents everything of one unit.
func (s *padStudio) unit(ctx context.Context, k padKey) (u padUnit, err error) {
	rng := rand.New(rand.NewPCG(k.seed, uint64(k.number)+1))
	hand := wire.Left + wire.Hand(k.number%2)
	victim, carrier := palm.New(k.seed, 2*k.number, hand), palm.New(k.seed, 2*k.number+1, hand)
	for range padEnrolled {
		r, err := s.living(ctx, rng, victim, palm.Condition{})
		if err != nil {
			return u, err
		}
		if r.Sample != nil {
			u.Enrolled = append(u.Enrolled, r.Sample)
		}
	}
	for range k.living {
		if err := s.crowd(ctx, rng, &u, k, victim, carrier); err != nil {
			return u, err
		}
	}
	for _, species := range attack.All {
		for range padPerSpecies {
			scene := attack.New(species, victim, carrier, rng.Uint64()).Scene(s.renderer, arrival)
			r, err := s.present(ctx, rng, scene.Shoot)
			if err != nil {
				return u, err
			}
			r.Species = species.Name
			u.Records = append(u.Records, r)
		}
	}
	return u, nil
}

// living presents a hand.
func (s *padStudio) living(ctx context.Context, rng *rand.Rand, a *palm.Anatomy, c palm.Condition) (padRecord, error) {
	w := &palm.Wave{Anatomy: a, Pose: palm.Guided(rng), Condition: c, Seed: rng.Uint64(), Start: arrival}
	return s.present(ctx, rng, func(l hal.Light, at time.Duration, seq uint32) hal.Shot {
		return s.renderer.Shoot(w, l, at, seq)
	})
}

// crowd presents living hands of each kind that error rates are told for.
func (s *padStudio) crowd(ctx context.Context, rng *rand.Rand, u *padUnit, k padKey, victim, carrier *palm.Anatomy) error {
	old := func() *palm.Anatomy {
		return palm.NewAged(k.seed, 1_000_000+rng.IntN(1_000_000), victim.Hand(), 0.4+0.6*rng.Float64())
	}
	elder, eldest := old(), old()
	for _, c := range []struct {
		trait string
		hand  *palm.Anatomy
		with  palm.Condition
	}{
		{"", victim, palm.Condition{}}, {"", victim, palm.Condition{}}, {"", carrier, palm.Condition{}}, {"", carrier, palm.Condition{}},
		{"cold", victim, palm.Condition{Cold: 0.5 + 0.5*rng.Float64()}}, {"cold", carrier, palm.Condition{Cold: 0.5 + 0.5*rng.Float64()}},
		{"moist", victim, palm.Condition{Oil: 0.4 + 0.6*rng.Float64()}}, {"moist", carrier, palm.Condition{Oil: 0.4 + 0.6*rng.Float64()}},
		{"ring", victim, palm.Condition{Ring: true}}, {"ring", carrier, palm.Condition{Ring: true}},
		{"plaster", victim, palm.Condition{Plaster: true}}, {"plaster", carrier, palm.Condition{Plaster: true}},
		{"aged", elder, palm.Condition{}}, {"aged", elder, palm.Condition{}}, {"aged", eldest, palm.Condition{}}, {"aged", eldest, palm.Condition{}},
	} {
		r, err := s.living(ctx, rng, c.hand, c.with)
		if err != nil {
			return err
		}
		r.Traits = padTraits(c.hand, c.trait)
		u.Records = append(u.Records, r)
	}
	return nil
}

// padTraits are the groups that a living hand counts in.
func padTraits(a *palm.Anatomy, trait string) []string {
	tone := []string{"skin tone I to II", "skin tone III to IV", "skin tone V to VI"}[min(int(a.Tone()*3), 2)]
	switch trait {
	case "":
		return []string{tone, "warm, dry, nothing on it"}
	case "aged":
		return []string{tone, "skin of 50 years and more"}
	case "ring":
		return []string{tone, "with a ring"}
	case "plaster":
		return []string{tone, "with a plaster"}
	}
	return []string{tone, trait}
}
