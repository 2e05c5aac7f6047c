package firmware

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"volar/firmware/capture"
	"volar/firmware/quality"
	"volar/hal"
	"volar/liveness"
	"volar/sim/palm"
	"volar/wire"
)

// studio shows synthetic palms to the real eyes, without a machine round them.
type studio struct {
	rig      palm.Rig
	renderer *palm.Renderer
	hands    [6]*palm.Anatomy // both of three people, all tones
	wave     palm.Wave
	at       time.Duration
	seq      uint32
}

func newStudio() *studio {
	s := &studio{rig: palm.DefaultRig()}
	s.renderer = palm.NewRenderer(s.rig)
	for i := range s.hands {
		s.hands[i] = palm.New(20, i/2, wire.Left+wire.Hand(i%2))
	}
	return s
}

func (s *studio) Shoot(_ context.Context, l hal.Light) (hal.Shot, error) {
	s.seq++
	s.at += 33 * time.Millisecond
	return s.renderer.Shoot(&s.wave, l, s.at, s.seq), nil
}

// seen is what became of one palm.
type seen struct {
	guide   hal.Cue // CueIdle where the third look is good
	err     error   // of rectifying
	quality quality.Report
	verdict liveness.Verdict
}

// passes tells whether the palm would go to the vault.
func (s seen) passes() bool {
	return s.guide == hal.CueIdle && s.err == nil && s.quality.Pass() && s.verdict.Live()
}

// show holds palm number i before the cameras.
func (s *studio) show(t *testing.T, i int, m palm.Material, pose func(*rand.Rand) palm.Pose) (out seen) {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(i), 5))
	s.wave = palm.Wave{Anatomy: s.hands[i%len(s.hands)], Material: m, Pose: pose(rng), Seed: rng.Uint64()}
	s.at, s.seq = time.Second, 0
	look := guidance{}
	for range 3 {
		pair, err := capture.Look(t.Context(), s, &s.rig.Calibration)
		if err != nil {
			t.Fatal(err)
		}
		out.guide = look.judge(eyes{}, pair, &s.rig.Calibration)
	}
	nonce := wire.Nonce{byte(1 + i)}
	burst, err := capture.Take(t.Context(), s, &s.rig.Calibration, CodeOf(nonce))
	if err != nil {
		t.Fatal(err)
	}
	r, err := eyes{&s.rig.Calibration}.rectify(burst)
	if err != nil {
		out.err = err
		return out
	}
	if out.quality, err = quality.Measure(r.wave(burst), &s.rig.Calibration); err != nil {
		t.Fatal(err)
	}
	out.verdict = alive(r.evidence(nonce))
	return out
}

// TestPalms holds guided palms, flawed ones and attacks against the whole
// judgement. README.md has the same over many more.
func TestPalms(t *testing.T) {
	s := newStudio()
	t.Run("guided", func(t *testing.T) {
		found, good := 0, 0
		for i := range 24 {
			got := s.show(t, i, palm.Skin, palm.Guided)
			if got.err == nil {
				found++
			}
			if got.passes() {
				good++
			} else {
				t.Logf("palm %d: guide %v, %v, quality %v, liveness %v", i, got.guide, got.err, got.quality.Failed(), got.verdict.Failed())
			}
		}
		if found < 20 || good < found-1 { // how many are found is for the tests of vision
			t.Errorf("of 24 guided palms vision finds %d and %d pass", found, good)
		}
	})
	for _, f := range palm.Flaws() {
		t.Run(f.String(), func(t *testing.T) {
			for i := range 3 {
				if s.show(t, i, palm.Skin, func(r *rand.Rand) palm.Pose { return palm.Poor(r, f) }).passes() {
					t.Errorf("palm %d passes", i)
				}
			}
		})
	}
	for m := palm.LaserPrint; m <= palm.Screen; m++ {
		t.Run(m.String(), func(t *testing.T) {
			for i := range 4 {
				got := s.show(t, i, m, palm.Guided)
				if got.passes() || got.err == nil && got.verdict.Live() {
					t.Errorf("palm %d passes", i)
				}
			}
		})
	}
}
