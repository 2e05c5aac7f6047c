// Package capture takes the shots of one wave and answers for them: each was
// taken under the light that was asked for, by both cameras together, in
// order, and in the sizes that the board was calibrated with.
//
// What it returns are copies that belong to the caller, who wipes them. The
// camera's own buffers are wiped here, at once.
package capture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"volar/hal"
)

// What a camera can do wrong beside the errors of package hal. Callers test
// with errors.Is.
var (
	ErrFrame = errors.New("frame is not as calibrated")
	ErrLight = errors.New("wrong light")
	ErrOrder = errors.New("frames out of order")
	ErrSlow  = errors.New("burst took too long")
)

const (
	// shotTime is how long a camera may take for one shot. Sensors of this
	// class run at 30 frames a second and more; a second is a stall.
	shotTime = time.Second

	// maxSpan is the longest time from the first to the last exposure of a
	// burst. At the 60 mm/s that quality allows, a palm has then moved by
	// more than the search of any later stage can follow.
	maxSpan = time.Second
)

// Coded is how many shots of a burst are under lights that the vault chose.
const Coded = 4

// Code is their lights, in order.
type Code [Coded]hal.Light

// Burst is what one wave is judged by. Its pixels are its own.
type Burst struct {
	Dark, White, NIR850, NIR940 hal.Shot
	Coded                       [Coded]hal.Shot
}

// Pair is what guiding looks at: the near-infrared frame under the 850 nm
// lamps, and the one in the dark before it. Its pixels are its own.
type Pair struct {
	Dark, Lit hal.Frame
}

// Take shoots a burst: dark, white, 850 nm, 940 nm, then the code. White and
// 850 nm follow each other because they are what a palm is compared by, and
// the hand moves between them.
func Take(ctx context.Context, cam hal.Camera, cal *hal.Calibration, code Code) (*Burst, error) {
	b := new(Burst)
	lights := append([]hal.Light{0, hal.White, hal.NIR850, hal.NIR940}, code[:]...)
	shots := b.Shots()
	for i, l := range lights {
		var before *hal.Shot
		if i > 0 {
			before = shots[i-1]
		}
		s, err := shoot(ctx, cam, cal, l, before)
		if err != nil {
			b.Wipe()
			return nil, err
		}
		*shots[i] = s
	}
	if span := shots[len(shots)-1].NIR.At - b.Dark.NIR.At; span > maxSpan {
		b.Wipe()
		return nil, fmt.Errorf("capture: take burst: %w: %v, allowed %v", ErrSlow, span, maxSpan)
	}
	return b, nil
}

// Shots are all shots of the burst in the order in which they are taken.
func (b *Burst) Shots() []*hal.Shot {
	shots := []*hal.Shot{&b.Dark, &b.White, &b.NIR850, &b.NIR940}
	for i := range b.Coded {
		shots = append(shots, &b.Coded[i])
	}
	return shots
}

// Look shoots the pair that guiding needs.
func Look(ctx context.Context, cam hal.Camera, cal *hal.Calibration) (*Pair, error) {
	dark, err := shoot(ctx, cam, cal, 0, nil)
	if err != nil {
		return nil, err
	}
	clear(dark.RGB.Pix)
	lit, err := shoot(ctx, cam, cal, hal.NIR850, &dark)
	if err != nil {
		clear(dark.NIR.Pix)
		return nil, err
	}
	clear(lit.RGB.Pix)
	return &Pair{Dark: dark.NIR, Lit: lit.NIR}, nil
}

// Test shoots once in the dark, throws the pixels away, and tells whether the
// camera works.
func Test(ctx context.Context, cam hal.Camera, cal *hal.Calibration) error {
	s, err := shoot(ctx, cam, cal, 0, nil)
	wipe(&s)
	return err
}

// Wipe overwrites every pixel.
func (b *Burst) Wipe() {
	if b == nil {
		return
	}
	for _, s := range b.Shots() {
		wipe(s)
	}
}

// Wipe overwrites every pixel.
func (p *Pair) Wipe() {
	if p == nil {
		return
	}
	clear(p.Dark.Pix)
	clear(p.Lit.Pix)
}

func wipe(s *hal.Shot) {
	clear(s.RGB.Pix)
	clear(s.NIR.Pix)
}

// shoot takes one shot, checks it, copies it, and wipes the camera's buffers.
func shoot(ctx context.Context, cam hal.Camera, cal *hal.Calibration, l hal.Light, before *hal.Shot) (hal.Shot, error) {
	short, cancel := context.WithTimeoutCause(ctx, shotTime, hal.ErrStalled)
	defer cancel()
	s, err := cam.Shoot(short, l)
	defer wipe(&s)
	if err != nil && ctx.Err() == nil && short.Err() != nil {
		err = fmt.Errorf("%w: waited %v", context.Cause(short), shotTime)
	}
	if err == nil {
		err = check(&s, cal, l, before)
	}
	if err != nil {
		return hal.Shot{}, fmt.Errorf("capture: shoot %v: %w", l, err)
	}
	return hal.Shot{RGB: own(&s.RGB), NIR: own(&s.NIR), Light: s.Light}, nil
}

func check(s *hal.Shot, cal *hal.Calibration, l hal.Light, before *hal.Shot) error {
	if err := s.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrFrame, err)
	}
	if s.Light != l {
		return fmt.Errorf("%w: camera says %v", ErrLight, s.Light)
	}
	for _, c := range []struct {
		f   *hal.Frame
		cal *hal.Intrinsics
	}{{&s.RGB, &cal.RGB}, {&s.NIR, &cal.NIR}} {
		if c.f.Width != c.cal.Width || c.f.Height != c.cal.Height {
			return fmt.Errorf("%w: %v is %dx%d, calibrated %dx%d", ErrFrame, c.f.Band, c.f.Width, c.f.Height, c.cal.Width, c.cal.Height)
		}
	}
	if skew := s.Skew(); skew > cal.MaxSkew {
		return fmt.Errorf("%w: %v, board allows %v", hal.ErrSkew, skew, cal.MaxSkew)
	}
	if before == nil {
		return nil
	}
	for _, f := range [][2]*hal.Frame{{&before.RGB, &s.RGB}, {&before.NIR, &s.NIR}} {
		// Seq wraps, so what counts is the sign of the difference.
		if int32(f[1].Seq-f[0].Seq) <= 0 || f[1].At <= f[0].At {
			return fmt.Errorf("%w: %v frame %d at %v after frame %d at %v", ErrOrder, f[1].Band, f[1].Seq, f[1].At, f[0].Seq, f[0].At)
		}
	}
	return nil
}

// own copies a frame without the padding at the end of its rows.
func own(f *hal.Frame) hal.Frame {
	row := f.Width * f.Format.BytesPerPixel()
	pix := make([]byte, row*f.Height)
	for y := range f.Height {
		copy(pix[y*row:(y+1)*row], f.Pix[y*f.Stride:])
	}
	g := *f
	g.Pix, g.Stride = pix, row
	return g
}
