package proof

import (
	"encoding/binary"
	"math"

	"volar/firmware/capture"
	"volar/hal"
	"volar/wire"
)

// linear undoes the transfer curve of IEC 61966-2-1, which RGB24 has.
var linear = func() (t [256]float32) {
	for i := range t {
		v := float64(i) / 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		t[i] = float32(v)
	}
	return t
}()

// light fills in planes and levels.
func light(out *wire.Proof, b *capture.Burst, cal *hal.Calibration, p *Palm, path *track) {
	const white, nir850, nir940 = 0, 1, 2
	nir := func(plane int, s *hal.Shot, bank int, d shift) {
		g := grid(p.ToNIR, d)
		g.infrared(out.Plane(plane), &s.NIR, &b.Dark.NIR, unit(&s.NIR, cal.Lamps[bank].Card[0]))
	}
	rgb := func(plane, channels int, s *hal.Shot, d shift) {
		g := grid(p.ToRGB, d)
		for c := range channels {
			g.colour(out.Plane(plane+c), c, &s.RGB, &b.Dark.RGB, unit(&s.RGB, cal.Lamps[white].Card[c]))
		}
	}
	nir(wire.Plane850, &b.NIR850, nir850, shift{})
	nir(wire.Plane940, &b.NIR940, nir940, path.later[0])
	rgb(wire.PlaneWhite, 3, &b.White, shift{})
	for k := range b.Coded {
		s, d := &b.Coded[k], path.later[1+k]
		bank := nir850
		if s.Light&hal.NIR940 != 0 {
			bank = nir940
		}
		nir(wire.PlaneNIRFlash+k, s, bank, d)
		rgb(wire.PlaneRGBFlash+2*k, 2, s, shift{d.x - path.white.x, d.y - path.white.y})
	}
	mean := (cal.Lamps[white].Card[0] + cal.Lamps[white].Card[1] + cal.Lamps[white].Card[2]) / 3
	for i, s := range []*hal.Shot{&b.Dark, &b.White, &b.NIR850, &b.NIR940} {
		g := grid(p.ToRGB, shift{})
		out.Levels[wire.LevelRGB+i] = amount(g.level(&s.RGB) * unit(&s.RGB, mean))
		g = grid(p.ToNIR, shift{})
		out.Levels[wire.LevelNIR+i] = amount(g.level(&s.NIR) * unit(&s.NIR, cal.Lamps[nir850].Card[0]))
	}
}

// unit is what a share of full scale counts in a frame, card being the white
// card's share of full scale in a millisecond.
func unit(f *hal.Frame, card float64) float64 {
	return wire.PlaneUnit / (1000 * f.Exposure.Seconds() * card)
}

// amount is a value of a plane or level.
func amount(v float64) uint16 {
	if !(v > 0) {
		return 0
	}
	return uint16(min(math.Round(v), math.MaxUint16))
}

// sampling is a homography from the crop to a frame.
type sampling [9]float64

func grid(h [9]float64, d shift) sampling { return shifted(h, d) }

// pixel is the frame's pixel under the middle of crop pixel (x, y); ok is
// false outside a frame of that size.
func (h *sampling) pixel(x, y float64, w, rows int) (u, v int, ok bool) {
	k := 1 / (h[6]*x + h[7]*y + h[8])
	fu, fv := (h[0]*x+h[1]*y+h[2])*k+0.5, (h[3]*x+h[4]*y+h[5])*k+0.5
	if !(fu >= 0 && fv >= 0 && fu < float64(w) && fv < float64(rows)) {
		return 0, 0, false
	}
	return int(fu), int(fv), true
}

const cellSide = wire.Side / wire.Cells

// cells fills a plane: at gives the light of a frame's pixel, and whether it
// was burnt out.
func (h *sampling) cells(plane []uint16, f *hal.Frame, scale float64, at func(u, v int) (float32, bool)) {
	for i := range plane {
		x0, y0 := i%wire.Cells*cellSide, i/wire.Cells*cellSide
		var sum float64
		n, burnt := 0, 0
		for k := range cellSide * cellSide {
			u, v, ok := h.pixel(float64(x0+k%cellSide), float64(y0+k/cellSide), f.Width, f.Height)
			if !ok {
				continue
			}
			l, clipped := at(u, v)
			if n++; clipped {
				burnt++
			}
			sum += float64(l)
		}
		switch {
		case 2*n < cellSide*cellSide:
			plane[i] = 0 // not in view
		case 4*burnt > n:
			plane[i] = math.MaxUint16
		default:
			plane[i] = amount(sum / float64(n) * scale)
		}
	}
}

// infrared is a plane of the NIR camera.
func (h *sampling) infrared(plane []uint16, lit, dark *hal.Frame, scale float64) {
	if lit.Format == hal.Y8 {
		h.cells(plane, lit, scale/255, func(u, v int) (float32, bool) {
			a, b := lit.Pix[v*lit.Stride+u], dark.Pix[v*dark.Stride+u]
			return float32(a) - float32(b), a == 255
		})
		return
	}
	h.cells(plane, lit, scale/1023, func(u, v int) (float32, bool) {
		a := binary.LittleEndian.Uint16(lit.Pix[v*lit.Stride+2*u:])
		b := binary.LittleEndian.Uint16(dark.Pix[v*dark.Stride+2*u:])
		return float32(a) - float32(b), a >= 1023
	})
}

// colour is a plane of one channel of the RGB camera.
func (h *sampling) colour(plane []uint16, channel int, lit, dark *hal.Frame, scale float64) {
	h.cells(plane, lit, scale, func(u, v int) (float32, bool) {
		a, b := lit.Pix[v*lit.Stride+3*u+channel], dark.Pix[v*dark.Stride+3*u+channel]
		return linear[a] - linear[b], a == 255
	})
}

// level is the mean light of a frame inside the palm's square, 0 to 1; 0
// where the square is out of view.
func (h *sampling) level(f *hal.Frame) float64 {
	const step = 4 // a mean needs no more than every fourth pixel
	var n, sum float64
	for y := 2.0; y < wire.Side; y += step {
		for x := 2.0; x < wire.Side; x += step {
			if u, v, ok := h.pixel(x, y, f.Width, f.Height); ok {
				n++
				sum += bright(f, u, v)
			}
		}
	}
	return sum / max(n, 1)
}

// bright is the linear light of one pixel as a share of full scale; of a
// coloured one the mean of its channels.
func bright(f *hal.Frame, x, y int) float64 {
	i := y*f.Stride + x*f.Format.BytesPerPixel()
	switch f.Format {
	case hal.RGB24:
		return float64(linear[f.Pix[i]]+linear[f.Pix[i+1]]+linear[f.Pix[i+2]]) / 3
	case hal.Y10:
		return float64(binary.LittleEndian.Uint16(f.Pix[i:])) / 1023
	}
	return float64(f.Pix[i]) / 255
}
