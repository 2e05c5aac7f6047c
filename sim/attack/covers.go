package attack

import (
	"math"

	"volar/hal"
	"volar/sim/palm"
)

// window is where a cover on a palm ends: 0 outside, 1 inside, along the
// canonical frame, whose valleys lie near y = -35 and whose wrist near y = 70 mm.
func (m *maker) window(top, bottom float64) func(palm.Point) float32 {
	top += m.rng.NormFloat64() * 3
	bottom += m.rng.NormFloat64() * 4
	return func(at palm.Point) float32 {
		return clamp(float32(min(at.Y-top, bottom-at.Y))/1.5, 0, 1)
	}
}

// wrapped is a print glued round the attacker's hand: it bridges the hollows,
// for paper bends about one axis at a time, and wrinkles.
func wrapped(m *maker) *Attack {
	black, opaque := carbon, true
	if m.chance(0.3) {
		black, opaque = dyeBlack, false
	}
	p := m.press(black, opaque)
	p.share = float32(m.between(0, 0.8))
	if m.chance(0.5) {
		p.veins = float32(m.between(0.5, 1.2))
	}
	f := m.plain(opaque)
	form := palm.Form{Follow: m.between(0.25, 0.8), Bridge: m.between(6, 14), Crease: m.between(0.1, 0.5), Fold: m.between(10, 30), Seed: m.rng.Uint64()}
	fingers := m.chance(0.5) // the print covers the fingers too
	on := m.window(-38, 75)
	// Office paper of 80 g/m2 lets a tenth of near infrared through, there and back less.
	through := float32(m.between(0.15, 0.35))
	return m.held(m.carrier, palm.NewThing(palm.Recipe{
		Hand: m.carrier, Picture: m.victim, Form: form, Finish: f,
		Paint: func(at palm.Point, below, shown palm.Look) palm.Look {
			shown.Edge = min(shown.Edge, 0)
			print := onHand(p.colour(shown), below, through)
			a := on(at)
			if fingers {
				a = 1
			}
			out := below
			out.Seen = mix(below.Seen, print, a)
			out.SlopeX, out.SlopeY = below.SlopeX*(1-a), below.SlopeY*(1-a)
			return out
		},
	}))
}

// onHand is a sheet lying on skin: a share of the light goes through it.
func onHand(sheet palm.Reflectance, below palm.Look, through float32) palm.Reflectance {
	r, t := sheet, sheet
	for i := range r {
		t[i] = through * sheet[i] / paper[i]
		r[i] *= 1 - through
	}
	return over(r, t, below.Seen)
}

// rubber is a glove's wall: what it reflects on its own, and what it lets through.
type rubber struct {
	own      palm.Reflectance
	through  palm.Reflectance
	drawn    float32 // contrast of drawn lines
	moulded  float32 // of moulded creases, share of the palm's relief
	visible  float32 // share of the victim's colours that the maker has painted on
	ink      palm.Reflectance
	veinsInk float32 // lines drawn over the veins, in the same ink
}

// wear puts a layer on the attacker's hand.
func (m *maker) wear(r rubber, form palm.Form, f palm.Finish, on func(palm.Point) float32) *Attack {
	return m.held(m.carrier, palm.NewThing(palm.Recipe{
		Hand: m.carrier, Picture: m.victim, Form: form, Finish: f,
		Paint: func(at palm.Point, below, shown palm.Look) palm.Look {
			a := float32(1)
			if on != nil {
				a = on(at)
			}
			surface := r.own
			if shown.Edge < 0 {
				surface = r.paint(shown)
			}
			out := below
			out.Seen = mix(below.Seen, over(surface, r.through, below.Seen), a)
			out.SlopeX = below.SlopeX*(1-a) + a*r.moulded*shown.SlopeX
			out.SlopeY = below.SlopeY*(1-a) + a*r.moulded*shown.SlopeY
			out.Edge -= a * 0.4
			return out
		},
	}))
}

// paint is the layer's own light where the palm is drawn on it.
func (r *rubber) paint(shown palm.Look) palm.Reflectance {
	out := r.own
	// The palm's detail: darker than its mean by lines and tone alike.
	mean := palm.Reflectance{0.55, 0.40, 0.33, 0.6, 0.53}
	dark := clamp(1-shown.Seen[palm.Green]/mean[palm.Green], -0.3, 0.9)
	for i := range out {
		k := r.drawn * dark * (1 - r.ink[i])
		out[i] *= 1 - clamp(k, -0.3, 0.9)
		if i <= palm.Blue {
			out[i] *= 1 + r.visible*clamp(shown.Seen[i]/mean[i]-1, -0.4, 0.4)
		}
		out[i] *= 1 - r.veinsInk*clamp(shown.Vein, 0, 1)*(1-r.ink[i])
	}
	return out
}

