package palm

import (
	"time"

	"volar/hal"
)

// Truth is what a camera saw, known exactly.
type Truth struct {
	Band     hal.Band
	Valleys  [3]Point   // index-middle, middle-ring, ring-little; pixels
	Inside   [3]bool    // which of them lie in the image
	Corners  [4]Point   // of the palm square: index side, little-finger side, then the same at the wrist; pixels
	ToImage  [9]float64 // palm square, (0,0) to (1,1), to pixels: a homography
	Distance float64    // mm of the middle of the palm from the NIR camera
	Tilt     float64    // degrees between the palm and the image plane

	rig   *Rig
	w     *Wave
	pose  Pose
	shape func(Point) vec
}

// The palm square of wire: its side is 1.1 times the distance between the
// outer valleys, and its upper edge lies 0.15 sides below their line.
const (
	squareSide = 1.1
	squareDrop = 0.15
)

// Truth tells where a wave's palm is in the image of one camera in a shot
// that begins at a time since boot. For a sheet it is where the picture is.
func (r *Renderer) Truth(w *Wave, band hal.Band, at time.Duration) Truth {
	if band == hal.NIR {
		at += r.rig.Skew
	}
	r.prepare(w)
	pose := w.pose(at + r.exposure(w, band, at)/2)
	t := Truth{Band: band, Distance: pose.Distance, rig: &r.rig, w: w, pose: pose}
	t.shape = newPlacer(w)
	place := newPlacement(&pose)
	cam := r.rig.cameraOf(band, 1)
	var v [3]vec
	for i, q := range w.Anatomy.outline.valleys {
		v[i] = place.point(t.shape(q))
		px, ok := cam.project(v[i])
		t.Valleys[i] = px
		t.Inside[i] = ok && px.X >= 0 && px.Y >= 0 && px.X <= float64(cam.w-1) && px.Y <= float64(cam.h-1)
	}
	t.square(&cam, place, v[0], v[2])
	t.Tilt = tiltOf(place)
	return t
}

// square lays the palm square in the plane of the palm through two valleys.
func (t *Truth) square(cam *camera, place *placement, a, b vec) {
	across := b.sub(a)
	side := squareSide * across.norm()
	x := across.unit()
	n := place.r.apply(vec{0, 0, -1})
	y := n.cross(x)
	// Towards the wrist, whichever hand it is.
	if y.dot(place.r.apply(vec{0, 1, 0})) < 0 {
		y = y.times(-1)
	}
	mid := a.add(b).times(0.5)
	from := mid.sub(x.times(side / 2)).add(y.times(squareDrop * side))
	for i := range t.Corners {
		q := from.add(x.times(side * float64(i&1))).add(y.times(side * float64(i>>1)))
		t.Corners[i], _ = cam.project(q)
	}
	t.ToImage = unitSquareTo(t.Corners)
}

// Project gives the pixel of a point of the canonical frame (millimetres), as
// the skin is stretched and bent in this wave. It is slow, and false behind
// the camera.
func (t *Truth) Project(p Point) (Point, bool) {
	cam := t.rig.cameraOf(t.Band, 1)
	return cam.project(newPlacement(&t.pose).point(t.shape(p)))
}

// newPlacer gives the place of any point of the skin in the frame of the hand.
func newPlacer(w *Wave) func(Point) vec {
	a := w.Anatomy
	if s := w.sheet(); s != nil {
		return func(p Point) vec { return s.place(&vertex{at: p}) }
	}
	warp := newWarp(a, &w.Pose)
	return func(p Point) vec {
		v := newVertex(&a.person, a.outline, a.relief, p, p.Y)
		return warp.place(&v)
	}
}

// tiltOf is the angle between the palm's plane and the image plane, in degrees.
func tiltOf(place *placement) float64 {
	n := place.r.apply(vec{0, 0, -1})
	return angleBetween(n, vec{0, 0, -1}) / radian
}

// unitSquareTo is the homography from the unit square to four corners
// (Heckbert 1989, "Fundamentals of texture mapping", section 2.2.3).
func unitSquareTo(c [4]Point) [9]float64 {
	p0, p1, p3, p2 := c[0], c[1], c[2], c[3]
	d1, d2 := p1.sub(p2), p3.sub(p2)
	s := p0.sub(p1).add(p2).sub(p3)
	det := d1.X*d2.Y - d2.X*d1.Y
	g := (s.X*d2.Y - d2.X*s.Y) / det
	h := (d1.X*s.Y - s.X*d1.Y) / det
	return [9]float64{
		p1.X - p0.X + g*p1.X, p3.X - p0.X + h*p3.X, p0.X,
		p1.Y - p0.Y + g*p1.Y, p3.Y - p0.Y + h*p3.Y, p0.Y,
		g, h, 1,
	}
}

// Crop cuts the palm square out of a frame of the truth's band and scales it
// to side x side pixels: one byte a pixel for NIR (the sensor's range scaled
// to 255), three for RGB. Right hands come out mirrored into left ones,
// because the square runs from the index side to the little-finger side.
func (t *Truth) Crop(f *hal.Frame, side int) []byte {
	n := 1
	if f.Format == hal.RGB24 {
		n = 3
	}
	out := make([]byte, side*side*n)
	h := &t.ToImage
	for y := range side {
		for x := range side {
			u, v := (float64(x)+0.5)/float64(side), (float64(y)+0.5)/float64(side)
			w := h[6]*u + h[7]*v + h[8]
			px, py := (h[0]*u+h[1]*v+h[2])/w, (h[3]*u+h[4]*v+h[5])/w
			for c := range n {
				out[(y*side+x)*n+c] = byte(pixel(f, px, py, c) + 0.5)
			}
		}
	}
	return out
}

// pixel interpolates one channel of a frame, scaled to 0 to 255; outside the
// image it is 0.
func pixel(f *hal.Frame, x, y float64, c int) float64 {
	if x < 0 || y < 0 || x > float64(f.Width-1) || y > float64(f.Height-1) {
		return 0
	}
	i, j := min(int(x), f.Width-2), min(int(y), f.Height-2)
	ax, ay := x-float64(i), y-float64(j)
	at := func(i, j int) float64 {
		k := j*f.Stride + i*f.Format.BytesPerPixel()
		if f.Format == hal.Y10 {
			return float64(int(f.Pix[k])|int(f.Pix[k+1])<<8) * (255.0 / 1023)
		}
		return float64(f.Pix[k+c])
	}
	top := at(i, j)*(1-ax) + at(i+1, j)*ax
	low := at(i, j+1)*(1-ax) + at(i+1, j+1)*ax
	return top*(1-ay) + low*ay
}
