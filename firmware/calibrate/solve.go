package calibrate

import (
	"errors"
	"fmt"
	"math"

	"volar/hal"
)

// Limits of a calibration that is taken.
const (
	maxRMS      = 0.5   // pixels, of all residuals
	maxFocalOff = 0.3   // of the design
	maxTurnOff  = 0.14  // radians between the cameras, from the design: 8 degrees
	maxShiftOff = 15    // millimetres between the cameras, from the design
	maxSpread   = 0.006 // standard deviation of a focal length, of its value
)

// Result is a measured calibration.
type Result struct {
	Calibration hal.Calibration
	RMS         float64 // pixels, of all residuals of both cameras
	Worst       float64 // pixels, of the view that fits least
	Corners     int     // that were used, of both cameras
	Baseline    float64 // millimetres between the cameras
}

// ErrFit means that views do not give a calibration.
var ErrFit = errors.New("the views give no calibration")

// Solve fits both cameras, how they stand to each other, and where the target
// was in each view, so that the corners lie where they were seen: bundle
// adjustment by Levenberg and Marquardt, from the board's design on. Lamps and
// skew stay those of the design.
func Solve(b Chessboard, views []View, design hal.Calibration) (Result, error) {
	if err := design.Check(); err != nil {
		return Result{}, err
	}
	if len(views) < 4 || len(views) > Most {
		return Result{}, fmt.Errorf("%w: %d views, 4 to %d", ErrFit, len(views), Most)
	}
	f := &fit{board: b, views: views}
	if err := f.begin(&design); err != nil {
		return Result{}, err
	}
	spread, err := f.run()
	if err != nil {
		return Result{}, err
	}
	r := f.result(&design)
	return r, f.judge(&r, &design, spread)
}

// judge refuses what is no calibration of this board.
func (f *fit) judge(r *Result, design *hal.Calibration, spread [2]float64) error {
	c := &r.Calibration
	if r.RMS > maxRMS {
		return fmt.Errorf("%w: corners lie %.2f px beside their place, allowed %.2f: is the target flat, and the focus right?", ErrFit, r.RMS, maxRMS)
	}
	for i, cam := range []struct {
		name      string
		got, want hal.Intrinsics
	}{{"nir", c.NIR, design.NIR}, {"rgb", c.RGB, design.RGB}} {
		if spread[i] > maxSpread {
			return fmt.Errorf("%w: the %s camera's focal length is known to %.1f %% only, allowed %.1f: tilt the target more", ErrFit, cam.name, 100*spread[i], 100*maxSpread)
		}
		if off := math.Abs(cam.got.Fx/cam.want.Fx - 1); off > maxFocalOff {
			return fmt.Errorf("%w: the %s camera's focal length is %.0f px, by design %.0f: another lens?", ErrFit, cam.name, cam.got.Fx, cam.want.Fx)
		}
	}
	if d := vector(c.T).sub(design.T).length(); d > maxShiftOff {
		return fmt.Errorf("%w: the cameras are %.1f mm from where the design has them, allowed %d: are the target's squares %g mm wide?", ErrFit, d, maxShiftOff, f.board.Square)
	}
	if a := matrix(c.R).times(matrix(design.R).transposed()).angle(); a > maxTurnOff {
		return fmt.Errorf("%w: the cameras are turned by %.1f degrees against the design", ErrFit, a*180/math.Pi)
	}
	return c.Check()
}

// shared is how many parameters all views share: fx, fy, cx, cy of both
// cameras, and how they stand to each other: a rotation vector and a shift.
const (
	shared  = 14
	ofAView = 6
)

// fit is a bundle adjustment.
type fit struct {
	board Chessboard
	views []View
	x     []float64 // shared, then 6 for each view: rotation vector and place of the target before the NIR camera
}

