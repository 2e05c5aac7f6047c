package palm

import (
	"math"
	"time"

	"volar/hal"
)

// Reflectance is the share of light that a surface sends back in the five
// channels: red, green, blue, 850 nm, 940 nm.
type Reflectance [channels]float32

// The channels of a Reflectance.
const (
	Red, Green, Blue, At850, At940 = red, green, blue, nir850, nir940
)

// Look is how a place of a hand, or of a thing, answers to light.
type Look struct {
	Seen           Reflectance
	SlopeX, SlopeY float32 // of what is too small for the shape, along the canonical frame's axes
	Edge           float32 // mm beyond the silhouette, negative inside
	Vein           float32 // of a hand: 0 to 1.5 where a vein lies under the skin
}

// Finish is how a layer scatters and mirrors. Indices are hal.Bands.
type Finish struct {
	// Rough, Film and Polish weigh three lobes of mirrored light, of exponents
	// 15, 47 and 190 (Blinn's): paper and dry skin have the first, moisture and
	// rubber the second, glossy paper and glass the third. A mirror of
	// refractive index 1.5 has the weights' sum 0.04 (Fresnel).
	Rough, Film, Polish [2]float64

	// Wrap is the share of light that scattering carries round edges, Lean the
	// share of small slopes' shading that it leaves.
	Wrap, Lean [2]float64

	// Glow makes a display: what it emits, share of full scale a millisecond
	// where Seen is 1. It then scatters no visible light. Grid is the distance of
	// its pixels in mm, which the camera's pixels beat against.
	Glow, Grid float64
}

// Form is the shape of a Thing. On a sheet it is flat but for what is said
// here; otherwise it lies on the hand of the wave and moves with it.
type Form struct {
	Sheet     bool
	Curvature float64 // of a sheet, 1/mm, about a line at Axis (radians)
	Axis      float64
	Margin    float64 // of a sheet, mm beyond the hand in its picture; negative: cut off

	Follow float64 // on a hand: the share of its relief that the outside of the layer has
	Bridge float64 // on a hand: mm over which the layer bridges hollows
	Crease float64 // mm by which it is crumpled
	Fold   float64 // mm from crumple to crumple
	Seed   uint64
}

// Recipe is what a Thing is made by.
type Recipe struct {
	Hand    *Anatomy // it lies on this hand; of a sheet: this hand is on the picture
	Picture *Anatomy // whom it shows; nil is Hand
	Form    Form
	Finish  Finish

	// Paint gives the outside of the thing at a place of the canonical frame,
	// from what lies below it and what it is a picture of.
	Paint func(at Point, below, picture Look) Look

	// Slide moves the picture along the surface, in mm: a video. Nil is never.
	Slide func(at time.Duration) Point
}

// Thing is what is held over the device in place of the bare hand. It never
// changes once made and may be used by many goroutines.
type Thing struct {
	body *body
	form Form
}

// NewThing makes one. It takes about as long as a burst to draw.
func NewThing(r Recipe) *Thing {
	if r.Picture == nil {
		r.Picture = r.Hand
	}
	t := &Thing{form: r.Form, body: &body{tex: paintTexture(&r)}}
	if r.Form.Sheet {
		t.body.mesh = newSheetMesh(r.Hand.outline.bounds)
	} else {
		t.body.mesh = newCoverMesh(&r)
	}
	crumple(t.body.mesh, r.Hand.outline.bounds, &r.Form)
	t.body.finish(&r.Finish)
	t.body.slide = r.Slide
	return t
}

// paintTexture makes the maps of the outside. What a bare hand's maps keep
// apart (creases, veins, fine texture) is in the reflectance here.
func paintTexture(r *Recipe) *texture {
	from := r.Hand.tex
	t := &texture{x0: from.x0, y0: from.y0, w: from.w, h: from.h}
	n := t.w * t.h
	t.rgb, t.nir, t.nir940 = make([]uint64, n), make([]uint64, n), make([]uint64, n)
	hand, picture := newLooker(r.Hand), newLooker(r.Picture)
	onto := alignment(r.Hand, r.Picture)
	margin := float32(r.Form.Margin)
	for j := range t.h {
		y := t.y0 + float64(j)*texelStep
		for i := range t.w {
			at := Point{t.x0 + float64(i)*texelStep, y}
			below := hand.at(at)
			if !r.Form.Sheet && below.Edge > 1.5 || r.Form.Sheet && below.Edge > margin+1.5 {
				t.put(j*t.w+i, Look{Edge: 7})
				continue
			}
			shown := below
			if r.Picture != r.Hand {
				shown = picture.at(onto.of(at))
			}
			l := r.Paint(at, below, shown)
			if r.Form.Sheet {
				l.Edge = max(l.Edge, t.rim(i, j))
			}
			t.put(j*t.w+i, l)
		}
	}
	return t
}

// rim is how far a texel lies beyond the map's edge, less two millimetres: a
// sheet ends there.
func (t *texture) rim(i, j int) float32 {
	return 2 - texelStep*float32(min(i, j, t.w-1-i, t.h-1-j))
}

