package palm

import (
	"math"
	"time"

	"volar/hal"
)

// Renderer turns waves into shots. It keeps buffers between shots; each
// goroutine needs its own.
type Renderer struct {
	// Blind leaves the colour pictures black, which saves half of the work where
	// nobody looks at them. It may be changed between shots.
	Blind bool

	rig      Rig
	response [2]*response   // by hal.Band
	room     [2]*background // by hal.Band
	pix      [2][]byte
	light    [2]plane // full size
	small    [2]plane // half size, for frames in which little is to be seen
	scratch  []float32
	corners  []corner
	last     Wave // what body and shape were made for, as cast gives it
	body     *body
	shape    *shape
}

// NewRenderer readies a device. It panics when the rig is none: a calibration
// that fails its check, an odd image size, or a format its camera lacks.
func NewRenderer(rig Rig) *Renderer {
	if err := rig.Check(); err != nil {
		panic(err)
	}
	r := &Renderer{rig: rig}
	for band, in := range map[hal.Band]hal.Intrinsics{hal.RGB: rig.Calibration.RGB, hal.NIR: rig.Calibration.NIR} {
		s, n := rig.sensor(band), 1
		if band == hal.RGB {
			n = 3
		}
		r.response[band] = newResponse(*s, in, subseed(rig.Seed, uint64(band)))
		r.room[band] = newBackground(rig.Room, band, in)
		r.pix[band] = make([]byte, in.Width*in.Height*s.Format.BytesPerPixel())
		r.light[band] = newPlane(in.Width, in.Height, n)
		r.small[band] = newPlane(in.Width/2, in.Height/2, n)
		if need := in.Width * in.Height * n; need > len(r.scratch) {
			r.scratch = make([]float32, need)
		}
	}
	return r
}

func newPlane(w, h, n int) plane { return plane{w, h, n, make([]float32, w*h*n)} }

// Rig is the device that the renderer draws for.
func (r *Renderer) Rig() Rig { return r.rig }

// Shoot takes the two frames of a shot that begins at a time since boot. w may
// be nil for an empty scene. Pix of the frames is valid until the next Shoot;
// the caller may overwrite it.
func (r *Renderer) Shoot(w *Wave, light hal.Light, at time.Duration, seq uint32) hal.Shot {
	return hal.Shot{
		RGB:   r.frame(w, hal.RGB, light, at, seq),
		NIR:   r.frame(w, hal.NIR, light, at+r.rig.Skew, seq),
		Light: light,
	}
}

func (r *Renderer) frame(w *Wave, band hal.Band, light hal.Light, at time.Duration, seq uint32) hal.Frame {
	in := r.rig.intrinsics(band)
	s := r.rig.sensor(band)
	f := hal.Frame{
		Band: band, Format: s.Format, Width: in.Width, Height: in.Height,
		Stride: in.Width * s.Format.BytesPerPixel(), Pix: r.pix[band],
		Seq: seq, At: at, Exposure: idleExposure,
	}
	if band == hal.RGB && r.Blind {
		clear(f.Pix)
		return f
	}
	img := &r.light[band]
	if w.Present(at) {
		r.prepare(w)
		f.Exposure = r.exposure(w, band, at)
		r.drawHand(w, img, band, light, at+f.Exposure/2, f.Exposure)
	} else {
		r.room[band].draw(img, milliseconds(f.Exposure))
	}
	r.response[band].expose(&f, img, r.noiseSeed(w, band, seq, at))
	return f
}

// noiseSeed is that of one frame's noise.
func (r *Renderer) noiseSeed(w *Wave, band hal.Band, seq uint32, at time.Duration) uint64 {
	seed := subseed(r.rig.Seed, uint64(band), uint64(seq), uint64(at))
	if w != nil {
		seed = subseed(seed, w.Seed)
	}
	return seed
}

// idleExposure is used while there is nothing to measure.
const idleExposure = 2 * time.Millisecond

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// prepare makes body and shape when the wave is a new one.
func (r *Renderer) prepare(w *Wave) {
	key := w.cast()
	if r.body != nil && r.last == key {
		return
	}
	r.last = key
	r.body = newBody(w)
	r.shape = newShape(w, r.body)
	if need := len(r.body.mesh.vertices); len(r.corners) < need {
		r.corners = make([]corner, need)
	}
}

// exposure is what the control has settled on: it measures the palm ten times
// a second while the hand comes in, and then holds, so that all shots of a
// burst compare.
func (r *Renderer) exposure(w *Wave, band hal.Band, at time.Duration) time.Duration {
	s := r.rig.sensor(band)
	if rest := w.Start + w.Arrive; at >= rest {
		at = rest
	} else {
		at -= (at - w.Start) % (100 * time.Millisecond)
	}
	p := w.pose(at)
	light := hal.NIR850
	if band == hal.RGB {
		light = hal.White
	}
	face := vec{0, 0, -1}
	b := illuminate(r.rig.lampsFor(light, band), vec{p.X, p.Y, p.Distance}, face, vec{}, vec{}, vec{}, gloss{})
	falls := face.dot(b.dir)
	if glow := r.body.surface[band].glow; glow > 0 {
		falls = glow
	}
	got := falls * r.body.meanAlbedo(band)
	want := time.Duration(s.Target / max(got, 1e-9) * float64(time.Millisecond))
	return min(max(want, s.Shortest), s.Longest).Truncate(10 * time.Microsecond)
}