// drawingInk is what lines are drawn with: dye pens vanish at 850 nm, carbon
// (Indian ink, soft pencil) and paint of iron oxide do not.
func (m *maker) drawingInk() palm.Reflectance {
	switch m.rng.IntN(3) {
	case 0:
		return palm.Reflectance{0.25, 0.15, 0.15, 0.92, 0.96}
	case 1:
		return carbon
	}
	return palm.Reflectance{0.35, 0.16, 0.12, 0.55, 0.6}
}

// skinTone is a colour that a maker has mixed to look like skin.
func (m *maker) skinTone() palm.Reflectance {
	dark := m.between(0.45, 1)
	return palm.Reflectance{
		float32(0.66 * dark * m.between(0.92, 1.06)), float32(0.48 * math.Pow(dark, 1.3) * m.between(0.9, 1.12)),
		float32(0.38 * math.Pow(dark, 1.5) * m.between(0.85, 1.15)), 0, 0,
	}
}

// silicone is platinum-cured silicone of 0.6 to 3 mm with pigments, cast or
// painted. Its C-H overtone lies at 905 nm; at 940 nm it takes 2 to 5 % more than at 850 nm.
func silicone(m *maker) *Attack {
	base := palm.Reflectance{0, 0, 0, float32(m.between(0.55, 0.8)), 0}
	base[palm.At940] = base[palm.At850] * float32(m.between(0.95, 0.99))
	own := tone(m.skinTone(), base, float32(m.between(0, 0.25)))
	thick := m.between(0.6, 3)
	pass := math.Exp(-thick / m.between(0.5, 1.2))
	r := rubber{own: own, ink: m.drawingInk(), moulded: float32(m.between(0.2, 1)), drawn: float32(m.between(0, 0.9)), visible: float32(m.between(0, 0.8))}
	if m.chance(0.3) {
		r.veinsInk = float32(m.between(0.1, 0.35))
	}
	r.through = passing(own, pass, m.between(0.02, 0.15))
	film := m.between(0.008, 0.03)
	f := palm.Finish{Rough: [2]float64{m.between(0.004, 0.02), 0.01}, Film: [2]float64{film, film},
		Wrap: [2]float64{m.between(0.1, 0.25), m.between(0.2, 0.4)}, Lean: [2]float64{0.85, 0.7}}
	form := palm.Form{Follow: m.between(0.75, 1), Bridge: 1 + thick, Crease: m.between(0, 0.2), Fold: m.between(8, 20), Seed: m.rng.Uint64()}
	return m.wear(r, form, f, nil)
}

// passing is what a layer that reflects so much lets through: near infrared
// as said, visible light a share of that.
func passing(own palm.Reflectance, infrared, visible float64) palm.Reflectance {
	var t palm.Reflectance
	for i := range t {
		t[i] = float32(infrared) * (1 - own[i])
		if i <= palm.Blue {
			t[i] *= float32(visible)
		}
	}
	return t
}

// latex is a dipped glove of 0.1 to 0.25 mm: natural rubber with chalk,
// yellowish white, or coloured, thin enough for light of the hand below.
func latex(m *maker) *Attack {
	own := palm.Reflectance{0.42, 0.38, 0.30, 0.38, 0.37}
	if m.chance(0.5) {
		own = mix(own, tone(m.skinTone(), own, 0.1), 0.7)
	}
	scale := float32(m.between(0.6, 1.2))
	for i := range own {
		own[i] *= scale
	}
	r := rubber{own: own, ink: m.drawingInk(), drawn: float32(m.between(0.3, 1)), visible: float32(m.between(0, 0.4)), moulded: float32(m.between(0, 0.3))}
	if m.chance(0.5) {
		r.veinsInk = float32(m.between(0.1, 0.4))
	}
	r.through = passing(own, m.between(0.5, 0.8), m.between(0.6, 0.9))
	film := m.between(0.006, 0.025)
	f := palm.Finish{Rough: [2]float64{0.01, 0.01}, Film: [2]float64{film, film},
		Wrap: [2]float64{0.1, m.between(0.15, 0.3)}, Lean: [2]float64{0.9, 0.8}}
	form := palm.Form{Follow: m.between(0.7, 1), Bridge: m.between(2, 5), Crease: m.between(0.05, 0.35), Fold: m.between(6, 16), Seed: m.rng.Uint64()}
	return m.wear(r, form, f, nil)
}

