package main

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"volar/boards"
	"volar/firmware/calibrate"
	"volar/firmware/provision/rehearsal"
	"volar/hal"
	"volar/wire/prov"
)

// sheet is the printed target: where its black squares are, millimetres.
type sheet [][3]float64

// printed reads the squares out of the page that 'palmctl target' writes.
func printed(t *testing.T) (s sheet) {
	t.Helper()
	for _, m := range regexp.MustCompile(`M([\d.]+) ([\d.]+)h([\d.]+)v`).FindAllStringSubmatch(string(targetSheet(calibrate.Target)), -1) {
		var q [3]float64
		for i := range q {
			q[i], _ = strconv.ParseFloat(m[i+1], 64)
		}
		s = append(s, q)
	}
	if len(s) != 35 {
		t.Fatalf("%d black squares", len(s))
	}
	return s
}

// at is how bright the page is at a place.
func (s sheet) at(x, y float64) float64 {
	for _, q := range s {
		if x >= q[0] && x < q[0]+q[2] && y >= q[1] && y < q[1]+q[2] {
			return 0.07
		}
	}
	return 0.8
}

// frame is what a camera sees of the page, tilted by a and b, from z away,
// with its middle at (u, v).
func (s sheet) frame(c hal.Intrinsics, r [9]float64, shift [3]float64, pose [5]float64, out func(i int, v float64)) {
	ca, sa, cb, sb := math.Cos(pose[0]), math.Sin(pose[0]), math.Cos(pose[1]), math.Sin(pose[1])
	// Axes of the page before the NIR camera, then before this one.
	ax := turn(r, [3]float64{cb, sa * sb, -ca * sb})
	ay := turn(r, [3]float64{0, ca, sa})
	o := turn(r, [3]float64{pose[2], pose[3], pose[4]})
	for i := range o {
		o[i] += shift[i]
	}
	n := [3]float64{ax[1]*ay[2] - ax[2]*ay[1], ax[2]*ay[0] - ax[0]*ay[2], ax[0]*ay[1] - ax[1]*ay[0]}
	dot := func(p, q [3]float64) float64 { return p[0]*q[0] + p[1]*q[1] + p[2]*q[2] }
	for y := range c.Height {
		for x := range c.Width {
			sum := 0.0
			for k := range 4 {
				ray := [3]float64{(float64(x) + float64(k%2)/2 - 0.25 - c.Cx) / c.Fx, (float64(y) + float64(k/2)/2 - 0.25 - c.Cy) / c.Fy, 1}
				d := dot(n, o) / dot(n, ray)
				p := [3]float64{ray[0]*d - o[0], ray[1]*d - o[1], ray[2]*d - o[2]}
				sum += s.at(dot(p, ax)+105, dot(p, ay)+102) / 4
			}
			out(y*c.Width+x, sum)
		}
	}
}

func turn(r [9]float64, v [3]float64) [3]float64 {
	return [3]float64{r[0]*v[0] + r[1]*v[1] + r[2]*v[2], r[3]*v[0] + r[4]*v[1] + r[5]*v[2], r[6]*v[0] + r[7]*v[1] + r[8]*v[2]}
}

// TestCalibrateAUnit: the page that palmctl prints, held before a unit whose
// cameras are not those of the design, gives the unit its own calibration.
func TestCalibrateAUnit(t *testing.T) {
	board, err := boards.Load(boards.Tree, "sim")
	if err != nil {
		t.Fatal(err)
	}
	design := board.Calibration
	for _, c := range []*hal.Intrinsics{&design.NIR, &design.RGB} { // half as many pixels, for speed
		*c = hal.Intrinsics{Width: c.Width / 2, Height: c.Height / 2, Fx: c.Fx / 2, Fy: c.Fy / 2, Cx: c.Cx / 2, Cy: c.Cy / 2}
	}
	truth := design
	truth.NIR.Fx, truth.NIR.Fy, truth.RGB.Cx, truth.T[0] = truth.NIR.Fx*1.03, truth.NIR.Fy*1.03, truth.RGB.Cx+4, truth.T[0]-1.2
	page := printed(t)
	var shots []hal.Shot
	for i := range calibrate.Enough + 4 {
		a := 2.4 * float64(i)
		pose := [5]float64{0.45 * math.Cos(a), 0.45 * math.Sin(a), 12 + 12*math.Cos(2.3*a), 8 * math.Sin(1.7*a), 115 + 20*math.Sin(5*a+0.4)}
		w, h := truth.NIR.Width, truth.NIR.Height
		rgb := hal.Frame{Band: hal.RGB, Format: hal.RGB24, Width: w, Height: h, Stride: 3 * w, Pix: make([]byte, 3*w*h), Seq: uint32(i + 1)}
		nir := hal.Frame{Band: hal.NIR, Format: hal.Y8, Width: w, Height: h, Stride: w, Pix: make([]byte, w*h), Seq: uint32(i + 1)}
		page.frame(truth.NIR, [9]float64{0: 1, 4: 1, 8: 1}, [3]float64{}, pose, func(i int, v float64) { nir.Pix[i] = byte(255 * v) })
		page.frame(truth.RGB, truth.R, truth.T, pose, func(i int, v float64) {
			c := byte(255 * v)
			rgb.Pix[3*i], rgb.Pix[3*i+1], rgb.Pix[3*i+2] = c, c, c
		})
		shots = append(shots, hal.Shot{RGB: rgb, NIR: nir, Light: hal.White | hal.NIR850})
	}
	s := newShop(t)
	s.plan.Calibration, s.plan.Waive = "measure", []string{"lamp", "camera"}
	synctest.Test(t, func(t *testing.T) {
		u := rehearsal.NewUnit(unitSerial)
		u.Design = design
		looked := 0
		u.Shoot = func(l hal.Light) (hal.Shot, error) {
			looked++
			return shots[(looked-1)/2%len(shots)], nil // each twice: the second adds nothing
		}
		b, err := s.attempt(u, rehearsal.NewCable(1, rehearsal.Faults{Rate: 115200}))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := u.Applied()
		if got.State != prov.Sealed || got.Calibration == nil {
			t.Fatalf("%+v", got)
		}
		c := got.Calibration
		t.Log(b.report.Calibration, fmt.Sprintf("after %d looks, %v", looked, time.Now().Format(time.TimeOnly)))
		if math.Abs(c.NIR.Fx/truth.NIR.Fx-1) > 0.01 || math.Abs(c.RGB.Cx-truth.RGB.Cx) > 1.5 || math.Abs(c.T[0]-truth.T[0]) > 0.6 {
			t.Errorf("calibration %+v, want %+v", c, truth)
		}
		if len(b.report.Geometry) == 0 {
			t.Error("the report has no calibration")
		}
	})
}
