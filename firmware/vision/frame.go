package vision

import "volar/wire"

// The palm frame, see README.md: a square as wide as sideShare of the
// distance between the outer valleys, centred between them, whose top edge
// lies topShare of its side below them.
const (
	sideShare = 1.10
	topShare  = 0.15
)

// palmFrame is the homography from crop pixels to the picture, and the length
// of the square's side in the picture. out points to the finger tips.
func palmFrame(v [3]Point, out Point) (h [9]float64, side float64) {
	x := v[2].sub(v[0])
	side = sideShare * x.norm()
	x = x.unit()
	y := Point{-x.Y, x.X}
	if y.dot(out) > 0 {
		y = y.times(-1)
	}
	origin := v[0].add(v[2]).times(0.5).towards(x, -side/2).towards(y, topShare*side)
	step := side / wire.Side
	// Pixel (u, v) of the crop shows the place (u+1/2, v+1/2) steps from the corner.
	origin = origin.towards(x, step/2).towards(y, step/2)
	return [9]float64{
		x.X * step, y.X * step, origin.X,
		x.Y * step, y.Y * step, origin.Y,
		0, 0, 1,
	}, side
}
