package palm

import (
	"time"

	"volar/hal"
)

// body is what is held over the device, ready to be posed: maps, mesh, and
// how it answers to light.
type body struct {
	tex     *texture
	mesh    *mesh
	surface [2]surface                // by hal.Band
	tints   [2][2]tint                // by hal.Band; NIR: 850 nm, 940 nm
	slide   func(time.Duration) Point // where set: how a video's picture moves, mm
}

// newBody makes what a wave holds.
func newBody(w *Wave) *body {
	switch {
	case w.Thing != nil:
		return w.Thing.body
	case w.Material == Skin:
		return skinBody(w)
	}
	return sheetBody(w)
}

// skinBody is the living hand.
func skinBody(w *Wave) *body {
	a, cond := w.Anatomy, &w.Condition
	b := &body{tex: a.tex.overlay(a, w), mesh: a.mesh}
	rough := 0.016 * a.person.sheen
	film := 0.02 * cond.Oil
	b.surface[hal.RGB] = surface{gloss: gloss{rough: rough, film: film}, wrap: 0.12}
	b.surface[hal.NIR] = surface{gloss: gloss{rough: 0.8 * rough, film: 0.8 * film}, wrap: 0.3}
	rgb := &b.tints[hal.RGB][0]
	rgb.lean = 0.8
	dark := a.person.melanin
	for c := range 3 {
		rgb.crease[c] = float32(creaseLoss[c] + creasePigment[c]*dark)
		rgb.fine[c] = 0.026 / 40
		rgb.flush[c] = [3]float32{0.03, 0.34, 0.38}[c]
	}
	for i, ch := range []int{nir850, nir940} {
		t := &b.tints[hal.NIR][i]
		t.lean = 0.65
		t.base = float32(albedo(ch, dark, a.person.blood) / albedo(nir850, dark, a.person.blood))
		t.vein = float32(veinLoss[ch])
		t.crease[0] = float32(creaseLoss[ch])
		t.fine[0] = 0.010 / 40
		t.deep = float32([]float64{0.06, 0.1}[i])
	}
	return b
}

// tintFor chooses how a band under a light shows the body.
func (b *body) tintFor(band hal.Band, light hal.Light) tint {
	if band == hal.NIR && light&hal.NIR940 != 0 && light&hal.NIR850 == 0 {
		return b.tints[hal.NIR][1]
	}
	return b.tints[band][0]
}

// slip moves the picture of a video to where it is at a time.
func (b *body) slip(cs []corner, at time.Duration) {
	if b.slide == nil {
		return
	}
	d := b.slide(at)
	for i := range b.mesh.vertices {
		cs[i].u += d.X / texelStep
		cs[i].v += d.Y / texelStep
	}
}

// meanAlbedo is the reflectance in the middle of the palm, for the exposure
// control.
func (b *body) meanAlbedo(band hal.Band) float64 {
	m := b.tex.nir
	if band == hal.RGB {
		m = b.tex.rgb
	}
	sum, n := 0.0, 0
	for y := -30.0; y <= 40; y += 5 {
		for x := -25.0; x <= 25; x += 5 {
			i, j := int((x-b.tex.x0)/texelStep), int((y-b.tex.y0)/texelStep)
			if i < 0 || j < 0 || i >= b.tex.w || j >= b.tex.h || m[j*b.tex.w+i] == 0 {
				continue // not drawn, of a palm alone
			}
			w := m[j*b.tex.w+i]
			v := float64(w & 255)
			if band == hal.RGB {
				v = (v + float64(w>>8&255) + float64(w>>16&255)) / 3
			}
			sum += v / 255
			n++
		}
	}
	return max(sum/float64(n), 0.05)
}
