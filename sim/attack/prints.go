package attack

import (
	"math"

	"volar/sim/palm"
)

// press is how one print is made.
type press struct {
	sheet    palm.Reflectance
	black    palm.Reflectance
	opaque   bool             // toner lies on the paper, dye in it
	share    float32          // of black in dark tones (grey component replacement)
	gain     float32          // contrast of the picture against the palm's
	light    float32          // lightness of the picture against the palm's
	surround float32          // reflectance of what is printed round the hand
	veins    float32          // of a combined print: how much near-infrared picture is added in carbon
	cut      bool             // cut out along the hand
	mean     palm.Reflectance // of palms
	curve    *[5][256]float32 // of tone, once it is needed
}

func (m *maker) press(black palm.Reflectance, opaque bool) *press {
	p := &press{sheet: m.paper(), black: black, opaque: opaque,
		share: float32(m.between(0.3, 1)), gain: float32(m.between(0.85, 1.3)), light: float32(m.between(0.85, 1.15)),
		surround: float32(m.between(0.03, 0.12)), cut: m.chance(0.6)}
	p.mean = palm.Reflectance{0.55, 0.40, 0.33, 0.6, 0.53}
	return p
}

// paper is a sheet: sorts differ in whiteness, little in the near infrared.
func (m *maker) paper() palm.Reflectance {
	out := paper
	k := float32(m.between(0.93, 1.03))
	for i := range out {
		out[i] *= k
	}
	out[palm.Blue] *= float32(m.between(0.94, 1.04))
	return out
}

// tone is what is meant to be seen at a place of the picture: the palm's
// reflectance against its mean, to the power of the contrast.
func (p *press) tone(l palm.Look) palm.Reflectance {
	if p.curve == nil {
		p.curve = p.draw()
	}
	for i := range l.Seen {
		l.Seen[i] = p.curve[i][int(255*clamp(l.Seen[i], 0, 1)+0.5)]
	}
	return l.Seen
}

// draw makes the table of tone.
func (p *press) draw() *[5][256]float32 {
	t := new([5][256]float32)
	for i, mean := range p.mean {
		for k := range t[i] {
			seen := max(float64(k)/255, 0.01) / float64(mean)
			t[i][k] = clamp(p.light*mean*float32(math.Pow(seen, float64(p.gain))), 0.01, 1)
		}
	}
	return t
}

// colour prints the picture in colours.
func (p *press) colour(l palm.Look) palm.Reflectance {
	if l.Edge > 0 {
		return p.printed(inks{3: 1 - p.surround})
	}
	want := p.tone(l)
	out := p.printed(p.separate(want))
	if p.veins > 0 {
		// What the near-infrared picture lacks in light, carbon takes away; the
		// colours are printed on top, lighter by as much.
		ir := clamp(1-want[palm.At850]/p.mean[palm.At850]*0.75, 0, 1) * p.veins
		out = mix(out, carbon, ir)
	}
	return out
}

// grey prints the near-infrared picture in black.
func (p *press) grey(l palm.Look) palm.Reflectance {
	k := 1 - p.surround
	if l.Edge <= 0 {
		k = clamp(1-p.tone(l)[palm.At850]/p.sheet[palm.Green], 0, 1)
	}
	return p.printed(inks{3: k})
}

// flat is a sheet that is held by its edges.
func (m *maker) flat(margin float64) palm.Form {
	return palm.Form{Sheet: true, Curvature: m.rng.NormFloat64() * 0.0012, Axis: m.between(0, math.Pi), Margin: margin,
		Crease: m.between(0, 0.25), Fold: m.between(18, 50), Seed: m.rng.Uint64()}
}

// plain is the finish of paper: light comes back from within a tenth of a
// millimetre, and fibres mirror little; toner mirrors more.
func (m *maker) plain(toner bool) palm.Finish {
	rough := m.between(0.006, 0.014)
	if toner {
		rough = m.between(0.012, 0.035)
	}
	return palm.Finish{Rough: [2]float64{rough, rough}, Wrap: [2]float64{0.04, 0.04}, Lean: [2]float64{1, 1}}
}

// coated is photo paper: a film of resin over the ink.
func (m *maker) coated() palm.Finish {
	polish, film := m.between(0.012, 0.035), m.between(0, 0.01)
	return palm.Finish{Film: [2]float64{film, film}, Polish: [2]float64{polish, polish}, Wrap: [2]float64{0.03, 0.03}, Lean: [2]float64{1, 1}}
}

// sheet makes a print of the victim's palm.
func (m *maker) sheet(p *press, ink func(palm.Look) palm.Reflectance, f palm.Finish) *Attack {
	margin := 400.0
	if p.cut {
		margin = m.between(-0.5, 1.5)
	}
	return m.held(m.victim, palm.NewThing(palm.Recipe{
		Hand: m.victim, Form: m.flat(margin), Finish: f,
		Paint: func(_ palm.Point, l, _ palm.Look) palm.Look {
			out := palm.Look{Seen: ink(l), Edge: -7}
			if p.cut {
				out.Edge = l.Edge - float32(margin)
			}
			return out
		},
	}))
}

func colourLaser(m *maker) *Attack {
	p := m.press(carbon, true)
	return m.sheet(p, p.colour, m.plain(true))
}

func colourGlossy(m *maker) *Attack {
	black, opaque := dyeBlack, false
	if m.chance(0.4) { // printers with a pigment black beside the dyes
		black, opaque = carbon, true
	}
	p := m.press(black, opaque)
	return m.sheet(p, p.colour, m.coated())
}

// greyPress is a press for the near-infrared picture, whose contrast is low: who
// prints it raises it first.
func (m *maker) greyPress(black palm.Reflectance, opaque bool) *press {
	p := m.press(black, opaque)
	p.gain = float32(m.between(1, 2.4))
	return p
}

func greyLaser(m *maker) *Attack {
	p := m.greyPress(carbon, true)
	return m.sheet(p, p.grey, m.plain(true))
}

func greyInkjet(m *maker) *Attack {
	black, opaque := dyeBlack, false
	if m.chance(0.4) {
		black, opaque = carbon, true
	}
	p := m.greyPress(black, opaque)
	f := m.plain(false)
	if m.chance(0.4) {
		f = m.coated()
	}
	return m.sheet(p, p.grey, f)
}

func combined(m *maker) *Attack {
	p := m.press(carbon, true)
	p.share, p.veins = float32(m.between(0, 0.3)), float32(m.between(0.6, 1.2))
	f := m.plain(true)
	if m.chance(0.4) {
		f = m.coated()
	}
	return m.sheet(p, p.colour, f)
}
