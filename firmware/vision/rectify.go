package vision

import (
	"fmt"
	"image"
	"math"
	"sort"
	"time"

	"gocv.io/x/gocv"

	"volar/hal"
	"volar/wire"
)

// Rectified is one wave's palm, cut out in every band. It holds a person's
// palm: Wipe it.
type Rectified struct {
	Palm // in the near-infrared picture under 850 nm; ToImage has the tilt taken out

	// ToRGB is ToImage for the RGB camera's picture under white.
	ToRGB [9]float64
	// Corners are where the crop's points (0, 0), (wire.Side, 0) and
	// (0, wire.Side) lie, mm in the NIR camera's frame.
	Corners [3][3]float64

	RGB    Crop // 3 channels
	NIR850 Crop // 1 channel
	NIR940 Crop // 1 channel

	// DistanceMM is how far the middle of the palm is from the near-infrared
	// camera, along its axis.
	DistanceMM float64
	// TiltDeg is the angle between the palm's plane and the picture's, 0 to 60.
	TiltDeg float64
	// SpanMM is the distance between the outer valleys, measured, not assumed.
	SpanMM float64
	// Registration is how alike the palm looks in colour and at 850 nm, once
	// both are in the palm frame: normalised cross-correlation of the lines and
	// edges, -1 to 1.
	Registration float64
	// MotionMMPerS is how fast the palm moved between the two near-infrared shots,
	// across the view.
	MotionMMPerS float64
	// Relief is how much nearer (above 0) or farther than its plane the palm is
	// in each block, mm, row by row from the index side of the fingers; NaN
	// where the bands could not be matched.
	Relief [Blocks * Blocks]float64
	// BulgeMM is the root mean square of Relief over at least 6 blocks, NaN
	// where there are fewer: small for paper and for screens, larger for hands.
	BulgeMM float64
}

// Wipe overwrites the crops.
func (r *Rectified) Wipe() {
	r.RGB.Wipe()
	r.NIR850.Wipe()
	r.NIR940.Wipe()
	*r = Rectified{}
}

// minRegistration is the least likeness at which the two bands are taken to
// show the same palm.
const minRegistration = 0.22

// Rectify cuts the palm out of the four shots of a burst. It locates the palm
// in near infrared alone; the colour picture's palm is found by moving the
// palm frame along the epipolar line, and from how far it moved come distance
// and tilt. The errors are those of this package.
func Rectify(dark, white, nir850, nir940 *hal.Shot, cal *hal.Calibration) (*Rectified, error) {
	if err := checkBurst(dark, white, nir850, nir940, cal); err != nil {
		return nil, fmt.Errorf("vision: rectify: %w", err)
	}
	var ms mats
	defer ms.wipe()
	r, err := ms.rectify(dark, white, nir850, nir940, cal)
	if err != nil {
		return nil, fmt.Errorf("vision: rectify: %w", err)
	}
	return r, nil
}

func checkBurst(dark, white, nir850, nir940 *hal.Shot, cal *hal.Calibration) error {
	if dark == nil || white == nil || nir850 == nil || nir940 == nil || cal == nil {
		return fmt.Errorf("%w: a shot or the calibration is missing", ErrFrame)
	}
	if err := cal.Check(); err != nil {
		return fmt.Errorf("%w: %v", ErrFrame, err)
	}
	for _, lit := range []*hal.Shot{nir850, nir940} {
		if err := checkPair(&lit.NIR, &dark.NIR, hal.NIR); err != nil {
			return err
		}
	}
	if err := checkPair(&white.RGB, &dark.RGB, hal.RGB); err != nil {
		return err
	}
	for _, c := range []struct {
		f *hal.Frame
		k hal.Intrinsics
	}{{&dark.NIR, cal.NIR}, {&dark.RGB, cal.RGB}} {
		if c.f.Width != c.k.Width || c.f.Height != c.k.Height {
			return fmt.Errorf("%w: %v is %dx%d, calibrated for %dx%d", ErrFrame, c.f.Band, c.f.Width, c.f.Height, c.k.Width, c.k.Height)
		}
	}
	return nil
}

func (ms *mats) rectify(dark, white, nir850, nir940 *hal.Shot, cal *hal.Calibration) (*Rectified, error) {
	d850 := ms.nirDifference(&nir850.NIR, &dark.NIR)
	d940 := ms.nirDifference(&nir940.NIR, &dark.NIR)
	rgb := ms.rgbDifference(&white.RGB, &dark.RGB)
	palm, s, err := ms.find(d850)
	if err != nil {
		return nil, err
	}
	step := palm.Side / wire.Side
	reg := &registration{stereo: stereo{cal}, palm: palm, nir: ms.soft(ms.narrow(d850), step), rgb: ms.soft(ms.redness(rgb), step)}
	moved, pace := ms.motion(reg, d940, step, nir940.NIR.At-nir850.NIR.At)
	reg.drift = moved.times(ratio(white.RGB.At-nir850.NIR.At, nir940.NIR.At-nir850.NIR.At))
	if err := reg.search(); err != nil {
		return nil, err
	}
	ss, err := reg.shape()
	if err != nil {
		return nil, err
	}
	toNIR, toRGB, span, ok := reg.lay(palm.Valleys, palm.ToImage, reg.plane)
	if !ok || span < spanLeast || span > spanMost {
		return nil, fmt.Errorf("%w: valleys %.0f mm apart, hands have %d to %d", ErrNotRegistered, span, spanLeast, spanMost)
	}
	toRGB = shifted(toRGB, reg.drift)
	out := &Rectified{Palm: *palm, SpanMM: span, TiltDeg: reg.plane.tilt(), MotionMMPerS: pace * span * sideShare / wire.Side}
	out.ToImage, out.ToRGB = toNIR, toRGB
	for i, c := range []Point{{0, 0}, {wire.Side, 0}, {0, wire.Side}} {
		n := reg.normal(apply(toNIR, c))
		out.Corners[i] = vec{n.X, n.Y, 1}.times(1 / reg.plane.inverseDepth(n))
	}
	if out.Registration = reg.likeness(toNIR, toRGB); out.Registration < minRegistration {
		return nil, fmt.Errorf("%w: likeness %.2f, needs %.2f", ErrNotRegistered, out.Registration, minRegistration)
	}
	out.measure(reg, ss)
	ms.cutBands(out, s, d850, d940, rgb, moved, toRGB)
	return out, nil
}

