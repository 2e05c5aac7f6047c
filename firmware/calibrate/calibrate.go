// Package calibrate measures the geometry of a unit's two cameras from views
// of a printed target: a chessboard, held before the unit in several ways.
// Both cameras see it in the same shot, under both lamps.
package calibrate

import (
	"fmt"
	"math"

	"volar/hal"
)

// Chessboard is a printed target, by its inner corners. One of the numbers is
// odd and the other even, so that turning it by half is noticed.
type Chessboard struct {
	Columns, Rows int     // inner corners
	Square        float64 // millimetres
}

// Target is the one that Sheet prints: 10 x 7 squares of 12 mm, which fits the
// view of a palm device from 9 cm on.
var Target = Chessboard{Columns: 9, Rows: 6, Square: 12}

// How many views there should be.
const (
	Enough = 10
	Most   = 24
)

// Point is a place in a picture, in pixels; pixel centres have integer coordinates.
type Point struct{ X, Y float64 }

func (p Point) sub(q Point) Point        { return Point{p.X - q.X, p.Y - q.Y} }
func (p Point) add(q Point) Point        { return Point{p.X + q.X, p.Y + q.Y} }
func (p Point) times(k float64) Point    { return Point{p.X * k, p.Y * k} }
func (p Point) length() float64          { return math.Hypot(p.X, p.Y) }
func (p Point) cross(q Point) float64    { return p.X*q.Y - p.Y*q.X }
func (p Point) distance(q Point) float64 { return p.sub(q).length() }

// View is where both cameras saw the inner corners of the target, row by row
// from the black square in the corner on.
type View struct{ NIR, RGB []Point }

// Look finds the target in both pictures of a shot.
func Look(shot *hal.Shot, b Chessboard) (v View, err error) {
	for _, c := range []struct {
		frame *hal.Frame
		to    *[]Point
	}{{&shot.NIR, &v.NIR}, {&shot.RGB, &v.RGB}} {
		g, err := greyOf(c.frame)
		if err == nil {
			*c.to, err = find(g, b)
		}
		if err != nil {
			return View{}, fmt.Errorf("%v camera: %w", c.frame.Band, err)
		}
	}
	return v, nil
}

// Adds says why a view adds nothing to those before; "" means that it does.
func Adds(v View, before []View) string {
	for i, o := range before {
		sum := 0.0
		for k := range v.NIR {
			sum += v.NIR[k].distance(o.NIR[k])
		}
		step := o.NIR[0].distance(o.NIR[1])
		if mean := sum / float64(len(v.NIR)); mean < step/2 {
			return fmt.Sprintf("this view is like number %d: move or tilt the target", i+1)
		}
	}
	return ""
}

// grey is a picture in shares of full scale.
type grey struct {
	w, h int
	pix  []float32
}

func (g *grey) at(x, y int) float32 { return g.pix[y*g.w+x] }

// sample is the picture between its pixels; outside of it, its edge.
func (g *grey) sample(p Point) float64 {
	x, y := min(max(p.X, 0), float64(g.w-1)-1e-6), min(max(p.Y, 0), float64(g.h-1)-1e-6)
	ix, iy := int(x), int(y)
	fx, fy := x-float64(ix), y-float64(iy)
	at := func(dx, dy int) float64 { return float64(g.at(ix+dx, iy+dy)) }
	return (at(0, 0)*(1-fx)+at(1, 0)*fx)*(1-fy) + (at(0, 1)*(1-fx)+at(1, 1)*fx)*fy
}

func greyOf(f *hal.Frame) (*grey, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	if f.Width < 64 || f.Height < 64 {
		return nil, fmt.Errorf("picture of %dx%d pixels, at least 64", f.Width, f.Height)
	}
	g := &grey{f.Width, f.Height, make([]float32, f.Width*f.Height)}
	for y := range f.Height {
		row := f.Pix[y*f.Stride:]
		for x := range f.Width {
			var v float32
			switch f.Format {
			case hal.RGB24:
				v = (float32(row[3*x]) + 2*float32(row[3*x+1]) + float32(row[3*x+2])) / (4 * 255)
			case hal.Y8:
				v = float32(row[x]) / 255
			case hal.Y10:
				v = float32(uint16(row[2*x])|uint16(row[2*x+1])<<8) / 1023
			}
			g.pix[y*g.w+x] = v
		}
	}
	return g, nil
}

// smooth is a box of 3 x 3, which takes the noise of single pixels.
func (g *grey) smooth() *grey {
	out := &grey{g.w, g.h, make([]float32, len(g.pix))}
	copy(out.pix, g.pix)
	for y := 1; y < g.h-1; y++ {
		for x := 1; x < g.w-1; x++ {
			var s float32
			for dy := -1; dy <= 1; dy++ {
				i := (y+dy)*g.w + x
				s += g.pix[i-1] + g.pix[i] + g.pix[i+1]
			}
			out.pix[y*g.w+x] = s / 9
		}
	}
	return out
}