// wax is paraffin with pigments, cast from a mould of the victim or modelled
// after pictures, with veins of darker wax or of carbon under its skin (Krissler
// and Albrecht, 35C3). Paraffin scatters strongly, absorbs little, and has its C-H overtone at 930 nm.
func wax(m *maker) *Attack {
	base := palm.Reflectance{0, 0, 0, float32(m.between(0.62, 0.85)), 0}
	base[palm.At940] = base[palm.At850] * float32(m.between(0.93, 0.98))
	own := tone(m.skinTone(), base, float32(m.between(0, 0.2)))
	r := rubber{own: own, ink: m.drawingInk(), moulded: float32(m.between(0.3, 1)), drawn: float32(m.between(0, 0.8)), visible: float32(m.between(0, 0.6))}
	veins := float32(m.between(0, 0.35))
	film := m.between(0.01, 0.03)
	f := palm.Finish{Rough: [2]float64{0.012, 0.01}, Film: [2]float64{film, film},
		Wrap: [2]float64{m.between(0.2, 0.35), m.between(0.3, 0.5)}, Lean: [2]float64{0.7, 0.55}}
	form := palm.Form{Follow: 1, Bridge: m.between(0.5, 2)}
	a := m.held(m.victim, palm.NewThing(palm.Recipe{
		Hand: m.victim, Form: form, Finish: f,
		Paint: func(_ palm.Point, l, _ palm.Look) palm.Look {
			out := l
			out.Seen = r.paint(l)
			for _, i := range []int{palm.At850, palm.At940} {
				out.Seen[i] *= 1 - veins*clamp(l.Vein, 0, 1)
			}
			out.SlopeX, out.SlopeY = r.moulded*l.SlopeX, r.moulded*l.SlopeY
			return out
		},
	}))
	a.stand(m)
	return a
}

// stand holds it still, on a rod or in a fist, without a muscle's tremor.
func (a *Attack) stand(m *maker) {
	p := &a.wave.Pose
	p.Tremor *= m.between(0, 0.6)
	for i := range p.Velocity {
		p.Velocity[i] *= m.between(0, 0.5)
	}
	p.Stretch, p.Curl = 0.3, 0.0005
}

// gelatin is a sheet of 0.5 to 2 mm on the palm, moulded from the victim's:
// four fifths of it are water and glycerol, so that its spectrum is near
// that of skin. It is clear; pigments and what lies below give it its colour.
func gelatin(m *maker) *Attack {
	thick := m.between(0.5, 2)
	// Water absorbs 0.043/cm at 850 nm and 0.27/cm at 940 nm (Hale and Querry 1973);
	// light passes twice, by twice the thickness when it is diffuse.
	water := func(mu float64) float32 { return float32(math.Exp(-0.8 * mu * 4 * thick / 10)) }
	load := m.between(0.1, 0.6) // how much of the light pigments send back
	own := tone(m.skinTone(), palm.Reflectance{0, 0, 0, 0.6, 0.6}, float32(m.between(0, 0.2)))
	var r rubber
	for i := range own {
		r.own[i] = float32(load) * own[i]
		r.through[i] = float32(1-load) * 0.95
	}
	for i, mu := range map[int]float64{palm.At850: 0.043, palm.At940: 0.27} {
		r.own[i] *= water(mu / 2)
		r.through[i] *= float32(math.Sqrt(float64(water(mu))))
	}
	r.ink, r.moulded, r.drawn, r.visible = m.drawingInk(), float32(m.between(0.4, 1)), float32(m.between(0, 0.6)), float32(m.between(0, 0.5))
	film := m.between(0.008, 0.028) // Fresnel at a refractive index of 1.37, less where it has dried
	f := palm.Finish{Film: [2]float64{film, film}, Polish: [2]float64{m.between(0, 0.006), 0},
		Wrap: [2]float64{m.between(0.12, 0.25), m.between(0.25, 0.4)}, Lean: [2]float64{0.8, 0.65}}
	form := palm.Form{Follow: m.between(0.85, 1), Bridge: 1 + thick, Crease: m.between(0, 0.15), Fold: m.between(8, 20), Seed: m.rng.Uint64()}
	return m.wear(r, form, f, m.window(-33, 72))
}

// cutOut is a stiff print of the palm held before the attacker's hand, whose
// fingers come through holes.
func cutOut(m *maker) *Attack {
	black, opaque := carbon, true
	if m.chance(0.35) {
		black, opaque = dyeBlack, false
	}
	p := m.press(black, opaque)
	if m.chance(0.4) {
		p.share, p.veins = 0, float32(m.between(0.5, 1.2))
	}
	ink := p.colour
	if m.chance(0.3) {
		ink = p.grey
	}
	f := m.plain(opaque)
	form := palm.Form{Follow: m.between(0, 0.2), Bridge: 12, Crease: m.between(0, 0.3), Fold: m.between(20, 50), Seed: m.rng.Uint64()}
	on := m.window(-36, 90)
	return m.held(m.carrier, palm.NewThing(palm.Recipe{
		Hand: m.carrier, Picture: m.victim, Form: form, Finish: f,
		Paint: func(at palm.Point, below, shown palm.Look) palm.Look {
			a := on(at)
			shown.Edge = min(shown.Edge, 0)
			out := below
			out.Seen = mix(below.Seen, ink(shown), a)
			out.SlopeX, out.SlopeY = below.SlopeX*(1-a), below.SlopeY*(1-a)
			return out
		},
	}))
}