// begin sets the parameters from the design, and the target's places from
// the NIR camera's pictures with it.
func (f *fit) begin(design *hal.Calibration) error {
	f.x = make([]float64, shared+ofAView*len(f.views))
	for i, c := range []hal.Intrinsics{design.NIR, design.RGB} {
		copy(f.x[4*i:], []float64{c.Fx, c.Fy, c.Cx, c.Cy})
	}
	turn := matrix(design.R).vector()
	copy(f.x[8:], turn[:])
	copy(f.x[11:], design.T[:])
	for i, v := range f.views {
		if len(v.NIR) != f.board.Columns*f.board.Rows || len(v.RGB) != len(v.NIR) {
			return fmt.Errorf("%w: view %d has %d and %d corners", ErrFit, i+1, len(v.NIR), len(v.RGB))
		}
		r, t, err := f.place(v.NIR, design.NIR)
		if err != nil {
			return fmt.Errorf("%w: view %d: %w", ErrFit, i+1, err)
		}
		turn := r.vector()
		copy(f.x[shared+ofAView*i:], turn[:])
		copy(f.x[shared+ofAView*i+3:], t[:])
	}
	return nil
}

// corner is where one lies on the target, millimetres.
func (f *fit) corner(i int) vector {
	return vector{float64(i%f.board.Columns) * f.board.Square, float64(i/f.board.Columns) * f.board.Square, 0}
}

// place finds the target before a camera from the homography between the two
// (Zhang 2000, sections 2.2 and 3.1).
func (f *fit) place(seen []Point, c hal.Intrinsics) (r matrix, t vector, err error) {
	var n normal
	n.begin(8)
	for i, p := range seen {
		m := f.corner(i)
		x, y := (p.X-c.Cx)/c.Fx, (p.Y-c.Cy)/c.Fy
		n.add([]float64{m[0], m[1], 1, 0, 0, 0, -x * m[0], -x * m[1]}, x)
		n.add([]float64{0, 0, 0, m[0], m[1], 1, -y * m[0], -y * m[1]}, y)
	}
	h, ok := n.solve(0)
	if !ok {
		return r, t, errors.New("its corners lie on a line")
	}
	a, b := vector{h[0], h[3], h[6]}, vector{h[1], h[4], h[7]}
	k := 2 / (a.length() + b.length())
	a, b, t = a.times(k).unit(), b.times(k), vector{h[2], h[5], 1}.times(k)
	b = b.sub(a.times(a.dot(b))).unit()
	c3 := a.cross(b)
	return matrix{a[0], b[0], c3[0], a[1], b[1], c3[1], a[2], b[2], c3[2]}, t, nil
}

// residuals are how far the corners of a view lie beside their place: NIR x,
// y, RGB x, y, for each. shared parameters come from s, the view's from v.
func (f *fit) residuals(out, s, v []float64, view View) bool {
	turn, stereo := rotation(vector(v[:3])), rotation(vector(s[8:11]))
	for i := range view.NIR {
		p := turn.apply(f.corner(i)).add(vector(v[3:6]))
		q := stereo.apply(p).add(vector(s[11:14]))
		if !(p[2] > 1 && q[2] > 1) {
			return false
		}
		out[4*i] = s[0]*p[0]/p[2] + s[2] - view.NIR[i].X
		out[4*i+1] = s[1]*p[1]/p[2] + s[3] - view.NIR[i].Y
		out[4*i+2] = s[4]*q[0]/q[2] + s[6] - view.RGB[i].X
		out[4*i+3] = s[5]*q[1]/q[2] + s[7] - view.RGB[i].Y
	}
	return true
}

// each runs over the views with their residuals at x; cost is their squares'
// sum, infinite where the target would lie behind a camera.
func (f *fit) cost(x []float64) (sum, worst float64) {
	out := make([]float64, 4*f.board.Columns*f.board.Rows)
	for i, v := range f.views {
		if !f.residuals(out, x[:shared], x[shared+ofAView*i:][:ofAView], v) {
			return math.Inf(1), math.Inf(1)
		}
		one := 0.0
		for _, r := range out {
			one += r * r
		}
		sum, worst = sum+one, max(worst, one)
	}
	return sum, worst
}

