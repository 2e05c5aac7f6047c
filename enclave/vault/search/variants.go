package search

import (
	"math"
	"math/bits"
	"slices"

	"volar/enclave/vault/kernel"
	"volar/enclave/vault/matcher"
)

// A variant is one way in which a probe is laid on a palm: a pose of the matcher's, moved by whole cells.
type variant struct{ pose, dx, dy int }

// A ring is the variants of one turn and scale at one distance: turned and moved so far to either side.
type ring struct{ scale, turn, dx, dy int }

// The scales of a ring.
const (
	asIs = iota
	larger
	smaller
)

// rings come first among the variants, the most useful ones before all others. They were chosen one after another, each as the one that, for each
// variant of it, brought the most mates of both development sets (casia-ms and polyu-ms, see README.md)
// nearer than a hundredth of the strangers. The quarters find their
// own moves, so turns matter little; contactless palms differ in scale and in how far along the columns they are cut.
var rings = []ring{
	{asIs, 0, 0, 0}, {asIs, 0, 2, 0}, {asIs, 0, 0, 2}, {asIs, 0, 3, 0}, // 7
	{asIs, 0, 2, 2},                       // 11
	{larger, 0, 2, 0},                     // 13
	{larger, 0, 2, 1}, {smaller, 0, 2, 1}, // 21
	{asIs, 0, 3, 2},                                                         // 25
	{smaller, 0, 4, 1}, {larger, 0, 3, 0}, {asIs, 0, 1, 0}, {asIs, 0, 1, 3}, // 37
	{larger, 0, 3, 1}, {larger, 5, 4, 0}, {smaller, 0, 0, 2}, {smaller, 0, 4, 3}, {larger, 0, 0, 0},
	{asIs, 0, 1, 2}, {smaller, 0, 2, 3}, // 60
}

// gridStep is how far the variants of one pose lie apart that come after the rings, in cells.
const gridStep = 2

// variants are the ways in which a probe is tried: the rings, then every pose at every second move.
var variants = newVariants()

func newVariants() (list []variant) {
	add := func(v variant) {
		if !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	for _, r := range rings {
		for pose := range matcher.PoseCount() {
			if !r.holds(pose) {
				continue
			}
			for _, dy := range []int{-r.dy, r.dy} {
				add(variant{pose, -r.dx, dy})
				add(variant{pose, r.dx, dy})
			}
		}
	}
	for pose := range matcher.PoseCount() {
		for dy := -reach; dy <= reach; dy += gridStep {
			for dx := -reach; dx <= reach; dx += gridStep {
				add(variant{pose, dx, dy})
			}
		}
	}
	return list
}

// holds says whether a pose has the ring's turn and scale.
func (r ring) holds(pose int) bool {
	turn, scale := matcher.Pose(pose)
	of := asIs
	if scale > 1 {
		of = larger
	} else if scale < 1 {
		of = smaller
	}
	return of == r.scale && math.Abs(turn) == float64(r.turn)
}

// byMove lists, for each pose and each move along the columns, the variants: their index and the move along the rows.
var byMove = func() [][2*reach + 1][]place {
	out := make([][2*reach + 1][]place, matcher.PoseCount())
	for i, v := range variants {
		list := &out[v.pose][v.dx+reach]
		*list = append(*list, place{i, v.dy})
	}
	return out
}()

type place struct{ variant, dy int }

// probeCodes is a probe laid out in all variants, for one search after another.
type probeCodes struct {
	fine   []kernel.FineVariant
	coarse []kernel.Variant
	glance []kernel.Variant // the coarse ones, with what half of a code has no say in
}

func newProbeCodes() probeCodes {
	return probeCodes{
		fine:   make([]kernel.FineVariant, len(variants)),
		coarse: make([]kernel.Variant, 0, len(variants)),
		glance: make([]kernel.Variant, 0, len(variants)),
	}
}

// set lays out a probe for a plan. What the probe lacks, a band or the poses other than upright, has no say.
func (c *probeCodes) set(p *matcher.Probe, plan plan) {
	clear(c.fine)
	for b, band := range bands {
		for pose := range p.Poses(band) {
			c.setPose(p, b, pose)
		}
	}
	for i := range c.fine {
		v := &c.fine[i]
		for part := range v.Bias {
			v.Bias[part] = half(v.Mask[part*partWords:][:partWords])
		}
	}
	c.coarse, c.glance = c.coarse[:plan.coarse], c.glance[:plan.glance]
	for i := range c.coarse {
		setCoarse(&c.coarse[i], &c.fine[i], coarseWords)
	}
	for i := range c.glance {
		setCoarse(&c.glance[i], &c.fine[i], glanceWords)
	}
}

// setCoarse makes the coarse variant of a fine one, for comparing so many words of each part.
func setCoarse(v *kernel.Variant, fine *kernel.FineVariant, words int) {
	v.Bits, v.Mask = coarse(&fine.Bits), coarse(&fine.Mask)
	for part := range v.Bias {
		v.Bias[part] = uint8(half(kept(&fine.Mask, part)[:words]))
	}
}

// setPose writes one band of the variants of one pose.
func (c *probeCodes) setPose(p *matcher.Probe, band, pose int) {
	planes, _ := p.Planes(bands[band], pose)
	for k := range partWords {
		for x, places := range byMove[pose] {
			if len(places) == 0 {
				continue
			}
			var b, care thin
			b.set(&planes.Bits[k], band, k, x-reach)
			care.set(&planes.Care[k], band, k, x-reach)
			for _, at := range places {
				v := &c.fine[at.variant]
				b.put(&v.Bits, band, k, at.dy)
				care.put(&v.Mask, band, k, at.dy)
			}
		}
	}
	planes = matcher.Planes{}
}

// half is half of the bits that have no say: as many as would differ by chance.
func half(mask []uint64) uint32 {
	n := 64 * len(mask)
	for _, m := range mask {
		n -= bits.OnesCount64(m)
	}
	return uint32(n / 2)
}

// wipe forgets the probe.
func (c *probeCodes) wipe() {
	clear(c.fine)
	clear(c.coarse[:cap(c.coarse)])
	clear(c.glance[:cap(c.glance)])
}
