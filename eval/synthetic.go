package eval

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"volar/sim/palm"
	"volar/wire"
)

// A Trait is what is known of a sample: the group that it belongs to by a
// name, and which of the name's groups it is.
type Trait struct {
	Name, Value string
	Rank        int
}

// MaxPeople bounds a synthetic set.
const MaxPeople = 1 << 24

// A Synthetic is a set of synthetic people, all of them functions of one seed.
// It may be used by many goroutines at once.
type Synthetic struct {
	seed uint64

	lock    sync.Mutex // guards what follows
	palms   map[palmKey]func() *palm.Anatomy
	recent  []palmKey
	cutters []*palm.Cutter // at rest; a sync.Pool would forget them, and they are dear
}

type palmKey struct {
	person int
	hand   wire.Hand
}

// NewSynthetic names the people of a seed.
func NewSynthetic(seed uint64) *Synthetic {
	return &Synthetic{seed: seed, palms: map[palmKey]func() *palm.Anatomy{}}
}

// cutter lends a cutter until it is given back.
func (s *Synthetic) cutter() *palm.Cutter {
	s.lock.Lock()
	defer s.lock.Unlock()
	n := len(s.cutters)
	if n == 0 {
		return palm.NewCutter(palm.DefaultRig())
	}
	c := s.cutters[n-1]
	s.cutters = s.cutters[:n-1]
	return c
}

func (s *Synthetic) giveBack(c *palm.Cutter) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.cutters = append(s.cutters, c)
}

// anatomy makes a palm, or finds it where it was just made: the captures of one palm are mostly asked for together.
func (s *Synthetic) anatomy(k palmKey) *palm.Anatomy {
	const kept = 16
	s.lock.Lock()
	make, known := s.palms[k]
	if !known {
		make = sync.OnceValue(func() *palm.Anatomy { return palm.NewPalm(s.seed, k.person, k.hand) })
		s.palms[k] = make
		if s.recent = append(s.recent, k); len(s.recent) > kept {
			delete(s.palms, s.recent[0])
			s.recent = s.recent[1:]
		}
	}
	s.lock.Unlock()
	return make()
}

// Sessions and captures of a synthetic palm: three of each session.
const (
	enrolment        = 1 // guided, the hand warm
	visit            = 2 // guided or not, the hand as it comes in
	capturesPerVisit = 3
)

// A take is one synthetic capture.
type take struct {
	of               *Synthetic
	palm             palmKey
	session, capture int

	lock   sync.Mutex // guards what is known once the capture was rendered
	groups []Trait
}

// attempts is how often a hand may come in until both cameras see its palm, as the device's cues would see to.
const attempts = 8

var errOutOfView = errors.New("out of view in each attempt")

// views renders the capture, cut as vision would cut it.
func (t *take) views() (wire.Hand, []wire.View, error) {
	rng := rand.New(rand.NewPCG(t.of.seed, uint64(t.palm.person)<<32|uint64(t.palm.hand)<<24|uint64(t.session)<<16|uint64(t.capture)))
	cutter := t.of.cutter()
	defer t.of.giveBack(cutter)
	for range attempts {
		w := t.draw(rng)
		if rgb, nir, ok := cutter.Crop(w, palm.DrawMisfit(rng)); ok {
			t.lock.Lock()
			defer t.lock.Unlock()
			t.groups = groups(t.palm.hand, w) // and not the wave: a palm's anatomy takes 4 MB
			return t.palm.hand, []wire.View{rgb, nir}, nil
		}
	}
	return 0, nil, fmt.Errorf("eval: %w: %w", ErrNoPalm, errOutOfView)
}

// draw decides how the hand is held.
func (t *take) draw(rng *rand.Rand) *palm.Wave {
	w := &palm.Wave{Anatomy: t.of.anatomy(t.palm)}
	if t.session == enrolment {
		w.Pose = palm.Guided(rng)
		w.Condition.Oil = 0.4 * rng.Float64()
	} else {
		w.Pose = palm.Guided(rng)
		if t.capture%2 == 1 {
			w.Pose = palm.Unguided(rng)
		}
		w.Condition.Oil = 0.6 * rng.Float64()
		w.Condition.Cold = max(0, 1.5*rng.Float64()-0.5) // a third of the hands are warm
	}
	w.Seed = rng.Uint64()
	return w
}

// traits are the groups of the capture, once it was rendered.
func (t *take) traits() []Trait {
	t.lock.Lock()
	defer t.lock.Unlock()
	return t.groups
}

func groups(hand wire.Hand, w *palm.Wave) []Trait {
	tilt := math.Abs(w.Pose.TiltX) + math.Abs(w.Pose.TiltY)
	return []Trait{
		{"hand", hand.String(), int(hand)},
		class("skin tone", w.Anatomy.Tone(), "light", 1./3, "medium", 2./3, "dark"),
		class("distance", w.Pose.Distance, "50 to 75 mm", 75, "75 to 95 mm", 95, "95 to 120 mm"),
		class("tilt", tilt, "under 5°", 5, "5° to 10°", 10, "over 10°"),
		class("temperature", w.Condition.Cold, "warm", 1./3, "cool", 2./3, "cold"),
	}
}

func class(name string, v float64, low string, a float64, middle string, b float64, high string) Trait {
	switch {
	case v < a:
		return Trait{name, low, 0}
	case v < b:
		return Trait{name, middle, 1}
	}
	return Trait{name, high, 2}
}

// SyntheticBands is what a synthetic set calls its bands.
var SyntheticBands = BandNames{RGB: "white", NIR: "850"}

// Samples are the captures of some hands of the first people of a set: captures
// 1 to 3 of session 1, which enrols with cues, and 4 to 6 of session 2, every
// other one held without. Bands are named as in SyntheticBands.
func (s *Synthetic) Samples(people int, bands BandNames, pick Selector, hands ...wire.Hand) ([]Sample, error) {
	if people < 1 || people > MaxPeople {
		return nil, fmt.Errorf("eval: %d synthetic people, want 1 to %d", people, MaxPeople)
	}
	if bands.RGB != "" && bands.RGB != SyntheticBands.RGB || bands.NIR != "" && bands.NIR != SyntheticBands.NIR {
		return nil, fmt.Errorf("eval: bands rgb=%s,nir=%s: a synthetic set has rgb=%s,nir=%s", bands.RGB, bands.NIR, SyntheticBands.RGB, SyntheticBands.NIR)
	}
	var out []Sample
	for person := range people {
		for _, hand := range hands {
			for capture := 1; capture <= 2*capturesPerVisit; capture++ {
				session := enrolment + (capture-1)/capturesPerVisit
				if pick.Picks(&Row{Session: session, Capture: capture}) {
					out = append(out, s.sample(palmKey{person, hand}, session, capture, bands))
				}
			}
		}
	}
	return out, nil
}

func (s *Synthetic) sample(k palmKey, session, capture int, bands BandNames) Sample {
	t := &take{of: s, palm: k, session: session, capture: capture}
	name := fmt.Sprintf("%05d%c", k.person, k.hand.String()[0])
	return Sample{
		Palm: name, ID: fmt.Sprintf("%s/%d/%d", name, session, capture),
		Traits: t.traits, Shown: true,
		Views: func() (wire.Hand, []wire.View, error) {
			hand, views, err := t.views()
			if err != nil {
				return 0, nil, err
			}
			if bands.NIR == "" {
				views = views[:1]
			}
			if bands.RGB == "" {
				views = views[1:]
			}
			return hand, views, nil
		},
	}
}
