package benchui

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"volar/hal"
	"volar/sim/attack"
	"volar/sim/palm"
	"volar/wire"
)

// conditionNames lists the conditions, sorted.
func conditionNames() []string { return slices.Sorted(maps.Keys(conditions)) }

// livingPalm is the name of what is no attack.
const livingPalm = "palm"

// thing is what is held before the cameras: a palm or an attack.
type thing interface {
	// Wave is how it is held; its Pose may be changed between shots.
	Wave() *palm.Wave
	// Shoot is what the cameras see of it.
	Shoot(l hal.Light, at time.Duration, seq uint32) hal.Shot
}

var _ thing = (*attack.Scene)(nil)

// living is a hand of flesh and blood.
type living struct {
	renderer *palm.Renderer
	wave     *palm.Wave
}

func (l living) Wave() *palm.Wave { return l.wave }

func (l living) Shoot(light hal.Light, at time.Duration, seq uint32) hal.Shot {
	return l.renderer.Shoot(l.wave, light, at, seq)
}

// theatre makes what is held, and keeps the last few hands.
type theatre struct {
	seed     uint64
	renderer *palm.Renderer

	mu    sync.Mutex
	hands map[handKey]*palm.Anatomy
}

type handKey struct {
	person int
	hand   wire.Hand
}

// maxHands bounds how many hands are kept: one takes some megabytes.
const maxHands = 12

func (t *theatre) anatomy(person int, hand wire.Hand) *palm.Anatomy {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := handKey{person, hand}
	if a := t.hands[k]; a != nil {
		return a
	}
	if t.hands == nil || len(t.hands) == maxHands {
		t.hands = map[handKey]*palm.Anatomy{}
	}
	a := palm.New(t.seed, person, hand)
	t.hands[k] = a
	return a
}

// attacker is the person whose hand carries attacks.
const attacker = maxPerson + 1

// cast makes what is held: the skin, and how it lies today, are drawn from
// the bench's seed and the person, so that the same choice is the same thing.
func (t *theatre) cast(h Held) (thing, error) {
	hand := h.hand()
	if h.What != livingPalm {
		s, err := attack.Find(h.What)
		if err != nil {
			return nil, err
		}
		a := attack.New(s, t.anatomy(h.Person, hand), t.anatomy(attacker, hand), t.seed^uint64(h.Person)<<8)
		return a.Scene(t.renderer, 0), nil
	}
	rng := rand.New(rand.NewPCG(t.seed, uint64(h.Person)<<8|uint64(hand)))
	return living{t.renderer, &palm.Wave{
		Anatomy: t.anatomy(h.Person, hand), Pose: palm.Guided(rng), Condition: conditions[h.Condition], Seed: rng.Uint64(),
	}}, nil
}