// measure fills in distance and relief.
func (out *Rectified) measure(reg *registration, ss []sounding) {
	out.Centre = apply(out.ToImage, Point{(wire.Side - 1) / 2., (wire.Side - 1) / 2.})
	out.DistanceMM = 1 / reg.plane.inverseDepth(reg.normal(out.Centre))
	sum, n := 0.0, 0.0
	for i, s := range ss {
		out.Relief[i] = math.NaN()
		if s.weight > 0 {
			out.Relief[i] = 1/reg.plane.inverseDepth(s.at) - 1/s.inverse
			sum += square(out.Relief[i])
			n++
		}
	}
	out.BulgeMM = math.NaN()
	if n >= fewestBlocks {
		out.BulgeMM = math.Sqrt(sum / n)
	}
}

// cutBands cuts the three crops.
func (ms *mats) cutBands(out *Rectified, s *silhouette, d850, d940, rgb *gocv.Mat, moved Point, toRGB [9]float64) {
	scale := float64(d850.Cols()) / float64(s.w)
	skin := func(p Point) bool {
		p = apply(out.ToImage, p)
		return s.on(Point{(p.X+0.5)/scale - 0.5, (p.Y+0.5)/scale - 0.5})
	}
	out.NIR850 = ms.cropWords(d850, out.ToImage, skin)
	out.NIR940 = ms.cropWords(d940, shifted(out.ToImage, moved), skin)
	out.RGB = ms.cropBytes(rgb, toRGB, skin)
}

// likeness is the NCC of the two bands over the palm.
func (r *registration) likeness(toNIR, toRGB [9]float64) float64 {
	grid := newPatch(0, 0, 0, 1)
	a, b := view(grid, r.nir, toNIR), view(grid, r.rgb, toRGB)
	defer a.wipe()
	defer b.wipe()
	return a.ncc(b, a.whole(), 0, 0)
}

// motion is by how many crop pixels the palm has moved from the 850 nm shot
// to the 940 nm one, and how many that is a second.
func (ms *mats) motion(reg *registration, d940 *gocv.Mat, step float64, after time.Duration) (Point, float64) {
	grid := newPatch(16, 40, 0, 2)
	then, now := view(grid, reg.nir, reg.palm.ToImage), view(grid, ms.soft(ms.narrow(d940), step), reg.palm.ToImage)
	defer then.wipe()
	defer now.wipe()
	m := then.find(now, then.whole(), 6, Point{}, 0)
	if m.score < 0.5 || m.edge {
		return Point{}, 0
	}
	pace := 0.0
	if t := math.Abs(after.Seconds()); t > 0 {
		pace = m.shift.norm() / t
	}
	return m.shift, pace
}

// ratio is a/b, at most 3 either way; 0 where that says nothing.
func ratio(a, b time.Duration) float64 {
	if b.Seconds() == 0 {
		return 0
	}
	return clamp(a.Seconds()/b.Seconds(), 3)
}

// narrow makes 8 bits of a difference of 10, the brightest spots aside.
func (ms *mats) narrow(diff *gocv.Mat) *gocv.Mat {
	out := ms.empty()
	diff.ConvertToWithParams(out, gocv.MatTypeCV8U, float32(gain(wordsOf(diff), 0.995, 230)), 0)
	return out
}

// redness weighs red most: of the visible light it goes deepest and so looks
// most like near infrared.
func (ms *mats) redness(rgb *gocv.Mat) *gocv.Mat {
	out := ms.sized(rgb.Rows(), rgb.Cols(), gocv.MatTypeCV8U)
	src, dst := bytesOf(rgb), bytesOf(out)
	for i := range dst {
		dst[i] = byte((2*int(src[3*i]) + int(src[3*i+1]) + int(src[3*i+2])) / 4)
	}
	return out
}

// soft smooths a picture for sampling every step pixels.
func (ms *mats) soft(m *gocv.Mat, step float64) *gocv.Mat {
	out := ms.empty()
	sigma := max(0.7*step, 0.8)
	gocv.GaussianBlur(*m, out, image.Pt(0, 0), sigma, sigma, gocv.BorderReplicate)
	return out
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = append([]float64(nil), v...)
	sort.Float64s(v)
	return v[len(v)/2]
}
