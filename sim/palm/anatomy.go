package palm

import (
	"fmt"

	"volar/wire"
)

// Anatomy is one hand. It never changes once made and may be used by many
// goroutines.
type Anatomy struct {
	origin
	person  person
	outline *outline
	relief  *grid
	tex     *texture
	mesh    *mesh
}

// origin is what a hand is made from.
type origin struct {
	seed  uint64
	id    int
	hand  wire.Hand
	alone bool    // the palm alone
	age   float64 // of the skin, 0 to 1
	blood float64 // share of its own that the skin holds
}

// New makes the hand of a person. The same three arguments always give the
// same hand; the two hands of one person share size, tone and the habits of
// their lines, but have their own lines and veins. It panics when hand is
// neither left nor right.
func New(seed uint64, id int, hand wire.Hand) *Anatomy {
	return newAnatomy(origin{seed: seed, id: id, hand: hand, blood: 1})
}

// NewAged is New for skin of an age, 0 (a young adult, as New has) to 1 (of 80
// years and more): more wrinkles and deeper ones, drier and less even, and
// less fat over the veins. The outline and the principal lines stay.
func NewAged(seed uint64, id int, hand wire.Hand, age float64) *Anatomy {
	return newAnatomy(origin{seed: seed, id: id, hand: hand, age: min(max(age, 0), 1), blood: 1})
}

// Bled is the same hand with a share of the blood in its skin, 0 to 1. The
// veins are as full as they were.
func (a *Anatomy) Bled(share float64) *Anatomy {
	o := a.origin
	o.blood *= min(max(share, 0), 1)
	return newAnatomy(o)
}

func newAnatomy(o origin) *Anatomy {
	if o.hand != wire.Left && o.hand != wire.Right {
		panic(fmt.Sprintf("palm: new anatomy: %v", o.hand))
	}
	a := &Anatomy{origin: o, person: newPerson(o.seed, o.id)}
	p := &a.person
	p.grow(o.age)
	p.blood *= o.blood
	own := func(purpose uint64) kin { return newKin(p, o.seed, o.id, o.hand, purpose) }
	a.outline = newOutline(p, own('o').own, o.alone)
	a.relief = newRelief(p, a.outline)
	c := newCreases(p, a.outline, own('c'))
	veins := newVeins(p, a.outline, own('v'))
	a.tex = bake(p, a.outline, c, veins, own('t').own)
	a.mesh = newMesh(p, a.outline, a.relief)
	return a
}

// Hand tells which hand it is.
func (a *Anatomy) Hand() wire.Hand { return a.hand }

// Tone is the pigmentation of the palm from 0 (Fitzpatrick I) to 1 (VI).
func (a *Anatomy) Tone() float64 { return a.person.melanin }

// Blood is how much of it the skin holds when it is warm: 1 is usual.
func (a *Anatomy) Blood() float64 { return a.person.blood }

// mirrored tells whether the hand is the mirror image of the canonical one.
func (a *Anatomy) mirrored() bool { return a.hand == wire.Right }

// NewPalm makes the palm of a hand alone, in about a quarter of the time of New: the
// same lines and veins as New's in the palm square and a few millimetres
// round it, and nothing beyond. It is what a Cutter draws.
func NewPalm(seed uint64, id int, hand wire.Hand) *Anatomy {
	return newAnatomy(origin{seed: seed, id: id, hand: hand, alone: true, blood: 1})
}
