package sim

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"volar/boards"
	"volar/hal"
	"volar/sim/attack"
	"volar/sim/palm"
	"volar/wire"
)

// Stage is where synthetic people come before a board's cameras. All that is
// on it comes from its seed. One Stage serves one Board.
type Stage struct {
	seed     uint64
	renderer *palm.Renderer
	middle   float64 // x of the middle between the cameras, mm from the NIR one

	mu    sync.Mutex
	cast  map[castKey]*palm.Anatomy
	order []castKey // of cast, the longest unused first
}

type castKey struct {
	person int
	hand   wire.Hand
}

// maxCast bounds how many hands are kept: one takes some megabytes to keep
// and a third of a second to make.
const maxCast = 16

// strangers is where the numbers of people who are never enrolled begin.
const strangers = MaxPerson + 1

// NewStage makes a stage for a board's cameras, which must be those of the
// rig: palm.DefaultRig is that of board "sim".
func NewStage(b *boards.Board, rig palm.Rig, seed uint64) (*Stage, error) {
	if err := rig.Check(); err != nil {
		return nil, fmt.Errorf("sim: new stage: %w", err)
	}
	if rig.Calibration != b.Calibration {
		return nil, fmt.Errorf("sim: new stage: the rig is not calibrated as board %s", b.Name)
	}
	return &Stage{
		seed: seed, renderer: palm.NewRenderer(rig), middle: -rig.Calibration.T[0] / 2,
		cast: map[castKey]*palm.Anatomy{},
	}, nil
}

// Blind tells whether nobody looks at the colour pictures of what follows: they
// are black then, and cost nothing. It may be called between shots.
func (s *Stage) Blind(b bool) { s.renderer.Blind = b }

// Empty is the stage without anybody on it.
func (s *Stage) Empty() Scene { return nobody{s.renderer} }

type nobody struct{ r *palm.Renderer }

func (n nobody) Shoot(l hal.Light, at time.Duration, seq uint32) hal.Shot {
	return n.r.Shoot(nil, l, at, seq)
}

// anatomy of a person's hand: the same whenever it is asked for.
func (s *Stage) anatomy(person int, hand wire.Hand) *palm.Anatomy {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := castKey{person, hand}
	for i, o := range s.order {
		if o == k {
			s.order = append(append(s.order[:i:i], s.order[i+1:]...), k)
			return s.cast[k]
		}
	}
	if len(s.order) == maxCast {
		delete(s.cast, s.order[0])
		s.order = s.order[1:]
	}
	a := palm.New(s.seed, person, hand)
	s.cast[k], s.order = a, append(s.order, k)
	return a
}

// Enter brings the person of a presentation before the cameras: with which
// hand, for the how-manieth time, and when. The same arguments give the same
// person, who then does the same on the same cues.
func (s *Stage) Enter(p *Presentation, hand wire.Hand, time0 time.Duration, wave int) *Person {
	rng := rand.New(rand.NewPCG(s.seed^p.Seed, uint64(p.ID)<<32|uint64(wave)<<8|uint64(hand)))
	who := p.Person
	switch p.Kind {
	case Stranger:
		who += strangers
	case Impostor:
		who = p.By
	}
	pose := palm.Guided
	if p.Pose == "unguided" {
		pose = palm.Unguided
	}
	q := &Person{
		renderer: s.renderer, middle: s.middle, rng: rng, obeys: p.Kind != Poor,
		wave: palm.Wave{
			Anatomy: s.anatomy(who, hand), Material: materials[p.Kind], Pose: pose(rng), Condition: conditions[p.Condition],
			Seed: rng.Uint64(), Start: time0, Arrive: 250 * time.Millisecond,
		},
	}
	if species, err := p.species(); err == nil && p.Kind == Attacking {
		// The attacker is never enrolled.
		instrument := attack.New(species, s.anatomy(who, hand), s.anatomy(who+strangers, hand), rng.Uint64())
		q.obeys, q.attack = false, instrument.Scene(s.renderer, time0)
	}
	if p.Kind == Poor {
		q.wave.Pose = palm.Poor(rng, chooseFlaw(p, rng))
	}
	return q
}

func chooseFlaw(p *Presentation, rng *rand.Rand) palm.Flaw {
	if f, err := p.flaw(); err == nil && f != nil {
		return *f
	}
	all := palm.Flaws()
	return all[rng.IntN(len(all))]
}