// underPrint is a living hand behind something thin with the victim's palm on
// it: tissue or tracing paper, or a clear foil of which ink is all that is seen.
func underPrint(m *maker) *Attack {
	p := m.press(carbon, true)
	if m.chance(0.5) {
		p.black, p.opaque = dyeBlack, false
	}
	p.share = float32(m.between(0, 0.5))
	foil := m.chance(0.5)
	through := float32(m.between(0.35, 0.6))
	f := m.plain(false)
	if foil {
		f = m.coated()
		f.Wrap = [2]float64{0.1, 0.25}
	}
	form := palm.Form{Follow: m.between(0.5, 0.95), Bridge: m.between(3, 10), Crease: m.between(0.05, 0.4), Fold: m.between(8, 25), Seed: m.rng.Uint64()}
	strength := float32(m.between(0.6, 1)) // less leaves the attacker's own lines to be seen
	return m.held(m.carrier, palm.NewThing(palm.Recipe{
		Hand: m.carrier, Picture: m.victim, Form: form, Finish: f,
		Paint: func(_ palm.Point, below, shown palm.Look) palm.Look {
			shown.Edge = min(shown.Edge, 0)
			out := below
			if foil {
				// Ink on clear foil: light passes it twice.
				print := p.colour(shown)
				for i := range out.Seen {
					out.Seen[i] *= 1 - strength*(1-clamp(print[i]/p.sheet[i], 0, 1))
				}
			} else {
				out.Seen = onHand(p.colour(shown), below, through)
			}
			out.SlopeX, out.SlopeY = 0.3*below.SlopeX, 0.3*below.SlopeY
			return out
		},
	}))
}

// bloodless is a hand without blood flow: cut off, or bound for long. A limb
// that is raised or squeezed keeps a quarter to half of its blood (Blond and
// Madsen 2002), one that has bled dry less. What blood took away in green
// and blue comes back; what stays has lost most of its oxygen within minutes, and
// so has the blood in the veins, which are not full. The skin dries and cools, and nothing trembles.
func bloodless(m *maker) *Attack {
	left := m.between(0.05, 0.5)  // blood that stays in the skin
	full := m.between(0.05, 0.55) // of the veins
	dry := m.between(0.9, 1)      // of the skin's water, by which 940 nm is darker
	livid := m.between(0.4, 1)    // share of what stays that has lost its oxygen
	// Optical densities of a usual amount of blood, three quarters of it with
	// oxygen, as in sim/palm, and of the same amount with none: times 2.7, 1.0,
	// 0.6, 0.72 and 0.65 (Prahl 1998, extinction at 610, 530, 460, 850, 940 nm).
	loss := palm.Reflectance{0.06, 0.42, 0.47, 0.05, 0.05}
	reduced := palm.Reflectance{0.16, 0.42, 0.28, 0.036, 0.033}
	vein := palm.Reflectance{0.035, 0.02, 0, 0.27, 0.235}
	// A vein's blood is two thirds saturated while it flows.
	spent := palm.Reflectance{1.2, 0, -0.35, -0.26, -0.33}
	f := palm.Finish{Rough: [2]float64{0.01, 0.008}, Film: [2]float64{0.004, 0.003}, Wrap: [2]float64{0.12, 0.3}, Lean: [2]float64{0.8, 0.65}}
	f.Rough[hal.RGB] *= m.between(0.6, 1.6)
	pale := m.victim.Bled(left)
	stays := pale.Blood()
	water := math.Exp(-0.03 * (m.victim.Blood() - stays)) // sim/palm counts a part of the skin's with its blood: it stays
	a := m.held(pale, palm.NewThing(palm.Recipe{
		Hand: pale, Form: palm.Form{Follow: m.between(0.75, 1)}, Finish: f,
		Paint: func(_ palm.Point, l, _ palm.Look) palm.Look {
			out := l
			for i := range out.Seen {
				v := float64(min(vein[i]*l.Vein, 0.8))
				dark := min(full*v*(1+livid*float64(spent[i])), 0.8)
				out.Seen[i] *= float32(math.Exp(-stays*livid*float64(reduced[i]-loss[i])) * (1 - dark) / (1 - v))
			}
			out.Seen[palm.At940] *= float32(water * (1 + 0.06*(1-dry)/0.1))
			return out
		},
	}))
	a.stand(m)
	return a
}
