package calibrate

import (
	"math"
	"math/rand/v2"

	"volar/boards"
	"volar/hal"
)

// scene is a printed target before a pair of cameras, as light would paint it.
type scene struct {
	cal   hal.Calibration
	turn  vector // of the target, from facing the NIR camera
	place vector // of its middle before the NIR camera, millimetres
	noise float64
	blur  float64 // standard deviation, pixels
	glare bool
}

func design() hal.Calibration {
	b, err := boards.Load(boards.Tree, "sim")
	if err != nil {
		panic(err)
	}
	return b.Calibration
}

// pose is where corner coordinates (millimetres on the target, from its first
// inner corner) lie before the NIR camera.
func (s *scene) pose() (matrix, vector) {
	r := rotation(s.turn)
	middle := vector{float64(Target.Columns-1) * Target.Square / 2, float64(Target.Rows-1) * Target.Square / 2, 0}
	return r, s.place.sub(r.apply(middle))
}

// paper is how bright the target is at a place on it: black and white squares
// with a white margin, on a grey sheet; outside of it the room.
func paper(x, y float64) float64 {
	q := Target.Square
	cx, cy := math.Floor(x/q), math.Floor(y/q)
	w, h := float64(Target.Columns), float64(Target.Rows)
	switch {
	case x < -2*q || y < -2*q || x > (w+1)*q || y > (h+1)*q:
		return 0.18 + 0.1*math.Sin(x/9)*math.Cos(y/7)
	case cx < -1 || cy < -1 || cx > w-1 || cy > h-1:
		return 0.8
	case int(cx+cy+100)%2 == 0:
		return 0.06
	}
	return 0.8
}

// shoot renders both pictures.
func (s *scene) shoot(rng *rand.Rand) hal.Shot {
	r, t := s.pose()
	rgb, nir := s.image(s.cal.RGB, matrix(s.cal.R).times(r), matrix(s.cal.R).apply(t).add(s.cal.T), rng), s.image(s.cal.NIR, r, t, rng)
	shot := hal.Shot{Light: hal.White | hal.NIR850}
	shot.RGB = hal.Frame{Band: hal.RGB, Format: hal.RGB24, Width: s.cal.RGB.Width, Height: s.cal.RGB.Height, Stride: 3 * s.cal.RGB.Width}
	for _, v := range rgb {
		c := byte(min(max(v, 0), 1)*255 + 0.5)
		shot.RGB.Pix = append(shot.RGB.Pix, c, c, c)
	}
	shot.NIR = hal.Frame{Band: hal.NIR, Format: hal.Y10, Width: s.cal.NIR.Width, Height: s.cal.NIR.Height, Stride: 2 * s.cal.NIR.Width}
	for _, v := range nir {
		c := uint16(min(max(v, 0), 1)*1023 + 0.5)
		shot.NIR.Pix = append(shot.NIR.Pix, byte(c), byte(c>>8))
	}
	return shot
}

// image casts 2 x 2 rays a pixel to the plane of the target.
func (s *scene) image(c hal.Intrinsics, r matrix, t vector, rng *rand.Rand) []float64 {
	normal := vector{r[2], r[5], r[8]}
	x, y := vector{r[0], r[3], r[6]}, vector{r[1], r[4], r[7]}
	out := make([]float64, c.Width*c.Height)
	for v := range c.Height {
		for u := range c.Width {
			sum := 0.0
			for k := range 4 {
				du, dv := (float64(k%2)-0.5)*(0.5+s.blur), (float64(k/2)-0.5)*(0.5+s.blur)
				ray := vector{(float64(u) + du - c.Cx) / c.Fx, (float64(v) + dv - c.Cy) / c.Fy, 1}
				p := ray.times(normal.dot(t) / normal.dot(ray)).sub(t)
				sum += paper(p.dot(x), p.dot(y)) / 4
			}
			du, dv := (float64(u)-c.Cx)/c.Fx, (float64(v)-c.Cy)/c.Fy
			fall := 1 / (1 + du*du + dv*dv)
			if s.glare {
				sum = sum*0.1 + 0.85
			}
			out[v*c.Width+u] = sum*fall*0.9 + s.noise*rng.NormFloat64()
		}
	}
	return out
}
