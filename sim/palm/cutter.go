package palm

import (
	"time"

	"volar/hal"
	"volar/wire"
)

// A Cutter draws crops of palms as a Renderer's frames would give them when
// they are cut, without the rest of the frames: the same skin, light, optics
// and noise, on that part of the sensor alone. Each goroutine needs its own.
type Cutter struct {
	r       *Renderer
	light   plane
	scratch []float32
	pix     []byte
	rows    []uint32 // two rows of the crop at twice its side
}

// NewCutter readies a device, as NewRenderer does.
func NewCutter(rig Rig) *Cutter {
	return &Cutter{r: NewRenderer(rig), rows: make([]uint32, 4*wire.Side*3)}
}

// When the two pictures of a crop are taken, and the numbers of their frames.
const (
	whiteAt, whiteSeq       = 100 * time.Millisecond, 1
	infraredAt, infraredSeq = 130 * time.Millisecond, 2
)

// Crop is a palm in white light and at 850 nm, cut beside the truth by a
// misfit; the zero Misfit cuts at the truth. Right hands come out mirrored, as in wire.
// A cell of a mask is set where the sensor saw it; ok is false where either misses a quarter of its cells or more.
func (c *Cutter) Crop(w *Wave, m Misfit) (rgb, nir wire.View, ok bool) {
	rgb, okRGB := c.view(w, hal.RGB, hal.White, whiteAt, whiteSeq, m.RGB)
	nir, okNIR := c.view(w, hal.NIR, hal.NIR850, infraredAt, infraredSeq, m.NIR)
	return rgb, nir, okRGB && okNIR
}

func (c *Cutter) view(w *Wave, band hal.Band, light hal.Light, at time.Duration, seq uint32, m Shift) (wire.View, bool) {
	t := c.r.Truth(w, band, at)
	h := m.apply(t.ToImage)
	v := wire.View{Band: wire.RGB, Mask: make([]byte, wire.MaskBytes)}
	if band == hal.NIR {
		v.Band = wire.NIR
		at += c.r.rig.Skew
	}
	v.Pix = make([]byte, wire.Side*wire.Side*v.Band.Channels())
	part := c.part(&h, band)
	if part.empty() {
		return v, false
	}
	f := c.shoot(w, band, light, at, seq, part)
	// What follows counts pixels from the corner of the part.
	for i := range 3 {
		h[i] -= float64(part.x0) * h[6+i]
		h[3+i] -= float64(part.y0) * h[6+i]
	}
	c.cut(&f, &h, v.Pix)
	seen := mark(v.Mask, &h, f.Width, f.Height)
	return v, 4*seen > 3*8*wire.MaskBytes
}

// part is the part of the sensor that a crop needs, with what blur carries in from beside it.
func (c *Cutter) part(h *[9]float64, band hal.Band) region {
	in := c.r.rig.intrinsics(band)
	p := region{in.Width, in.Height, 0, 0}
	for i := range 4 {
		x, y := through3(h, float64(i&1), float64(i>>1))
		p.x0, p.x1 = min(p.x0, int(clamp(x, 0, 1e5))), max(p.x1, int(clamp(x, -1, 1e5))+2)
		p.y0, p.y1 = min(p.y0, int(clamp(y, 0, 1e5))), max(p.y1, int(clamp(y, -1, 1e5))+2)
	}
	return p.grown(8, in.Width, in.Height)
}

// shoot takes a part of one frame of Renderer.Shoot.
func (c *Cutter) shoot(w *Wave, band hal.Band, light hal.Light, at time.Duration, seq uint32, part region) hal.Frame {
	r, s := c.r, c.r.rig.sensor(band)
	exposure := r.exposure(w, band, at)
	mid := at + exposure/2
	pose := w.pose(mid)
	cam := r.rig.cameraOf(band, 1)
	cam.cx -= float64(part.x0)
	cam.cy -= float64(part.y0)
	cam.w, cam.h = part.x1-part.x0, part.y1-part.y0
	img := c.blank(cam.w, cam.h, r.room[band], part, milliseconds(exposure))
	r.shape.corners(r.corners, r.body.mesh, &cam, newPlacement(&pose), r.rig.lampsFor(light, band),
		r.body.surface[band], milliseconds(exposure), ambientShare(r.rig.Room, band))
	r.paint(img, band, light, &cam, &pose)
	r.blurIn(region{0, 0, img.w, img.h}, w, img, band, &cam, &pose, mid, exposure, c.scratch)
	f := hal.Frame{
		Band: band, Format: s.Format, Width: img.w, Height: img.h,
		Stride: img.w * s.Format.BytesPerPixel(), At: at, Exposure: exposure,
	}
	f.Pix = c.pix[:f.Stride*f.Height]
	r.response[band].exposeAt(&f, img, part, r.noiseSeed(w, band, seq, at))
	return f
}

