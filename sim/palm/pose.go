package palm

import (
	"math"
	"math/rand/v2"
	"time"
)

// Pose is where a hand is, how it is held, and how it moves. Lengths are in
// millimetres, angles in degrees.
type Pose struct {
	Distance float64 // of the middle of the palm from the NIR camera, along its axis
	X, Y     float64 // of the middle of the palm from the NIR camera's axis
	TiltX    float64 // about the camera's x axis: fingers towards or away
	TiltY    float64 // about its y axis: thumb side towards or away
	Rotation float64 // in the plane of the palm; 0 is fingers up in the image

	Spread  float64 // of the fingers: 1 is relaxed, 0 parallel
	Thumb   float64 // degrees out from the relaxed position
	Cup     float64 // curvature of the palm about its long axis, 1/mm
	Flex    float64 // curvature about its broad axis, 1/mm
	Curl    float64 // curvature of the fingers, 1/mm
	Stretch float64 // deviation of the skin's shifting about, mm
	Skin    uint64  // seed of how the skin shifts and folds in this wave

	Velocity [3]float64 // mm/s along x, y, z
	Spin     float64    // degrees/s in the plane
	Tremor   float64    // amplitude of the hand's trembling, mm
}

// midway is the x of the middle between the cameras of DefaultRig, where a
// guided palm is centred.
const midway = 12.5

// Guided is a palm that follows the cues of the device: 6.5 to 10 cm away,
// flat, centred, fingers spread, nearly still.
func Guided(rng *rand.Rand) Pose {
	return Pose{
		Distance: uniform(rng, 65, 100),
		X:        midway + normal(rng, 0, 4),
		Y:        normal(rng, 1, 4),
		TiltX:    normal(rng, 0, 3.5),
		TiltY:    normal(rng, 0, 3.5),
		Rotation: normal(rng, 0, 6),
		Spread:   uniform(rng, 0.75, 1.2),
		Thumb:    normal(rng, 0, 6),
		Cup:      math.Abs(normal(rng, 0.0015, 0.0012)),
		Flex:     normal(rng, 0.0008, 0.0008),
		Curl:     math.Abs(normal(rng, 0.001, 0.001)),
		Stretch:  0.6 * math.Exp(normal(rng, 0, 0.25)),
		Skin:     rng.Uint64(),
		Velocity: [3]float64{normal(rng, 0, 6), normal(rng, 0, 6), normal(rng, 0, 8)},
		Spin:     normal(rng, 0, 2),
		Tremor:   math.Abs(normal(rng, 0.15, 0.1)),
	}
}

// Unguided is a palm as people hold it without help: anywhere in the working
// range, tilted, turned, cupped, and moving.
func Unguided(rng *rand.Rand) Pose {
	// One wave in eight is careless: everything strays further.
	far := 1.0
	if rng.IntN(8) == 0 {
		far = 1.3
	}
	return Pose{
		Distance: uniform(rng, 50, 120),
		X:        midway + normal(rng, 0, 10),
		Y:        normal(rng, 1, 9),
		TiltX:    normal(rng, 0, 7*far),
		TiltY:    normal(rng, 0, 7*far),
		Rotation: normal(rng, 0, 15),
		Spread:   uniform(rng, 0.5, 1.3),
		Thumb:    normal(rng, 0, 8*far),
		Cup:      math.Abs(normal(rng, 0.002, 0.003)),
		Flex:     normal(rng, 0.001, 0.002),
		Curl:     math.Abs(normal(rng, 0.002, 0.002)),
		Stretch:  0.75 * far * math.Exp(normal(rng, 0, 0.35)),
		Skin:     rng.Uint64(),
		Velocity: [3]float64{normal(rng, 0, 30), normal(rng, 0, 30), normal(rng, 0, 35)},
		Spin:     normal(rng, 0, 8),
		Tremor:   math.Abs(normal(rng, 0.3, 0.2)),
	}
}

// Flaw is something that makes a capture useless, and that a cue can cure.
type Flaw uint8

// The flaws of Poor.
const (
	TooFar Flaw = iota
	TooNear
	Tilted
	Moving
	OffCentre
	FingersClosed
	flawCount
)

// Flaws lists every flaw.
func Flaws() []Flaw {
	return []Flaw{TooFar, TooNear, Tilted, Moving, OffCentre, FingersClosed}
}

// String names the flaw: "too far", "fingers closed".
func (f Flaw) String() string {
	names := [flawCount]string{"too far", "too near", "tilted", "moving", "off centre", "fingers closed"}
	if f >= flawCount {
		return "no flaw"
	}
	return names[f]
}

// Poor is a guided palm with one flaw that a device has to refuse.
func Poor(rng *rand.Rand, flaw Flaw) Pose {
	p := Guided(rng)
	sign := float64(1 - 2*rng.IntN(2))
	switch flaw {
	case TooFar:
		p.Distance = uniform(rng, 150, 200)
	case TooNear:
		p.Distance = uniform(rng, 30, 38)
	case Tilted:
		if rng.IntN(2) == 0 {
			p.TiltX = sign * uniform(rng, 30, 40)
		} else {
			p.TiltY = sign * uniform(rng, 30, 40)
		}
	case Moving:
		p.Velocity[rng.IntN(2)] = sign * uniform(rng, 350, 600)
	case OffCentre:
		p.X += sign * uniform(rng, 45, 60)
	case FingersClosed:
		p.Spread = uniform(rng, -0.35, -0.15)
	}
	return p
}

// at is the pose after a time, with the trembling of the hand.
func (p Pose) at(t time.Duration, seed uint64) Pose {
	s := t.Seconds()
	// Physiological tremor: 8 to 12 Hz, a different rate on each axis.
	shake := func(key uint64) float64 {
		h := subseed(seed, key)
		rate := 8 + 4*float64(h>>40&0xffff)/65536
		phase := 2 * math.Pi * float64(h&0xffff) / 65536
		return p.Tremor * math.Sin(2*math.Pi*rate*s+phase)
	}
	p.X += p.Velocity[0]*s + shake(1)
	p.Y += p.Velocity[1]*s + shake(2)
	p.Distance += p.Velocity[2]*s + shake(3)
	p.Rotation += p.Spin * s
	return p
}
