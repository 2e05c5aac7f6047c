package sim

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"volar/hal"
)

// CameraFault is something that befalls a pair of cameras, whatever they look
// at. The zero CameraFault does not exist.
type CameraFault struct {
	Name  string
	About string // what happens, in a few words

	do func(*Spoiler, *hal.Shot) error
}

// CameraFaults are those that a Spoiler knows.
func CameraFaults() []CameraFault {
	return []CameraFault{
		{"lost-nir", "the near-infrared camera gives no frame, and its driver says so", (*Spoiler).lose},
		{"lost-rgb", "no colour frame comes, and the driver does not notice", func(_ *Spoiler, s *hal.Shot) error { s.RGB = hal.Frame{}; return nil }},
		{"late-nir", "near-infrared frames come 50 ms late", func(_ *Spoiler, s *hal.Shot) error { s.NIR.At += 50 * time.Millisecond; return nil }},
		{"late-rgb", "colour frames come 50 ms late", func(_ *Spoiler, s *hal.Shot) error { s.RGB.At += 50 * time.Millisecond; return nil }},
		{"swapped-bands", "the cameras are plugged in the wrong way round", func(_ *Spoiler, s *hal.Shot) error { s.RGB, s.NIR = s.NIR, s.RGB; return nil }},
		{"frozen-frames", "the driver gives the same frame again and again", (*Spoiler).freeze},
		{"short-frames", "half of each near-infrared frame is missing", shorten},
		{"clock-ahead", "the cameras' clock jumps two seconds ahead and back with every other frame", (*Spoiler).jump},
		{"clock-back", "the cameras' clock and counters begin anew", (*Spoiler).restart},
		{"wrong-lamp", "the lamps do not follow the exposures: frames under another light", func(_ *Spoiler, s *hal.Shot) error { s.Light ^= hal.White; return nil }},
		{"dead-white", "no white lamp shines", dim(hal.White, 0)},
		{"dead-850", "no 850 nm lamp shines", dim(hal.NIR850, 0)},
		{"dead-940", "no 940 nm lamp shines", dim(hal.NIR940, 0)},
		{"dim-850", "the 850 nm lamps give a sixth of their light", dim(hal.NIR850, 1./6)},
		{"dim-white", "the white lamps give a tenth of their light", dim(hal.White, 0.1)},
		{"hot-pixels", "one pixel in 300 is white for good", hot},
		{"lens-dirt", "a thumb print and specks on the cover glass", dirt},
		{"sun", "sun through a window falls on the device", sun},
		{"camera-stall", "no frame comes in time", func(_ *Spoiler, s *hal.Shot) error { return hal.ErrStalled }},
		{"usb-reset", "the cameras vanish from the bus and come back", func(_ *Spoiler, s *hal.Shot) error { return hal.ErrUnplugged }},
	}
}

// Spoiler is a camera that a fault may befall at any time. Zero faults: it
// passes shots through.
type Spoiler struct {
	Camera hal.Camera

	mu    sync.Mutex
	fault CameraFault
	dark  hal.Shot // the last one, for lamps that do not shine
	held  hal.Shot // the first under the fault
	shots int      // under the fault
}

var _ hal.Camera = (*Spoiler)(nil)

// Strike lets a fault befall the camera until Heal.
func (p *Spoiler) Strike(f CameraFault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.shots, p.held = f, 0, hal.Shot{}
}

// Heal ends the fault.
func (p *Spoiler) Heal() { p.Strike(CameraFault{}) }

// Struck counts the shots that the fault has spoilt.
func (p *Spoiler) Struck() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shots
}

