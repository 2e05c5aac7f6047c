package palm

import (
	"math"
	"math/rand/v2"
)

// texelStep is the sample distance of the canonical maps, in millimetres.
const texelStep = 0.25

// distScale is how many steps of the distance channel make one millimetre.
const distScale = 16

// Channels of a texel; eight bytes in one word, so that four texels can be
// interpolated with a few multiplications of whole words.
//
//	RGB map:  red, green, blue, crease, fine, slopeX, slopeY, distance
//	NIR map:  base, vein, crease, fine, deep, slopeX, slopeY, distance
//
// Reflectances are in 1/255; crease, vein and deep are densities in 1/255;
// fine, slopes and distance are signed with zero at 128.
const (
	slopeScale = 110.0 // steps for a slope of one
)

// texture holds the canonical maps of one hand.
type texture struct {
	x0, y0   float64
	w, h     int
	rgb, nir []uint64
	nir940   []uint64 // of things; nil: that of nir, lighter or darker by a tint
}

// bake draws the canonical maps.
func bake(p *person, o *outline, c *creases, veins *grid, rng *rand.Rand) *texture {
	groove := newGrid(o.view, texelStep)
	for i := range c.lines {
		groove.paint(&c.lines[i])
	}
	soft := groove.blurred(0.45)
	bump := newBumps(groove, o, rng)
	t := &texture{x0: o.view.x0, y0: o.view.y0, w: groove.w, h: groove.h}
	t.rgb = make([]uint64, t.w*t.h)
	t.nir = make([]uint64, t.w*t.h)
	b := newBaker(p, o, veins, rng)
	b.bumpX, b.bumpY = bump.slopes()
	for j := range t.h {
		first, end := o.columns(t.y0+float64(j)*texelStep, t.x0, texelStep, t.w)
		b.row(t, groove, soft, j, first, end)
	}
	return t
}

// baker holds the slow maps that a texture is drawn from, at one millimetre.
type baker struct {
	dist       *grid
	tones      [4]*grid // reflectance of red, green, blue, NIR
	veins      *grid
	deep       *grid
	fine       *fineTexture
	fineGain   float32 // steps for one deviation
	bumpX      *grid   // slopes of the bumps
	bumpY      *grid
	slow       [9][]float32 // one row of each slow map at the texture's step
	fineRow    []float32
	ridge      []float32
	fineBefore []float32
}

func newBaker(p *person, o *outline, veins *grid, rng *rand.Rand) *baker {
	b := &baker{dist: o.dist, veins: veins, fine: newFineTexture(rng, o), fineGain: float32(40 * uniform(rng, 0.7, 1.3))}
	b.toneMaps(p, o, rng)
	n := int(math.Round((o.view.x1-o.view.x0)/texelStep)) + 1
	for i := range b.slow {
		b.slow[i] = make([]float32, n)
	}
	b.fineRow, b.fineBefore, b.ridge = make([]float32, n), make([]float32, n), make([]float32, n)
	return b
}

// toneMaps spreads blood, pigment and fat over the hand: blotches of several
// sizes, redder pads, fingertips and edges.
func (b *baker) toneMaps(p *person, o *outline, rng *rand.Rand) {
	coarse, mid, small := newLattice(rng, o.bounds, 14), newLattice(rng, o.bounds, 5.5), newLattice(rng, o.bounds, 2.2)
	fat, fatMid, fatSmall := newLattice(rng, o.bounds, 10), newLattice(rng, o.bounds, 4.6), newLattice(rng, o.bounds, 2.2)
	horn, hornSmall, hornWide := newLattice(rng, o.bounds, 4), newLattice(rng, o.bounds, 1.7), newLattice(rng, o.bounds, 8)
	for i := range b.tones {
		b.tones[i] = newGrid(o.view, 1)
	}
	b.deep = newGrid(o.view, 1)
	g := b.tones[0]
	for j := range g.h {
		y := g.y0 + float64(j)*g.step
		first, end := o.columns(y, g.x0, g.step, g.w)
		for i := first; i < end; i++ {
			x := g.x0 + float64(i)*g.step
			k := j*g.w + i
			n := 0.10*coarse.at(x, y) + 0.08*mid.at(x, y) + 0.08*small.at(x, y)
			flush := p.blood * math.Exp(n*p.mottle) * (1 + 0.38*b.pads(p, o, x, y))
			pigment := p.melanin * (1 + 0.12*mid.at(x, y) - 0.1*coarse.at(x, y))
			// Thick horny skin scatters more light of every colour, fat below it
			// most of all infrared.
			thick := 0.062*horn.at(x, y) + 0.018*hornSmall.at(x, y) + 0.07*hornWide.at(x, y)
			flesh := 0.068*fat.at(x, y) + 0.04*fatMid.at(x, y) + 0.01*fatSmall.at(x, y)
			pale := math.Exp(p.mottle * (thick + 0.3*flesh - 0.03*coarse.at(x, y)))
			for ch := range 3 {
				b.tones[ch].v[k] = float32(255 * albedo(ch, pigment, flush) * pale)
			}
			b.tones[3].v[k] = float32(255 * albedo(nir850, p.melanin, p.blood) * math.Exp(p.mottle*(flesh+0.6*thick)))
			b.deep.v[k] = float32(0.5 + 0.25*fat.at(x, y))
		}
	}
}

