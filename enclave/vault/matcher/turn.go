package matcher

import (
	"math"

	"volar/enclave/vault/kernel"
	"volar/wire"
)

// A pose is how a probe's grid lies on its field.
type pose struct {
	turn  float64 // degrees
	scale float64
}

// poses are the turns and scales that the search tries, upright
// first. Between two neighbours the blocks' own movement bridges the gap.
// On contactless crops scale matters most: without it some 3 % of genuine pairs never match.
var poses = [...]pose{
	{0, 1}, {-5, 1}, {5, 1}, {-10, 1}, {10, 1},
	{0, 0.88}, {-5, 0.88}, {5, 0.88}, {-10, 0.88}, {10, 0.88},
	{0, 1.13}, {-5, 1.13}, {5, 1.13}, {-10, 1.13}, {10, 1.13},
}

// A pose's code exists at phases*phases places half a cell apart, because a
// quarter of a wavelength, which is less than a cell, turns a bit into one of chance.
const (
	phases    = 2
	phaseStep = pitch / phases // pixels
)

// lattices says, for each pose, phase and cell, at which point of the field
// the cell's middle lies; -1 where it lies off the field. Phase py*phases+px lies px
// and py half cells to the right and down.
var lattices = func() *[len(poses)][phases * phases][cells * cells]int16 {
	l := new([len(poses)][phases * phases][cells * cells]int16)
	for i, p := range poses {
		sin, cos := math.Sincos(p.turn * math.Pi / 180)
		for phase := range l[i] {
			for cell := range l[i][phase] {
				const middle = wire.Side / 2
				u := p.scale * float64(cell%cells*pitch+pitch/2+phase%phases*phaseStep-middle)
				v := p.scale * float64(cell/cells*pitch+pitch/2+phase/phases*phaseStep-middle)
				x := int(math.Round((middle+float64(cos*u)-float64(sin*v))/tapStep)) - 1
				y := int(math.Round((middle+float64(sin*u)+float64(cos*v))/tapStep)) - 1
				l[i][phase][cell] = -1
				if x >= 0 && y >= 0 && x < points && y < points {
					l[i][phase][cell] = int16(y*points + x)
				}
			}
		}
	}
	return l
}()

// A relief is the signs of all banks' answers at every point of a field. Each bank
// has reliefBits of a word; of them bit k is set where plane k is
// negative, bit k+planes where that can be relied upon, and bit k+2*planes where the answer is strong.
type relief [points * points]uint64

const reliefBits = 3 * planes

// set evaluates the banks at every point. What counts as fragile or strong is
// measured on the template's grid.
func (r *relief) set(w *turning, f *field, with *filters, valid *validity) {
	*r = relief{}
	for bank := range banks {
		kernel.Filter(w.answers[:], f.pix[:], fieldStride, dense[:], with[bank])
		for k := range planes {
			plane := w.answers[k*points*points:][:points*points]
			for cell := range w.plane {
				w.plane[cell] = plane[cellPoint(cell)]
			}
			sizes := w.measure(w.plane[:], valid)
			least, most := below(sizes, fragile), below(sizes, 1-strong)
			sign := uint64(1) << (bank*reliefBits + k)
			for i, a := range plane {
				if abs(a) < least {
					continue
				}
				r[i] |= sign << planes
				if a < 0 {
					r[i] |= sign
				}
				if abs(a) >= most {
					r[i] |= sign << (2 * planes)
				}
			}
		}
	}
	for i := range r {
		const step = pitch / tapStep
		if !valid.at(i/points/step*cells + i%points/step) {
			r[i] = 0
		}
	}
	clear(w.answers[:])
	clear(w.plane[:])
	clear(w.sizes[:])
}

// A turning is the working memory of relief.set.
type turning struct {
	encoding
	answers [kernel.Filters * points * points]int32
	plane   [cells * cells]int32
}

// bankOf is where a pose takes its answers from.
func bankOf(turn float64) int {
	switch {
	case turn < -bankTurn/2:
		return turnedLeft
	case turn > bankTurn/2:
		return turnedRight
	}
	return upright
}

// sample makes the code of one pose and phase, and the code of its strong bits alone.
func (r *relief) sample(pose, phase int, c, strong *code) {
	bank := bankOf(poses[pose].turn)
	lattice := &lattices[pose][phase]
	for y := range cells {
		var rows [3 * 8]uint32 // by bit of the bank: the last six stay empty
		for x := 0; x < cells; x += 8 {
			var columns [3]uint64 // of eight points, a byte each
			for i, at := range lattice[y*cells+x:][:8] {
				if at >= 0 {
					here := r[at] >> (bank * reliefBits)
					columns[0] |= here & 0xff << (8 * i)
					columns[1] |= here >> 8 & 0xff << (8 * i)
					columns[2] |= here >> 16 & (1<<(reliefBits-16) - 1) << (8 * i)
				}
			}
			for i, v := range columns {
				v = transposed(v)
				for k := range 8 {
					rows[8*i+k] |= uint32(v>>(8*k)&0xff) << x
				}
			}
		}
		bits, care, most := rows[:planes], rows[planes:], rows[2*planes:]
		for w := range words {
			c.Bits[y][w] = uint64(bits[w]) | uint64(bits[w+words])<<cells
			c.Care[y][w] = uint64(care[w]) | uint64(care[w+words])<<cells
			strong.Care[y][w] = uint64(most[w]) | uint64(most[w+words])<<cells
			strong.Bits[y][w] = c.Bits[y][w] & strong.Care[y][w]
		}
	}
}

// transposed makes bit i of byte k of bit k of byte i (Warren, "Hacker's Delight", 2nd edition, section 7-3).
func transposed(v uint64) uint64 {
	t := (v ^ v>>7) & 0x00aa00aa00aa00aa
	v ^= t ^ t<<7
	t = (v ^ v>>14) & 0x0000cccc0000cccc
	v ^= t ^ t<<14
	t = (v ^ v>>28) & 0x00000000f0f0f0f0
	return v ^ t ^ t<<28
}
