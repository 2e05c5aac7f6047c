package sim

import (
	"bytes"
	"math"
	"os"
	"testing"
	"time"

	"volar/boards"
	"volar/hal"
	"volar/sim/palm"
	"volar/wire"
)

func newTestStage(t *testing.T, seed uint64) *Stage {
	t.Helper()
	b, err := boards.Load(os.DirFS("../boards"), "sim")
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewStage(b, palm.DefaultRig(), seed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// held brings somebody before the cameras in a pose, at rest.
func held(t *testing.T, s *Stage, kind Kind, pose palm.Pose) *Person {
	t.Helper()
	p := s.Enter(&Presentation{ID: 1, Purpose: "identify", Kind: kind}, wire.Left, 0, 0)
	p.wave.Pose, p.wave.Arrive = pose, 0
	return p
}

// after is the pose when the cue has been shown for a while.
func after(p *Person, cue hal.Cue, d time.Duration) palm.Pose {
	const frame = 33 * time.Millisecond
	p.seen = frame
	p.Cue(cue)
	for at := frame; at < d; at += frame {
		p.live(at)
	}
	return p.now(d)
}

func TestPersonObeys(t *testing.T) {
	s := newTestStage(t, 1)
	rest := palm.Pose{Distance: 85, X: s.middle, Spread: 1}
	for _, c := range []struct {
		cue    hal.Cue
		from   func(*palm.Pose)
		better func(palm.Pose) bool
	}{
		{hal.CueCloser, func(p *palm.Pose) { p.Distance = 160 }, func(p palm.Pose) bool { return p.Distance < 130 }},
		{hal.CueFarther, func(p *palm.Pose) { p.Distance = 40 }, func(p palm.Pose) bool { return p.Distance > 65 }},
		{hal.CueFlatter, func(p *palm.Pose) { p.TiltX, p.Cup = 35, 0.01 }, func(p palm.Pose) bool { return math.Abs(p.TiltX) < 15 && p.Cup < 0.007 }},
		{hal.CueSpread, func(p *palm.Pose) { p.Spread = -0.2 }, func(p palm.Pose) bool { return p.Spread > 0.5 }},
		{hal.CueCentre, func(p *palm.Pose) { p.X, p.Y = 70, -40 }, func(p palm.Pose) bool { return math.Abs(p.X-s.middle) < 20 && math.Abs(p.Y) < 15 }},
		{hal.CueStill, func(p *palm.Pose) { p.Velocity[0], p.Tremor = 200, 2 }, func(p palm.Pose) bool { return math.Abs(p.Velocity[0]) < 30 && p.Tremor < 1 }},
	} {
		pose := rest
		c.from(&pose)
		if got := after(held(t, s, Genuine, pose), c.cue, 2500*time.Millisecond); !c.better(got) {
			t.Errorf("%v: a genuine person is at %+v", c.cue, got)
		}
		if got := after(held(t, s, Poor, pose), c.cue, 2500*time.Millisecond); c.better(got) && c.cue != hal.CueStill {
			t.Errorf("%v: a person who heeds nothing moved to %+v", c.cue, got)
		}
		if got := after(held(t, s, Genuine, pose), c.cue, 100*time.Millisecond); c.better(got) {
			t.Errorf("%v: obeyed faster than people can", c.cue)
		}
	}
}

// A cue that asks for nothing, and one that came while the hand was still
// coming, move nobody at once.
func TestPersonHoldsStill(t *testing.T) {
	s := newTestStage(t, 1)
	pose := palm.Pose{Distance: 85, X: s.middle, Spread: 1}
	for _, cue := range []hal.Cue{hal.CueWorking, hal.CueAccepted, hal.CueIdle} {
		if got := after(held(t, s, Genuine, pose), cue, 2*time.Second); got != pose {
			t.Errorf("%v: moved to %+v", cue, got)
		}
	}
	p := s.Enter(&Presentation{ID: 1, Purpose: "identify", Kind: Genuine}, wire.Left, 0, 0)
	p.Cue(hal.CueCloser)
	rest := p.wave.Start + p.wave.Arrive
	p.live(rest)
	p.live(rest + 400*time.Millisecond)
	if p.until != 0 {
		t.Error("moved on by a cue that the movement may have answered already")
	}
	p.live(rest + time.Second)
	if p.until == 0 {
		t.Error("never heeded a cue that stayed")
	}
}

// Equal scripts, seeds and cues give equal pixels; other waves do not.
func TestPeopleAreRepeatable(t *testing.T) {
	s := newTestStage(t, 7)
	shoot := func(p *Presentation, hand wire.Hand, wave int) []byte {
		q := s.Enter(p, hand, time.Second, wave)
		q.Cue(hal.CueFlatter)
		var last hal.Shot
		for n := range 3 {
			last = q.Shoot(hal.NIR850, time.Second+time.Duration(n)*400*time.Millisecond, uint32(n))
		}
		if err := last.Check(); err != nil {
			t.Fatal(err)
		}
		return bytes.Clone(last.NIR.Pix)
	}
	p := &Presentation{ID: 3, Purpose: "identify", Person: 2, Kind: Genuine}
	one := shoot(p, wire.Left, 0)
	if !bytes.Equal(one, shoot(p, wire.Left, 0)) {
		t.Error("the same presentation shows something else")
	}
	stranger := *p
	stranger.Kind = Stranger
	for name, b := range map[string][]byte{
		"wave": shoot(p, wire.Left, 1), "hand": shoot(p, wire.Right, 0), "person": shoot(&stranger, wire.Left, 0),
	} {
		if bytes.Equal(one, b) {
			t.Errorf("another %s shows the same", name)
		}
	}
}

func TestStageKeepsFewHands(t *testing.T) {
	s := &Stage{cast: map[castKey]*palm.Anatomy{}}
	first := s.anatomy(0, wire.Left)
	for n := range maxCast {
		s.cast[castKey{n + 1, wire.Right}] = first // as if made
		s.order = append(s.order, castKey{n + 1, wire.Right})
	}
	s.order = s.order[:maxCast]
	if s.anatomy(0, wire.Left) != first {
		t.Error("a hand that is kept was made again")
	}
	s.anatomy(99, wire.Left)
	if len(s.order) != maxCast || s.cast[castKey{0, wire.Left}] == nil || s.cast[castKey{1, wire.Right}] != nil {
		t.Errorf("%d hands are kept; the longest unused should have gone", len(s.order))
	}
}