// pads is how reddish a place is by its anatomy: 1 on finger tips and the
// two balls of the hand, 0 in the hollow.
func (b *baker) pads(p *person, o *outline, x, y float64) float64 {
	bump := func(c Point, rx, ry float64) float64 {
		dx, dy := (x-c.X)/rx, (y-c.Y)/ry
		if d := dx*dx + dy*dy; d < 40 { // beyond it nothing is left in a byte
			return math.Exp(-d)
		}
		return 0
	}
	s := p.scale
	v := 0.6*bump(Point{-30 * s, 34 * s}, 16*s, 24*s) + 0.7*bump(Point{35 * s, 30 * s}, 12*s, 30*s) +
		0.6*bump(Point{5 * s, -26 * s}, 36*s, 8*s)
	for i := range o.fingers {
		v += bump(o.fingers[i].joints[3], 11*s, 11*s)
	}
	return v + 0.6*bump(o.thumb.joints[3], 13*s, 13*s)
}

// row bakes one row of both maps, from one column to another.
func (b *baker) row(t *texture, groove, soft *grid, j, first, end int) {
	y := t.y0 + float64(j)*texelStep
	for i, g := range []*grid{b.dist, b.tones[0], b.tones[1], b.tones[2], b.tones[3], b.veins, b.deep, b.bumpX, b.bumpY} {
		g.expand(b.slow[i], y)
	}
	b.fineRow, b.fineBefore = b.fineBefore, b.fineRow
	b.fine.row(b.fineRow, b.ridge, y)
	up, mid, down := groove.v[max(j-1, 0)*t.w:][:t.w], groove.v[j*t.w:][:t.w], groove.v[min(j+1, t.h-1)*t.w:][:t.w]
	sup, smid, sdown := soft.v[max(j-1, 0)*t.w:][:t.w], soft.v[j*t.w:][:t.w], soft.v[min(j+1, t.h-1)*t.w:][:t.w]
	for i := first; i < end; i++ {
		d := b.slow[0][i]
		k := j*t.w + i
		dist := channel(128 + float32(distScale*d))
		if d > 1.5 {
			t.rgb[k] = dist << 56
			t.nir[k] = dist << 56
			continue
		}
		l, r := max(i-1, 0), min(i+1, t.w-1)
		// A crease is a groove 0.45 mm deep with softer shoulders.
		const deep, shoulder = 0.42 / (2 * texelStep), 0.9 / (2 * texelStep)
		gx := float32(deep*(mid[r]-mid[l])) + float32(shoulder*(smid[r]-smid[l]))
		gy := float32(deep*(down[i]-up[i])) + float32(shoulder*(sdown[i]-sup[i]))
		gx += b.slow[7][i]
		gy += b.slow[8][i]
		f := b.fineRow[i]
		gx += float32(0.10 * (f - b.fineRow[l]))
		gy += float32(0.10 * (f - b.fineBefore[i]))
		sx, sy := channel(128+float32(slopeScale*gx)), channel(128+float32(slopeScale*gy))
		fine := channel(128 + float32(b.fineGain*f))
		t.rgb[k] = channel(b.slow[1][i]) | channel(b.slow[2][i])<<8 | channel(b.slow[3][i])<<16 |
			channel(255*mid[i])<<24 | fine<<32 | sx<<40 | sy<<48 | dist<<56
		t.nir[k] = channel(b.slow[4][i]) | channel(170*b.slow[5][i])<<8 | channel(255*smid[i])<<16 |
			fine<<24 | channel(128*b.slow[6][i])<<32 | sx<<40 | sy<<48 | dist<<56
	}
}

// channel rounds to a byte.
func channel(v float32) uint64 {
	return uint64(max(0, min(255, int(v+0.5))))
}

// expand interpolates one row of a grid at the step of the texture.
func (g *grid) expand(dst []float32, y float64) {
	fy := clamp((y-g.y0)/g.step, 0, float64(g.h-1)-1e-6)
	j := int(fy)
	ay := float32(fy - float64(j))
	p, q := g.v[j*g.w:][:g.w], g.v[(j+1)*g.w:][:g.w]
	per := int(g.step/texelStep + 0.5)
	inv := 1 / float32(per)
	for i := range g.w - 1 {
		a := p[i] + float32(ay*(q[i]-p[i]))
		b := p[i+1] + float32(ay*(q[i+1]-p[i+1]))
		d := (b - a) * inv
		for k := range per {
			if n := i*per + k; n < len(dst) {
				dst[n] = a + float32(float32(k)*d)
			}
		}
	}
	if n := (g.w - 1) * per; n < len(dst) {
		dst[n] = p[g.w-1] + float32(ay*(q[g.w-1]-p[g.w-1]))
	}
}