// dim is the light, as a share of full scale, below which a frame is drawn at
// half size: noise hides what is lost.
const dim = 0.03

// drawHand draws the room and the hand before it into img.
func (r *Renderer) drawHand(w *Wave, img *plane, band hal.Band, light hal.Light, mid, exposure time.Duration) {
	ms := milliseconds(exposure)
	pose := w.pose(mid)
	sets := r.rig.lampsFor(light, band)
	ambient := ambientShare(r.rig.Room, band)
	surf := r.body.surface[band]
	to, shrink := img, 1
	if r.brightest(sets, &pose, ambient, surf)*ms < dim {
		to, shrink = &r.small[band], 2
	}
	cam := r.rig.cameraOf(band, shrink)
	place := newPlacement(&pose)
	r.shape.corners(r.corners, r.body.mesh, &cam, place, sets, surf, ms, ambient)
	r.body.slip(r.corners, mid)
	r.room[band].draw(to, ms)
	r.paint(to, band, light, &cam, &pose)
	if shrink == 2 {
		img.enlarge(to)
		return
	}
	r.blurIn(r.covered(img.w, img.h), w, img, band, &cam, &pose, mid, exposure, r.scratch)
}

// paint draws the lit corners' cells into an image of a camera.
func (r *Renderer) paint(to *plane, band hal.Band, light hal.Light, cam *camera, pose *Pose) {
	tint := r.body.tintFor(band, light)
	tint.perMM = float32(cam.fx / max(pose.Distance, nearest))
	tint.beat = float32(r.body.surface[band].beat)
	soften(&tint, cam.fx/max(pose.Distance, nearest))
	raster(r.body.mesh, r.corners, to.w, to.h, func(s *span) {
		row := to.v[s.y*to.w*to.n:][:to.w*to.n]
		if band == hal.RGB {
			r.body.tex.spanRGB(s, row, &tint)
		} else {
			r.body.tex.spanNIR(r.body.tex.infrared(light), s, row, &tint)
		}
	})
}

// soften takes the fine texture back where a pixel is wider than its grains.
func soften(t *tint, perMM float64) {
	k := float32(smoothstep(0.9, 3.6, perMM))
	for c := range t.fine {
		t.fine[c] *= k
	}
}

// brightest is an upper bound of the light on the hand.
func (r *Renderer) brightest(sets []lampSet, p *Pose, ambient float64, f surface) float64 {
	if f.glow > 0 {
		return 1
	}
	at := vec{p.X, p.Y, max(p.Distance-15, nearest)}
	b := illuminate(sets, at, vec{0, 0, -1}, vec{}, vec{}, vec{}, gloss{})
	return 2*b.dir.norm() + ambient
}

// blurIn is what lens and movement do to an area of the sharp image.
func (r *Renderer) blurIn(area region, w *Wave, img *plane, band hal.Band, cam *camera, pose *Pose, mid, exposure time.Duration, scratch []float32) {
	s := r.rig.sensor(band)
	z := max(pose.Distance, nearest)
	// Circle of confusion of a thin lens; a disc of diameter c has a
	// deviation of c/4.
	c := s.Aperture * cam.fx * math.Abs(1/z-1/s.Focus)
	img.defocus(area, math.Hypot(s.Blur, c/4), scratch)
	a, okA := cam.project(newPlacement(ptr(w.pose(mid - exposure/2))).c)
	b, okB := cam.project(newPlacement(ptr(w.pose(mid + exposure/2))).c)
	if okA && okB {
		img.smear(area, b.X-a.X, b.Y-a.Y, scratch)
	}
}

func ptr[T any](v T) *T { return &v }

// covered is the region of the image that the hand may touch.
func (r *Renderer) covered(w, h int) region {
	a := region{w, h, 0, 0}
	for i, used := range r.body.mesh.used {
		if c := &r.corners[i]; used && c.ok {
			a.x0, a.x1 = min(a.x0, int(clamp(c.x, 0, 1e5))), max(a.x1, int(clamp(c.x, -1, 1e5))+1)
			a.y0, a.y1 = min(a.y0, int(clamp(c.y, 0, 1e5))), max(a.y1, int(clamp(c.y, -1, 1e5))+1)
		}
	}
	return a.grown(6, w, h)
}

// enlarge doubles an image, interpolating.
func (p *plane) enlarge(small *plane) {
	n := p.n
	for y := range p.h {
		near, far := y/2, min(max(y/2+2*(y&1)-1, 0), small.h-1)
		a, b := small.v[near*small.w*n:][:small.w*n], small.v[far*small.w*n:][:small.w*n]
		out := p.v[y*p.w*n:][:p.w*n]
		for x := range p.w {
			i, j := x/2*n, min(max(x/2+2*(x&1)-1, 0), small.w-1)*n
			for c := range n {
				out[x*n+c] = 0.5625*a[i+c] + 0.1875*(a[j+c]+b[i+c]) + 0.0625*b[j+c]
			}
		}
	}
}
