package liveness

import (
	"math"

	"volar/wire"
)

// bending is how the skin leans against the palm's plane and how it mirrors,
// from the light of single lamps (photometric stereo: Woodham 1980,
// "Photometric method for determining surface orientation from multiple
// images"; with a mirrored part, Coleman and Jain 1982).
type bending struct {
	lean   [][2]float64               // of each cell, radians towards x and y, the mean taken off
	tilt   [2]float64                 // the mean, radians
	mirror [][wire.FlashCount]float64 // of each cell: mirrored light over scattered, less the mean of the four corners
	spread float64                    // degrees: root mean square of lean
	least  float64                    // degrees: that in the direction in which it leans least
	gloss  float64                    // root mean square of mirror, with the sign of the mirrored light
}

// The lean is smoothed by polynomials in two variables of second degree, so
// surfaces are of third: one cell's lean is uncertain by 5 degrees and more,
// because the lamps stand only some 20 degrees off the cameras.
const terms = 6

func (c *cell) powers() [terms]float64 {
	return [terms]float64{1, c.u, c.v, c.u * c.u, c.u * c.v, c.v * c.v}
}

// unknowns are the polynomials' coefficients, then the strengths of the two
// lobes that skin mirrors with: a rough one and a film's, of Blinn's exponents 15
// and 47 (Blinn 1977, "Models of light reflection for computer synthesized pictures").
const (
	lobes    = 2
	unknowns = 2*terms + lobes
)

type row [unknowns]float64

// bend solves for all cells together by least squares. What a corner gave
// more than a flat matt thing would have it, as a logarithm, less the mean of
// the four, is the difference of slopes times the lean, and the difference of lobes times their strengths.
func (s *scene) bend(camera int) bending {
	var lhs [unknowns]row
	var rhs row
	n, eye := s.normal(), s.eye(camera)
	rows := make([][wire.FlashCount]row, len(s.cells))
	for i := range s.cells {
		c := &s.cells[i]
		got := c.equations(s, camera, n, eye, &rows[i])
		for k := range got {
			r := &rows[i][k]
			for a := range unknowns {
				rhs[a] += r[a] * got[k]
				for b := range a + 1 {
					lhs[a][b] += r[a] * r[b]
				}
			}
		}
	}
	solve(&lhs, &rhs)
	return s.conclude(rows, &rhs)
}

// equations are the four of a cell, and what they come to.
func (c *cell) equations(s *scene, camera int, n, eye vec, rows *[wire.FlashCount]row) (got [wire.FlashCount]float64) {
	view := eye.sub(c.at).unit()
	p := c.powers()
	var mean row
	var middle float64
	for k, f := range s.flashes {
		corner, _ := f.Alone()
		b := bankOf(camera, f)
		got[k] = math.Log(max(c.single[camera][corner], 0.02) / c.expect[camera][corner])
		r := &rows[k]
		for a := range terms {
			r[a] = c.slope[b][corner][0] * p[a]
			r[terms+a] = c.slope[b][corner][1] * p[a]
		}
		h := max(n.dot(lampAt(s.Proof, b, corner).sub(c.at).unit().add(view).unit()), 0)
		r[2*terms], r[2*terms+1] = power(h, 15), power(h, 47)
		for a := range r {
			mean[a] += r[a] / wire.FlashCount
		}
		middle += got[k] / wire.FlashCount
	}
	for k := range got {
		got[k] -= middle
		for a := range mean {
			rows[k][a] -= mean[a]
		}
	}
	return got
}

// conclude makes of the solution what the checks need.
func (s *scene) conclude(rows [][wire.FlashCount]row, x *row) bending {
	b := bending{lean: make([][2]float64, len(s.cells)), mirror: make([][wire.FlashCount]float64, len(s.cells))}
	count := float64(len(s.cells))
	var mean [2]float64
	var mirrored float64
	for i := range s.cells {
		p := s.cells[i].powers()
		for a := range terms {
			b.lean[i][0] += x[a] * p[a]
			b.lean[i][1] += x[terms+a] * p[a]
		}
		mean[0] += b.lean[i][0] / count
		mean[1] += b.lean[i][1] / count
		for k := range rows[i] {
			m := x[2*terms]*rows[i][k][2*terms] + x[2*terms+1]*rows[i][k][2*terms+1]
			b.mirror[i][k] = m
			mirrored += m * m / count / wire.FlashCount
		}
	}
	var xx, yy, xy float64
	for i := range b.lean {
		l := &b.lean[i]
		l[0] -= mean[0]
		l[1] -= mean[1]
		xx += l[0] * l[0] / count
		yy += l[1] * l[1] / count
		xy += l[0] * l[1] / count
	}
	b.tilt = mean
	b.spread = degrees(math.Sqrt(xx + yy))
	b.least = degrees(math.Sqrt(max((xx+yy)/2-math.Hypot((xx-yy)/2, xy), 0)))
	b.gloss = math.Copysign(math.Sqrt(mirrored), x[2*terms]+x[2*terms+1])
	return b
}

// solve replaces the right side by the solution: Gauss's elimination of a
// symmetric positive matrix of which the lower half is given. A little is added to the diagonal,
// so that what the light does not tell comes out as nothing.
func solve(m *[unknowns]row, x *row) {
	for a := range unknowns {
		for b := range a {
			m[b][a] = m[a][b]
		}
		m[a][a] += 0.01
	}
	for i := range unknowns {
		for k := i + 1; k < unknowns; k++ {
			f := m[k][i] / m[i][i]
			for j := i; j < unknowns; j++ {
				m[k][j] -= f * m[i][j]
			}
			x[k] -= f * x[i]
		}
	}
	for i := unknowns - 1; i >= 0; i-- {
		for j := i + 1; j < unknowns; j++ {
			x[i] -= m[i][j] * x[j]
		}
		x[i] /= m[i][i]
	}
}

func degrees(r float64) float64 { return r * 180 / math.Pi }

// eye is where a camera stands. The lamps stand round the middle between the two.
func (s *scene) eye(camera int) vec {
	if camera == rgb {
		return vec{x: 2 * s.mean}
	}
	return vec{}
}

// power is x to a whole power, by squaring.
func power(x float64, n int) float64 {
	y := 1.0
	for ; n > 0; n /= 2 {
		if n&1 != 0 {
			y *= x
		}
		x *= x
	}
	return y
}