// steps for derivatives: pixels, radians, millimetres.
func stepOf(i int) float64 {
	switch {
	case i < 8:
		return 1e-3
	case i < 11 || i >= shared && (i-shared)%ofAView < 3:
		return 1e-6
	}
	return 1e-4
}

// equations are the normal equations at x.
func (f *fit) equations(n *normal) {
	size := len(f.x)
	n.begin(size)
	count := 4 * f.board.Columns * f.board.Rows
	at, moved := make([]float64, count), make([]float64, count)
	columns := make([][]float64, shared+ofAView)
	for i := range columns {
		columns[i] = make([]float64, count)
	}
	for i, v := range f.views {
		base := shared + ofAView*i
		params := append(append([]float64(nil), f.x[:shared]...), f.x[base:base+ofAView]...)
		f.residuals(at, params[:shared], params[shared:], v)
		for k := range params {
			keep, step := params[k], stepOf(k)
			params[k] = keep + step
			f.residuals(moved, params[:shared], params[shared:], v)
			params[k] = keep
			for j := range at {
				columns[k][j] = (moved[j] - at[j]) / step
			}
		}
		index := func(k int) int {
			if k < shared {
				return k
			}
			return base + k - shared
		}
		for a := range columns {
			for b := a; b < len(columns); b++ {
				n.addTo(index(a), index(b), dot(columns[a], columns[b]))
			}
			n.b[index(a)] -= dot(columns[a], at)
		}
	}
}

// run adjusts until nothing gets better. spread is the standard deviation of
// the focal lengths of the NIR and the RGB camera, as a share of them.
func (f *fit) run() (spread [2]float64, err error) {
	var n normal
	cost, _ := f.cost(f.x)
	for damp, rounds := 1e-3, 0; rounds < 200; rounds++ {
		f.equations(&n)
		step, ok := n.solve(damp)
		if !ok {
			return spread, fmt.Errorf("%w: they do not determine it: tilt the target more, and move it", ErrFit)
		}
		next := make([]float64, len(f.x))
		for i := range next {
			next[i] = f.x[i] + step[i]
		}
		better, _ := f.cost(next)
		if !(better < cost) {
			if damp *= 10; damp > 1e8 {
				break
			}
			continue
		}
		done := cost-better < 1e-9*cost
		f.x, cost, damp = next, better, max(damp/10, 1e-12)
		if done {
			break
		}
	}
	f.equations(&n)
	free := float64(4*f.board.Columns*f.board.Rows*len(f.views) - len(f.x))
	for i, at := range []int{0, 4} {
		v, ok := n.variance(at)
		if !ok {
			return spread, fmt.Errorf("%w: they do not determine it: tilt the target more, and move it", ErrFit)
		}
		spread[i] = math.Sqrt(v*cost/free) / f.x[at]
	}
	return spread, nil
}

// result is what the parameters say.
func (f *fit) result(design *hal.Calibration) Result {
	c := *design
	for i, to := range []*hal.Intrinsics{&c.NIR, &c.RGB} {
		to.Fx, to.Fy, to.Cx, to.Cy = f.x[4*i], f.x[4*i+1], f.x[4*i+2], f.x[4*i+3]
	}
	c.R, c.T = rotation(vector(f.x[8:11])), [3]float64(f.x[11:14])
	sum, worst := f.cost(f.x)
	perView := float64(2 * f.board.Columns * f.board.Rows) // a residual has two coordinates
	return Result{Calibration: c, RMS: math.Sqrt(sum / (perView * float64(len(f.views)))), Worst: math.Sqrt(worst / perView),
		Corners: int(perView) * len(f.views), Baseline: vector(c.T).length()}
}