func (t *texture) put(k int, l Look) {
	const grain = 128
	s := l.Seen
	slope := channel(128+slopeScale*l.SlopeX)<<40 | channel(128+slopeScale*l.SlopeY)<<48
	end := slope | channel(128+distScale*l.Edge)<<56
	t.rgb[k] = channel(255*s[red]) | channel(255*s[green])<<8 | channel(255*s[blue])<<16 | grain<<32 | end
	t.nir[k] = channel(255*s[nir850]) | grain<<24 | end
	t.nir940[k] = channel(255*s[nir940]) | grain<<24 | end
}

// looker reads a hand's maps as what is seen of them.
type looker struct {
	tex    *texture
	crease Reflectance
	ratio  float32 // reflectance at 940 nm over that at 850 nm
	veins  float32
}

func newLooker(a *Anatomy) *looker {
	p := &a.person
	l := &looker{tex: a.tex, veins: float32(p.veins)}
	for c := range l.crease {
		l.crease[c] = float32(creaseLoss[c])
		if c <= blue {
			l.crease[c] += float32(creasePigment[c] * p.melanin)
		}
	}
	l.ratio = float32(albedo(nir940, p.melanin, p.blood) / albedo(nir850, p.melanin, p.blood))
	return l
}

// at is the look at the nearest texel.
func (l *looker) at(p Point) (out Look) {
	t := l.tex
	i, j := int((p.X-t.x0)/texelStep+0.5), int((p.Y-t.y0)/texelStep+0.5)
	if i < 0 || j < 0 || i >= t.w || j >= t.h {
		return Look{Edge: 7}
	}
	v, n := t.rgb[j*t.w+i], t.nir[j*t.w+i]
	part := func(w uint64, k uint) float32 { return float32(w >> (8 * k) & 255) }
	groove, soft := part(v, 3)/255, part(n, 2)/255
	out.Vein = part(n, 1) / 170 * l.veins
	fine := (part(v, 4) - 128) / 40
	for c := range 3 {
		out.Seen[c] = part(v, uint(c)) / 255 * (1 - min(l.crease[c]*groove, 0.92)) * (1 + 0.026*fine)
	}
	for k, c := range []int{nir850, nir940} {
		r := part(n, 0) / 255 * (1 - min(float32(veinLoss[c])*out.Vein, 0.8)) * (1 - l.crease[c]*soft) * (1 + 0.010*fine)
		out.Seen[c] = r * (1 - []float32{0.06, 0.1}[k]*part(n, 4)/128)
	}
	out.Seen[nir940] *= l.ratio
	out.SlopeX, out.SlopeY = (part(v, 5)-128)/slopeScale, (part(v, 6)-128)/slopeScale
	out.Edge = (part(v, 7) - 128) / distScale
	return out
}

// placing is a similarity between the canonical frames of two hands.
type placing struct {
	a, b Point // the first valley of each
	k    mat   // turn and scale, upper left 2 x 2
}

// alignment brings the outer finger valleys of a picture to those of a hand.
func alignment(hand, picture *Anatomy) placing {
	h, p := hand.outline.valleys, picture.outline.valleys
	u, v := h[2].sub(h[0]), p[2].sub(p[0])
	n := u.dot(u)
	c, s := u.dot(v)/n, (u.X*v.Y-u.Y*v.X)/n
	return placing{h[0], p[0], mat{c, -s, 0, s, c, 0, 0, 0, 1}}
}

func (q *placing) of(at Point) Point {
	d := at.sub(q.a)
	return Point{q.b.X + q.k[0]*d.X + q.k[1]*d.Y, q.b.Y + q.k[3]*d.X + q.k[4]*d.Y}
}

// newCoverMesh is the hand's mesh with the relief of what covers it.
func newCoverMesh(r *Recipe) *mesh {
	m := *r.Hand.mesh
	m.vertices = append([]vertex(nil), m.vertices...)
	relief := r.Hand.relief
	if r.Form.Bridge > 0 {
		relief = relief.blurred(r.Form.Bridge)
	}
	for i := range m.vertices {
		v := &m.vertices[i]
		v.relief = r.Form.Follow * relief.at(v.at.X, v.tex.Y*texelStep+r.Hand.outline.view.y0)
	}
	return &m
}

// crumple adds folds to a mesh of its own.
func crumple(m *mesh, b box, f *Form) {
	if f.Crease == 0 || f.Fold == 0 {
		return
	}
	l := newLattice(newRand(f.Seed, 'f'), b, f.Fold)
	for i := range m.vertices {
		v := &m.vertices[i]
		v.relief += f.Crease * l.at(v.at.X, v.at.Y)
	}
}

// finish sets how the body answers to light.
func (b *body) finish(f *Finish) {
	for band := range b.surface {
		b.surface[band] = surface{
			gloss: gloss{f.Rough[band], f.Film[band], f.Polish[band]}, wrap: f.Wrap[band],
		}
	}
	if f.Glow > 0 {
		s := &b.surface[hal.RGB]
		s.glow = f.Glow
		if f.Grid > 0 {
			s.beat = 2 * math.Pi * texelStep / f.Grid
		}
	}
	for band := range b.tints {
		for k := range b.tints[band] {
			b.tints[band][k] = tint{base: 1, lean: float32(f.Lean[band])}
		}
	}
}

// warp is how the sheet lies.
func (f *Form) warp(a *Anatomy) *sheetWarp {
	sin, cos := math.Sincos(f.Axis)
	return &sheetWarp{f.Curvature, Point{cos, sin}, a.mirrored()}
}