// Shoot shoots, and spoils what comes of it.
func (p *Spoiler) Shoot(ctx context.Context, l hal.Light) (hal.Shot, error) {
	s, err := p.Camera.Shoot(ctx, l)
	if err != nil {
		return s, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.Light == 0 {
		p.dark = keep(s)
	}
	if p.fault.do == nil {
		return s, nil
	}
	p.shots++
	if err := p.fault.do(p, &s); err != nil {
		return hal.Shot{}, fmt.Errorf("sim: shoot %v: %w", l, err)
	}
	return s, nil
}

// keep copies a shot with its pixels.
func keep(s hal.Shot) hal.Shot {
	s.RGB.Pix, s.NIR.Pix = bytes.Clone(s.RGB.Pix), bytes.Clone(s.NIR.Pix)
	return s
}

func (p *Spoiler) lose(*hal.Shot) error { return hal.ErrHalf }

func (p *Spoiler) freeze(s *hal.Shot) error {
	if p.held.NIR.Pix == nil {
		p.held = keep(*s)
	}
	light := s.Light
	*s = keep(p.held)
	s.Light = light
	return nil
}

func shorten(_ *Spoiler, s *hal.Shot) error {
	s.NIR.Height /= 2
	s.NIR.Pix = s.NIR.Pix[:s.NIR.Height*s.NIR.Stride]
	return nil
}

func (p *Spoiler) jump(s *hal.Shot) error {
	if p.shots%2 == 1 {
		s.RGB.At += 2 * time.Second
		s.NIR.At += 2 * time.Second
	}
	return nil
}

func (p *Spoiler) restart(s *hal.Shot) error {
	for _, f := range []*hal.Frame{&s.RGB, &s.NIR} {
		f.Seq, f.At = 1+uint32(p.shots)%3, time.Duration(1+p.shots%3)*33*time.Millisecond
	}
	return nil
}

// dim takes from a frame what its lamps should have added: the camera that
// they serve sees little more than in the dark.
func dim(lamp hal.Light, share float64) func(*Spoiler, *hal.Shot) error {
	return func(p *Spoiler, s *hal.Shot) error {
		if s.Light&lamp == 0 {
			return nil
		}
		f, dark := &s.NIR, &p.dark.NIR
		if lamp == hal.White {
			f, dark = &s.RGB, &p.dark.RGB
		}
		if len(dark.Pix) != len(f.Pix) {
			clear(f.Pix)
			return nil
		}
		each(f, func(i, _, _ int, v, _ float64) float64 {
			d := sample(dark, i)
			return d + share*(v-d)
		})
		return nil
	}
}

func hot(_ *Spoiler, s *hal.Shot) error {
	for k, f := range []*hal.Frame{&s.RGB, &s.NIR} {
		rng := rand.New(rand.NewPCG(7, uint64(k)))
		burnt := make([]bool, samples(f))
		for range len(burnt) / 300 {
			burnt[rng.IntN(len(burnt))] = true
		}
		each(f, func(i, _, _ int, v, full float64) float64 {
			if burnt[i] {
				return full
			}
			return v
		})
	}
	return nil
}

// dirt scatters light where the print lies, and stops it at the specks.
func dirt(_ *Spoiler, s *hal.Shot) error {
	for _, f := range []*hal.Frame{&s.RGB, &s.NIR} {
		each(f, func(_, x, y int, v, full float64) float64 {
			u, w := float64(x)/float64(f.Width)-0.47, float64(y)/float64(f.Height)-0.5
			if u*u+w*w < 0.045 {
				v = 0.55*v + 0.08*full
			}
			if (x/5*31+y/5*17)%211 == 0 {
				v *= 0.25
			}
			return v
		})
	}
	return nil
}

// sun is a bright patch with a soft edge over half of the view, in every shot.
func sun(_ *Spoiler, s *hal.Shot) error {
	for _, f := range []*hal.Frame{&s.RGB, &s.NIR} {
		each(f, func(_, x, y int, v, full float64) float64 {
			lit := 1.4 - 2.2*float64(x)/float64(f.Width) + 0.3*float64(y)/float64(f.Height)
			return v + full*min(max(lit, 0.08), 1)
		})
	}
	return nil
}

// each replaces every sample of a frame: do gets its number, place and value,
// and the full scale.
func each(f *hal.Frame, do func(i, x, y int, v, full float64) float64) {
	n, full := f.Width, 255.0
	if f.Format == hal.RGB24 {
		n *= 3
	}
	if f.Format == hal.Y10 {
		full = 1023
	}
	for y := range f.Height {
		row := f.Pix[y*f.Stride:]
		for k := range n {
			x := k * f.Width / n
			if f.Format == hal.Y10 {
				v := min(max(do(y*n+k, x, y, float64(int(row[2*k])|int(row[2*k+1])<<8), full), 0), full)
				row[2*k], row[2*k+1] = byte(int(v)), byte(int(v)>>8)
				continue
			}
			row[k] = byte(min(max(do(y*n+k, x, y, float64(row[k]), full), 0), full))
		}
	}
}

// samples is how many values a frame has.
func samples(f *hal.Frame) int {
	if f.Format == hal.RGB24 {
		return 3 * f.Width * f.Height
	}
	return f.Width * f.Height
}

// sample is value i of a frame, as each counts them.
func sample(f *hal.Frame, i int) float64 {
	n := samples(f) / f.Height
	y, k := i/n, i%n
	if f.Format == hal.Y10 {
		p := f.Pix[y*f.Stride+2*k:]
		return float64(int(p[0]) | int(p[1])<<8)
	}
	return float64(f.Pix[y*f.Stride+k])
}
