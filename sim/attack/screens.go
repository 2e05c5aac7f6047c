package attack

import (
	"math"
	"time"

	"volar/hal"
	"volar/sim/palm"
)

// display is a liquid crystal or OLED screen: red, green and blue diodes and
// nothing beyond 700 nm; polarisers and glass send back a few per cent of what
// falls on them in the near infrared, and what they mirror is sharp.
func (m *maker) display(width, height, grid float64, slide func(time.Duration) palm.Point) *Attack {
	panel := float32(m.between(0.02, 0.09))
	ratio := float32(m.between(0.95, 1.05))
	bright := float32(m.between(0.7, 1))
	dx, dy := m.rng.NormFloat64()*4, 5+m.rng.NormFloat64()*6
	backdrop := float32(m.between(0.01, 0.06))
	f := palm.Finish{Glow: m.between(0.05, 0.6), Grid: grid}
	f.Polish[hal.RGB] = m.between(0.01, 0.04)
	f.Polish[hal.NIR] = f.Polish[hal.RGB]
	return m.held(m.victim, palm.NewThing(palm.Recipe{
		Hand: m.victim, Form: palm.Form{Sheet: true, Margin: 400}, Finish: f, Slide: slide,
		Paint: func(at palm.Point, l, _ palm.Look) palm.Look {
			out := palm.Look{}
			for c := range 3 {
				out.Seen[c] = backdrop
				if l.Edge < 0 {
					out.Seen[c] = min(bright*1.6*l.Seen[c], 1)
				}
			}
			out.Seen[palm.At850], out.Seen[palm.At940] = panel, panel*ratio
			out.Edge = float32(max(math.Abs(at.X-dx)-width/2, math.Abs(at.Y-dy)-height/2))
			return out
		},
	}))
}

func phone(m *maker) *Attack {
	return m.display(m.between(64, 78), m.between(135, 165), m.between(0.045, 0.08), nil)
}

func tablet(m *maker) *Attack {
	return m.display(m.between(150, 215), m.between(215, 280), m.between(0.08, 0.12), nil)
}

// video moves as a hand does: it drifts and trembles.
func video(m *maker) *Attack {
	vx, vy := m.rng.NormFloat64()*8, m.rng.NormFloat64()*8
	size, rate, phase := m.between(0.05, 0.4), m.between(8, 12), m.between(0, 2*math.Pi)
	slide := func(at time.Duration) palm.Point {
		// The film runs in a loop of two seconds at 60 pictures a second.
		t := math.Floor(math.Mod(at.Seconds(), 2)*60) / 60
		shake := size * math.Sin(2*math.Pi*rate*t+phase)
		return palm.Point{X: vx*(t-1) + shake, Y: vy*(t-1) - shake}
	}
	w, h, grid := m.between(64, 215), m.between(140, 280), m.between(0.05, 0.12)
	return m.display(w, h, grid, slide)
}
