package search

import (
	"volar/enclave/vault/kernel"
	"volar/enclave/vault/matcher"
	"volar/wire"
)

// The codes of the stages before the matcher look at every second cell of every second row,
// 16 by 16 cells, from a cell on that is not the same for neighbouring orientations (see first): together they see all
// cells, and moves by two cells leave no gap. A part is what one band shows in one quarter of the palm, 8 by 8 of
// these cells; a word of the fine code is one orientation of one part, a byte each row.
const (
	quarter     = 8                                 // cells of a part along each axis, of those that are looked at
	partWords   = kernel.FineWords / kernel.Parts   // orientations
	coarseWords = kernel.CoarseWords / kernel.Parts // of these, side by side, that the coarse code keeps
	glanceWords = kernel.GlanceWords / kernel.Parts // of these that a glance looks at
	reach       = 4                                 // cells that a variant is moved at most
)

// coarseFirst is the first of the orientations that the coarse code keeps, by band. The two
// bands keep different ones: together they see lines of every direction but the
// upright and the level one, along which palms differ least.
var coarseFirst = [2]int{1, 4}

// bands is the order of the bands in a code.
var bands = [2]wire.Band{wire.RGB, wire.NIR}

// words is a fine code and which of its bits can be relied upon; bits that cannot are 0.
type words struct {
	bits, care [kernel.FineWords]uint64
}

// first is the column and the row of the first cell that an orientation looks at.
func first(band, plane int) (x, y int) {
	i := partWords*band + plane
	return i % 2, i / 2 % 2
}

// margin is the rows of nothing around a thin.
const margin = reach + 1

// A thin is the even columns of the rows of one orientation, moved along the
// columns already, with rows of nothing above and below for moves along the rows.
type thin [matcher.Cells + 2*margin]uint16

// set takes an orientation that is moved by dx columns.
func (t *thin) set(rows *[matcher.Cells]uint32, band, plane, dx int) {
	x, _ := first(band, plane)
	for y, r := range rows {
		t[y+margin] = evenBits(shifted(r, dx-x))
	}
}

// evenBits gathers bits 0, 2, 4 … side by side.
func evenBits(v uint32) uint16 {
	v &= 0x55555555
	v = (v | v>>1) & 0x33333333
	v = (v | v>>2) & 0x0f0f0f0f
	v = (v | v>>4) & 0x00ff00ff
	return uint16(v | v>>8)
}

// put writes the four words of one band and orientation after a move by dy rows.
func (t *thin) put(to *[kernel.FineWords]uint64, band, plane, dy int) {
	_, y := first(band, plane)
	dy -= y
	for q := range 2 {
		var left, right uint64
		from := margin - dy + 2*quarter*q
		for i := range quarter {
			v := uint64(t[from+2*i])
			left |= v & 0xff << (8 * i)
			right |= v >> 8 << (8 * i)
		}
		part := 4*band + 2*q
		to[part*partWords+plane] = left
		to[(part+1)*partWords+plane] = right
	}
}

// set writes one band's words of a code that is moved by whole cells, at most reach each way.
func (w *words) set(p *matcher.Planes, band, dx, dy int) {
	var t thin
	for k := range partWords {
		t.set(&p.Bits[k], band, k, dx)
		t.put(&w.bits, band, k, dy)
		t.set(&p.Care[k], band, k, dx)
		t.put(&w.care, band, k, dy)
	}
}

// kept is the words of a part of a fine code that the first stage keeps.
func kept(fine *[kernel.FineWords]uint64, part int) []uint64 {
	return fine[part*partWords+coarseFirst[part/4]:][:coarseWords]
}

// coarse is the part of a fine code that the first stage keeps, in the order of a gallery.
func coarse(fine *[kernel.FineWords]uint64) [kernel.CoarseWords]uint64 {
	var c [kernel.CoarseWords]uint64
	for part := range kernel.Parts {
		copy(c[part*coarseWords:], kept(fine, part))
	}
	return kernel.Spread(&c)
}
