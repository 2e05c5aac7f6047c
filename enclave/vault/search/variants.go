package search

import (
	"math"
	"math/bits"

	"volar/enclave/vault/kernel"
	"volar/enclave/vault/matcher"
)

// A variant is one way in which a probe is laid on a palm: a pose of the matcher's, moved by whole cells.
type variant struct{ pose, dx, dy int }

// moveStep is how far variants of one pose lie apart, in cells.
const moveStep = 2

// variants are the ways in which a probe is tried, the most useful ones first: upright and moved
// by two cells at most; a little turned or scaled; everything that is left.
var variants = newVariants()

func newVariants() (list []variant) {
	known := map[variant]bool{}
	add := func(pose, reach int) {
		for dy := -reach; dy <= reach; dy += moveStep {
			for dx := -reach; dx <= reach; dx += moveStep {
				if v := (variant{pose, dx, dy}); !known[v] {
					known[v] = true
					list = append(list, v)
				}
			}
		}
	}
	for pose := range matcher.PoseCount() {
		if isSmall(pose) {
			add(pose, moveStep)
		}
	}
	for pose := range matcher.PoseCount() {
		add(pose, reach)
	}
	return list
}

// isSmall says that a pose is upright, turned a little or scaled.
func isSmall(pose int) bool {
	turn, scale := matcher.Pose(pose)
	return turn == 0 || scale == 1 && math.Abs(turn) <= smallTurn
}

const smallTurn = 5 // degrees

// The moves of a variant, counted from 0 in steps.
const moveCount = 2*reach/moveStep + 1

// placed is the index among variants by pose, move along the rows and along the columns.
var placed = func() [][moveCount][moveCount]int {
	at := make([][moveCount][moveCount]int, matcher.PoseCount())
	for i, v := range variants {
		at[v.pose][(v.dy+reach)/moveStep][(v.dx+reach)/moveStep] = i
	}
	return at
}()

// probeCodes is a probe laid out in all variants, for one search after another.
type probeCodes struct {
	fine   []kernel.FineVariant
	coarse []kernel.Variant
}

func newProbeCodes() probeCodes {
	return probeCodes{make([]kernel.FineVariant, len(variants)), make([]kernel.Variant, 0, len(variants))}
}

// set lays out a probe of which the first n variants make the first stage.
// What the probe lacks, a band or the poses other than upright, has no say.
func (c *probeCodes) set(p *matcher.Probe, n int) {
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
	c.coarse = c.coarse[:n]
	for i := range c.coarse {
		v := &c.coarse[i]
		v.Bits, v.Mask = coarse(&c.fine[i].Bits), coarse(&c.fine[i].Mask)
		for part := range v.Bias {
			v.Bias[part] = uint8(half(kept(&c.fine[i].Mask, part)))
		}
	}
}

// setPose writes one band of the variants of one pose.
func (c *probeCodes) setPose(p *matcher.Probe, band, pose int) {
	planes, _ := p.Planes(bands[band], pose)
	for k := range partWords {
		for x := range moveCount {
			var b, care thin
			b.set(&planes.Bits[k], x*moveStep-reach)
			care.set(&planes.Care[k], x*moveStep-reach)
			for y := range moveCount {
				v := &c.fine[placed[pose][y][x]]
				b.put(&v.Bits, band, k, y*moveStep-reach)
				care.put(&v.Mask, band, k, y*moveStep-reach)
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
}
