package palm

import (
	"math"

	"volar/hal"
)

// A sheet is a flat thing with a picture of the palm on it. Its maps hold the
// picture as reflectance (of a screen: as what it emits), without grooves or
// veins of its own.

// paper is the reflectance of white office paper in both bands.
const paper = 0.84

// sheetBody prints or shows the picture of a wave's palm.
func sheetBody(w *Wave) *body {
	a := w.Anatomy
	b := &body{tex: sheetTexture(w), mesh: newSheetMesh(a.outline.bounds)}
	dull := surface{gloss: gloss{rough: 0.01}, wrap: 0.05}
	if w.Material == LaserPrint || w.Material == VeinPrint {
		dull.gloss.rough = 0.03 // toner shines a little
	}
	b.surface = [2]surface{dull, dull}
	if w.Material == Screen {
		glass := gloss{film: 0.02}
		b.surface = [2]surface{hal.RGB: {gloss: glass, glow: emission}, hal.NIR: {gloss: glass}}
	}
	for i := range b.tints {
		for k := range b.tints[i] {
			b.tints[i][k].base = 1
		}
	}
	return b
}

// sheetTexture makes the maps of a sheet as large as the picture of the hand.
// In some attacks the hand is cut out along its outline.
func sheetTexture(w *Wave) *texture {
	from := w.Anatomy.tex
	t := &texture{x0: from.x0, y0: from.y0, w: from.w, h: from.h}
	t.rgb, t.nir = make([]uint64, t.w*t.h), make([]uint64, t.w*t.h)
	cutOut := w.Material != Screen && subseed(w.Seed, 'c')&1 == 0
	for j := range t.h {
		for i := range t.w {
			k := j*t.w + i
			dist := uint64(0) // far inside the sheet
			edge := min(i, j, t.w-1-i, t.h-1-j)
			if edge < 16 {
				dist = channel(128 + distScale*texelStep*float32(8-edge))
			}
			hand := from.rgb[k] >> 56
			if cutOut {
				dist = hand
			}
			t.rgb[k], t.nir[k] = w.Material.print(from.rgb[k], from.nir[k], hand > 128)
			const flat = 128<<40 | 128<<48
			t.rgb[k] |= 128<<32 | flat | dist<<56
			t.nir[k] |= 128<<24 | flat | dist<<56
		}
	}
	return t
}

// print turns a texel of skin into one of the picture.
func (m Material) print(rgb, nir uint64, outside bool) (uint64, uint64) {
	groove := float32(rgb>>24&255) / 255
	grain := (float32(rgb>>32&255) - 128) / 40 * 0.026
	c := [3]float32{}
	for i := range c {
		c[i] = float32(rgb>>(8*i)&255) / 255 * (1 - 0.5*groove) * (1 + grain)
		if outside {
			c[i] = 0.02
		}
	}
	white := float32(paper)
	var infrared float32
	switch m {
	case VeinPrint:
		vein := float32(nir>>8&255) / 170
		v := 0.55 * (1 - 0.45*vein) * (1 - 0.3*groove)
		if outside {
			v = 0.03
		}
		c, infrared = [3]float32{v, v, v}, v
	case LaserPrint:
		// Grey component replacement: the black toner carries the darkness
		// that all three inks would share, and only it absorbs infrared.
		black := 1 - max(c[0], max(c[1], c[2]))*1.15
		infrared = white * (1 - 0.85*max(0, min(1, black)))
	case InkjetPrint:
		infrared = white * 0.97
	case Screen:
		white, infrared = 1, 0.04
	}
	var out uint64
	for i, v := range c {
		out |= channel(255*min(v*1.25, white)) << (8 * i)
	}
	return out, channel(255 * infrared)
}

// newSheetMesh covers a box with a flat mesh.
func newSheetMesh(b box) *mesh {
	m := &mesh{cols: int((b.x1-b.x0)/meshStep+0.5) + 1, rows: int((b.y1-b.y0)/meshStep+0.5) + 1}
	for j := range m.rows {
		for i := range m.cols {
			at := Point{b.x0 + float64(i)*meshStep, b.y0 + float64(j)*meshStep}
			m.vertices = append(m.vertices, vertex{at: at, tex: Point{(at.X - b.x0) / texelStep, (at.Y - b.y0) / texelStep}})
			m.used = append(m.used, true)
			if i < m.cols-1 && j < m.rows-1 {
				m.cells = append(m.cells, int32(j*m.cols+i))
			}
		}
	}
	return m
}

// sheetWarp bends a sheet of paper a little, and nothing else.
type sheetWarp struct {
	curvature float64
	axis      Point
	mirrored  bool
}

// sheet is how the sheet of a wave lies; nil where there is none.
func (w *Wave) sheet() *sheetWarp {
	switch {
	case w.Thing != nil && w.Thing.form.Sheet:
		return w.Thing.form.warp(w.Anatomy)
	case w.Thing == nil && w.Material != Skin:
		return newSheetWarp(w)
	}
	return nil
}

func newSheetWarp(w *Wave) *sheetWarp {
	rng := newRand(w.Seed, 'b')
	k := normal(rng, 0, 0.0008)
	if w.Material == Screen {
		k = 0
	}
	sin, cos := math.Sincos(uniform(rng, 0, math.Pi))
	return &sheetWarp{k, Point{cos, sin}, w.Anatomy.mirrored()}
}

func (s *sheetWarp) place(v *vertex) vec {
	_, rise := bend(v.at.dot(s.axis), s.curvature)
	x := v.at.X
	if s.mirrored {
		x = -x
	}
	return vec{x, v.at.Y, -rise - v.relief}
}
