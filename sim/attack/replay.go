package attack

import (
	"math/bits"
	"math/rand/v2"
	"time"

	"volar/hal"
	"volar/sim/palm"
)

// replay feeds recorded frames of the living victim in behind the cameras,
// under the lights, times and numbers that the device asks for.
type replay struct {
	rng   *rand.Rand
	clips int  // bursts that the attacker has recorded, each of its own code
	order bool // plays a burst from its beginning, whatever is asked

	archive []recorded
	next    int
}

// recorded is one shot with pixels of its own.
type recorded struct{ shot hal.Shot }

// injected is a wave of the living victim, recorded once or a few times.
func injected(m *maker) *Attack {
	a := &Attack{wave: palm.Wave{Anatomy: m.victim, Pose: palm.Guided(m.rng), Seed: m.rng.Uint64()}}
	a.replay = &replay{rng: m.rng, clips: 1 + m.rng.IntN(3), order: m.chance(0.3)}
	return a
}

// frame is the time from one recorded shot to the next.
const frame = 33 * time.Millisecond

// record takes the bursts of which the attacker has the frames: what any
// device would have shot for a nonce of its own.
func (p *replay) record(r *palm.Renderer, w *palm.Wave) {
	at, seq := w.Start+w.Arrive+frame, uint32(1)
	for range p.clips {
		code := p.code()
		for _, l := range append([]hal.Light{0, hal.White, hal.NIR850, hal.NIR940}, code[:]...) {
			s := r.Shoot(w, l, at, seq)
			s.RGB.Pix, s.NIR.Pix = append([]byte(nil), s.RGB.Pix...), append([]byte(nil), s.NIR.Pix...)
			p.archive = append(p.archive, recorded{s})
			at, seq = at+frame, seq+1
		}
	}
}

// code draws lights as a nonce does (wire.Flashes): each corner once, alone or
// missing, in either infrared band, at one of three strengths.
func (p *replay) code() (code [4]hal.Light) {
	for k, corner := range p.rng.Perm(4) {
		at := uint8(1) << corner
		if p.rng.IntN(2) == 1 {
			at = 15 &^ at
		}
		band := hal.NIR850
		if p.rng.IntN(2) == 1 {
			band = hal.NIR940
		}
		code[k], _ = hal.LightOf(hal.White|band, at, 2+p.rng.IntN(3))
	}
	return code
}

func (p *replay) shoot(r *palm.Renderer, w *palm.Wave, l hal.Light, at time.Duration, seq uint32) hal.Shot {
	if p.archive == nil {
		p.record(r, w)
	}
	i := p.choose(l)
	s := p.archive[i].shot
	s.RGB.Pix, s.NIR.Pix = append([]byte(nil), s.RGB.Pix...), append([]byte(nil), s.NIR.Pix...)
	s.Light = l
	s.RGB.At, s.NIR.At = at, at+s.NIR.At-p.archive[i].shot.RGB.At
	s.RGB.Seq, s.NIR.Seq = seq, seq
	return s
}

// choose is the frame to give: the next of the clip, or the likest light.
func (p *replay) choose(l hal.Light) int {
	if p.order && l.Corners() != 15 && l != 0 {
		p.next++
		return 4 + (p.next-1)%4 // the flashes as they come
	}
	best, most := 0, -1
	for i := range p.archive {
		if k := alike(p.archive[i].shot.Light, l); k > most {
			best, most = i, k
		}
	}
	return best
}

// alike ranks a recorded light against the one asked for: bands first, then
// corners, then strength.
func alike(a, b hal.Light) int {
	k := 100 * (3 - bits.OnesCount16(uint16(a.Bands()^b.Bands())))
	k += 10 * (4 - bits.OnesCount8(a.Corners()^b.Corners()))
	if a.Strength() == b.Strength() {
		k += 5
	}
	return k
}
