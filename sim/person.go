package sim

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"volar/hal"
	"volar/sim/attack"
	"volar/sim/palm"
)

// Person is a Scene: a synthetic person who holds a hand over the device, sees
// its face, and does what it says as people do: after a moment, by about as
// much as seems right, and again as long as the cue stays.
type Person struct {
	renderer *palm.Renderer
	middle   float64
	obeys    bool
	attack   *attack.Scene // what is held out in place of the hand, or nil

	mu    sync.Mutex
	rng   *rand.Rand
	wave  palm.Wave // of the current piece of the movement; a new piece is a new wave
	goal  palm.Pose // where the current movement ends
	until time.Duration
	seen  time.Duration // of the last shot
	cue   hal.Cue
	early bool          // the cue came before the hand had come to rest
	told  int           // how often the cue has been obeyed
	act   time.Duration // when the person next does what the cue says; 0 is as soon as it is seen
}

var _ Guided = (*Person)(nil)

// How long people take, after measurements of reaction to visual cues (about
// 250 ms) and of aimed movements of some centimetres (about 400 ms).
const (
	moveFor  = 360 * time.Millisecond
	shortest = 180 * time.Millisecond // reaction
	longest  = 380 * time.Millisecond
)

// Cue is what the face shows from now on.
func (p *Person) Cue(c hal.Cue) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c != p.cue {
		p.cue, p.act, p.told = c, 0, 0
		p.early = p.seen < p.wave.Start+p.wave.Arrive
	}
}

// Shoot shows the person's hand.
func (p *Person) Shoot(l hal.Light, at time.Duration, seq uint32) hal.Shot {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = at
	if p.attack != nil {
		return p.attack.Shoot(l, at, seq)
	}
	p.live(at)
	return p.renderer.Shoot(&p.wave, l, at, seq)
}

// live brings the person to a time: the movement goes on, or a new one begins.
func (p *Person) live(at time.Duration) {
	if !p.obeys || at < p.wave.Start+p.wave.Arrive {
		return
	}
	switch {
	case p.until > 0 && at >= p.until:
		p.until = 0
		p.piece(p.goal, at)
		p.act = at + p.doubt()
	case p.until > 0:
	case p.act == 0 && p.early:
		p.act = at + p.doubt() // it was said while the hand came in, which may have been all it takes
	case p.act == 0:
		p.act = at + p.reaction()
	case at >= p.act:
		p.begin(at)
	}
}

func (p *Person) reaction() time.Duration {
	return shortest + time.Duration(p.rng.Float64()*float64(longest-shortest))
}

// doubt is how long a person waits, after a movement, whether the cue that is
// still there means more of it. A cue to hover is heeded once.
func (p *Person) doubt() time.Duration {
	if p.cue == hal.CueHover && p.told > 0 {
		return math.MaxInt64 / 2
	}
	return 500*time.Millisecond + time.Duration(p.rng.Float64()*float64(300*time.Millisecond))
}

// begin starts what the cue asks for.
func (p *Person) begin(at time.Duration) {
	from := p.now(at)
	to, ok := p.obey(from)
	p.told++
	p.act = math.MaxInt64 // nothing to do until another cue
	if !ok {
		return
	}
	p.goal, p.until = to, at+moveFor
	move := from
	for i, d := range []float64{to.X - from.X, to.Y - from.Y, to.Distance - from.Distance} {
		move.Velocity[i] = d / moveFor.Seconds()
	}
	move.Spin = 0
	p.piece(move, at)
}

// piece makes a new piece of the movement: from now on the hand is in pose.
func (p *Person) piece(pose palm.Pose, at time.Duration) {
	p.wave.Pose, p.wave.Start, p.wave.Arrive = pose, at, 0
}

// now is the pose at a time, without the trembling.
func (p *Person) now(at time.Duration) palm.Pose {
	s := (at - p.wave.Start - p.wave.Arrive).Seconds()
	q := p.wave.Pose
	q.X += q.Velocity[0] * s
	q.Y += q.Velocity[1] * s
	q.Distance += q.Velocity[2] * s
	q.Rotation += q.Spin * s
	return q
}

// obey is the pose that the cue asks for, as the person understands it; ok
// is false where the cue asks for no movement.
func (p *Person) obey(q palm.Pose) (pose palm.Pose, ok bool) {
	share := func() float64 { return 0.1 + 0.4*p.rng.Float64() } // of an error that stays
	step := 12 + 16*p.rng.Float64()                              // mm
	switch p.cue {
	case hal.CueCloser:
		q.Distance -= step
	case hal.CueFarther:
		q.Distance += step
	case hal.CueFlatter:
		q.TiltX, q.TiltY = q.TiltX*share(), q.TiltY*share()
		q.Cup, q.Flex, q.Curl = q.Cup*0.6, q.Flex*0.6, q.Curl*0.6
	case hal.CueSpread:
		q.Spread = min(q.Spread+0.3+0.4*p.rng.Float64(), 1.3)
	case hal.CueCentre, hal.CueHover:
		q.X = p.middle + (q.X-p.middle)*share()
		q.Y *= share()
		q.Rotation *= share()
		if p.told > 0 {
			q.Distance += step / 2 // it did not help, so people draw the hand back
		}
	case hal.CueStill:
		q.Tremor *= 0.6
	default:
		return q, false
	}
	// Whoever attends to the hand holds it more still, and moves it a little
	// in ways that were not asked for.
	for i := range q.Velocity {
		q.Velocity[i] *= 0.3
	}
	q.Spin *= 0.3
	q.X += p.rng.NormFloat64() * 1.5
	q.Y += p.rng.NormFloat64() * 1.5
	q.Distance = max(q.Distance+p.rng.NormFloat64()*2, 55) // nobody wants to touch it
	q.TiltX += p.rng.NormFloat64()
	q.TiltY += p.rng.NormFloat64()
	return q, true
}
