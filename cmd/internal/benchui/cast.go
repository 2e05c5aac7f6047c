package benchui

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"volar/sim/palm"
	"volar/wire"
)

// materials are the presentation attacks, by the names that the page has.
var materials = map[string]palm.Material{
	"palm": palm.Skin, "laser print": palm.LaserPrint, "ink-jet print": palm.InkjetPrint, "vein print": palm.VeinPrint, "screen": palm.Screen,
}

// attackNames lists the attacks, sorted.
func attackNames() []string {
	var names []string
	for n, m := range materials {
		if m != palm.Skin {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

// conditionNames lists the conditions, sorted.
func conditionNames() []string { return slices.Sorted(maps.Keys(conditions)) }

// theatre makes what is held, and keeps the last few hands.
type theatre struct {
	seed uint64

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

// cast makes what is held: the skin, and how it lies today, are drawn from
// the bench's seed and the person, so that the same choice is the same thing.
func (t *theatre) cast(h Held) *palm.Wave {
	rng := rand.New(rand.NewPCG(t.seed, uint64(h.Person)<<8|uint64(h.hand())))
	return &palm.Wave{
		Anatomy: t.anatomy(h.Person, h.hand()), Material: materials[h.What], Pose: palm.Guided(rng),
		Condition: conditions[h.Condition], Seed: rng.Uint64(),
	}
}
