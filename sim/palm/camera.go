package palm

import (
	"volar/hal"
)

// camera projects points of the NIR camera's frame into one of the images,
// at the full size of the sensor or at a fraction of it.
type camera struct {
	r              mat
	t              vec
	fx, fy, cx, cy float64
	w, h           int
	band           hal.Band
}

// cameraOf is the camera of a band; shrink halves its image (2) or not (1).
func (r *Rig) cameraOf(band hal.Band, shrink int) camera {
	in := r.Calibration.NIR
	c := camera{r: mat{1, 0, 0, 0, 1, 0, 0, 0, 1}, band: band}
	if band == hal.RGB {
		in = r.Calibration.RGB
		c.r = mat(r.Calibration.R)
		c.t = vec{r.Calibration.T[0], r.Calibration.T[1], r.Calibration.T[2]}
	}
	k := 1 / float64(shrink)
	// A pixel of the small image is the middle of shrink x shrink pixels.
	mid := (float64(shrink) - 1) / 2
	c.fx, c.fy = in.Fx*k, in.Fy*k
	c.cx, c.cy = (in.Cx-mid)*k, (in.Cy-mid)*k
	c.w, c.h = in.Width/shrink, in.Height/shrink
	return c
}

// centre is the camera's place in the NIR camera's frame.
func (c *camera) centre() vec {
	inv := mat{c.r[0], c.r[3], c.r[6], c.r[1], c.r[4], c.r[7], c.r[2], c.r[5], c.r[8]}
	return inv.apply(c.t.times(-1))
}

// nearest is how near a point may come to a camera and still be drawn, in millimetres.
const nearest = 8.0

// project gives the pixel of a point, and false where it is not before the camera.
func (c *camera) project(p vec) (Point, bool) {
	q := c.r.apply(p).add(c.t)
	if q.z < nearest {
		return Point{}, false
	}
	return Point{c.cx + c.fx*q.x/q.z, c.cy + c.fy*q.y/q.z}, true
}
