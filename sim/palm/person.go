package palm

import (
	"math"
	"math/rand/v2"

	"volar/wire"
)

// person is what the two hands of one person have in common.
type person struct {
	scale      float64 // hand size; 1 is a palm 80 mm broad
	slender    float64 // length of the fingers against the breadth
	thickness  float64 // of the fingers against the breadth
	melanin    float64 // of the palm, 0 (Fitzpatrick I) to 1 (VI)
	blood      float64 // haemoglobin in the upper skin, about 1
	lines      float64 // how many wrinkles, about 1
	depth      float64 // how deep the creases are, about 1
	veins      float64 // how visible the veins are, about 1
	sheen      float64 // gloss of the skin, about 1
	mottle     float64 // unevenness of blood and fat, about 1
	styleSeed  uint64  // the person's share in the course of the lines
	fingerBend [4]float64
}

func newPerson(seed uint64, id int) person {
	rng := newRand(seed, uint64(id), 'p')
	p := person{
		scale:     clamp(normal(rng, 1.01, 0.075), 0.84, 1.2),
		slender:   normal(rng, 1, 0.045),
		thickness: normal(rng, 0.97, 0.04),
		melanin:   math.Pow(rng.Float64(), 1.4),
		blood:     math.Exp(normal(rng, 0, 0.28)),
		lines:     math.Exp(normal(rng, 0, 0.45)),
		depth:     math.Exp(normal(rng, 0, 0.3)),
		veins:     math.Exp(normal(rng, -0.1, 0.42)),
		sheen:     math.Exp(normal(rng, 0, 0.5)),
		mottle:    math.Exp(normal(rng, 0, 0.3)),
		styleSeed: rng.Uint64(),
	}
	for i := range p.fingerBend {
		p.fingerBend[i] = normal(rng, 0, 1)
	}
	return p
}

// grow makes the skin older, from 0 to 1.
func (p *person) grow(age float64) {
	p.lines *= 1 + 0.9*age
	p.depth *= 1 + 0.35*age
	p.sheen *= 1 - 0.5*age
	p.mottle *= 1 + 0.4*age
	p.veins *= 1 + 0.35*age
}

// kin draws a random number of deviation one that the two hands of a person
// share in part (correlation 0.35), as principal lines do.
type kin struct{ own, shared *rand.Rand }

func newKin(p *person, seed uint64, id int, hand wire.Hand, purpose uint64) kin {
	return kin{
		own:    newRand(seed, uint64(id), uint64(hand), purpose),
		shared: newRand(p.styleSeed, purpose),
	}
}

func (k kin) norm() float64 {
	return 0.806*normal(k.own, 0, 1) + 0.592*normal(k.shared, 0, 1)
}