// blank is an image of a part of the room.
func (c *Cutter) blank(w, h int, room *background, part region, ms float64) *plane {
	n := room.plane.n
	if need := w * h * n; need > len(c.light.v) {
		c.light.v, c.scratch, c.pix = make([]float32, need), make([]float32, need), make([]byte, 2*need)
	}
	img := &plane{w, h, n, c.light.v[:w*h*n]}
	for y := range h {
		from := room.plane.v[((part.y0+y)*room.plane.w+part.x0)*n:][:w*n]
		for i, v := range from {
			img.v[y*w*n+i] = float32(ms) * v
		}
	}
	return img
}

// cut samples a frame at twice the crop's side and averages, so that little
// folds over where the palm is near.
func (c *Cutter) cut(f *hal.Frame, h *[9]float64, out []byte) {
	const side = 2 * wire.Side
	n := len(out) / wire.Side / wire.Side
	a, b := c.rows[:side*n], c.rows[side*n:][:side*n]
	for y := range wire.Side {
		sampleRow(a, f, h, (float64(2*y)+0.5)/side)
		sampleRow(b, f, h, (float64(2*y)+1.5)/side)
		to := out[y*wire.Side*n:][:wire.Side*n]
		for x := range wire.Side {
			for k := range n {
				i := 2*x*n + k
				to[x*n+k] = byte((a[i] + a[i+n] + b[i] + b[i+n] + 2*sampled) / (4 * sampled))
			}
		}
	}
}

// sampled is how many steps of a sampled value make one grey level of 255.
const sampled = 256

// sampleRow interpolates a row of a crop at twice its side, at a share of the
// square's height; outside the frame it is 0.
func sampleRow(to []uint32, f *hal.Frame, h *[9]float64, v float64) {
	n := len(to) / (2 * wire.Side)
	per := f.Format.BytesPerPixel()
	const du = 1.0 / (2 * wire.Side)
	px, py, pw := h[0]*du/2+h[1]*v+h[2], h[3]*du/2+h[4]*v+h[5], h[6]*du/2+h[7]*v+h[8]
	for i := 0; i < len(to); i += n {
		inv := 1 / pw
		x, y := px*inv, py*inv
		px, py, pw = px+h[0]*du, py+h[3]*du, pw+h[6]*du
		if x < 0 || y < 0 || x > float64(f.Width-1) || y > float64(f.Height-1) {
			clear(to[i : i+n])
			continue
		}
		col, line := min(int(x), f.Width-2), min(int(y), f.Height-2)
		ax, ay := uint32((x-float64(col))*256), uint32((y-float64(line))*256)
		k := line*f.Stride + col*per
		top, low := f.Pix[k:][:2*per], f.Pix[k+f.Stride:][:2*per]
		w00, w10, w01, w11 := (256-ax)*(256-ay), ax*(256-ay), (256-ax)*ay, ax*ay
		if n == 1 {
			const full = 65536 * 1023 / (255 * sampled) // for ten bits
			ten := func(p []byte) uint32 { return uint32(p[0]) | uint32(p[1])<<8 }
			to[i] = (w00*ten(top) + w10*ten(top[2:]) + w01*ten(low) + w11*ten(low[2:])) / full
			continue
		}
		for c := range 3 {
			to[i+c] = (w00*uint32(top[c]) + w10*uint32(top[c+3]) + w01*uint32(low[c]) + w11*uint32(low[c+3])) / (65536 / sampled)
		}
	}
}

// mark sets the bits of the cells whose middle lies in the picture, and counts them.
func mark(mask []byte, h *[9]float64, width, height int) (seen int) {
	const cells = 32
	for i := range cells * cells {
		x, y := through3(h, (float64(i%cells)+0.5)/cells, (float64(i/cells)+0.5)/cells)
		if x >= 0 && y >= 0 && x <= float64(width-1) && y <= float64(height-1) {
			mask[i/8] |= 1 << (i % 8)
			seen++
		}
	}
	return seen
}

// through3 takes a point through a homography.
func through3(h *[9]float64, u, v float64) (x, y float64) {
	w := 1 / (h[6]*u + h[7]*v + h[8])
	return (h[0]*u + h[1]*v + h[2]) * w, (h[3]*u + h[4]*v + h[5]) * w
}
