package sim

import (
	"context"
	"fmt"
	"time"

	"volar/boards"
	"volar/hal"
)

type camera struct{ b *Board }

// Shoot waits for the frame to begin, exposes, and returns what the scene
// shows, or what a fault makes of it.
func (c camera) Shoot(ctx context.Context, l hal.Light) (hal.Shot, error) {
	if err := l.Check(); err != nil {
		return hal.Shot{}, err
	}
	if err := ctx.Err(); err != nil {
		return hal.Shot{}, err
	}
	b := c.b
	b.shooting.Lock()
	defer b.shooting.Unlock()
	if err := b.pace(ctx); err != nil {
		return hal.Shot{}, err
	}
	f, scene, at, seq := b.nextFrame()
	if f.Kind == Stall {
		// Frames are lost from the first that did not come until the driver gives up.
		if err := sleep(ctx, b.pause(time.Duration(b.opt.Board.Limits.Timeout))); err != nil {
			return hal.Shot{}, err
		}
		return hal.Shot{}, fmt.Errorf("sim: shoot %v: %w", l, hal.ErrStalled)
	}
	if err := f.lost(l); err != nil {
		return hal.Shot{}, err
	}
	s := scene.Shoot(l, at, seq)
	f.spoil(&s)
	return s, nil
}

// pace waits until the sensors begin the next frame.
func (b *Board) pace(ctx context.Context) error {
	b.mu.Lock()
	wait := time.Until(b.ready)
	b.mu.Unlock()
	if err := sleep(ctx, wait); err != nil {
		return err
	}
	b.mu.Lock()
	b.ready = time.Now().Add(b.pause(b.interval))
	b.mu.Unlock()
	return nil
}

// nextFrame takes the next frame's place in time, and the fault that strikes it.
func (b *Board) nextFrame() (f Fault, scene Scene, at time.Duration, seq uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	for _, f = range b.opt.Faults {
		if f.strikes(b.calls) {
			break
		}
		f = Fault{}
	}
	b.seq++
	if f.Kind == Stall {
		lost := time.Duration(b.opt.Board.Limits.Timeout)
		b.now += lost
		b.seq += uint32(lost / b.interval)
	}
	at, seq = b.now, b.seq
	b.now += b.interval
	if scene = b.scene; scene == nil {
		scene = b.opt.Empty
	}
	return f, scene, at, seq
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// black is a scene without light.
type black struct{ rgb, nir hal.Frame }

func newBlack(b *boards.Board) *black {
	frame := func(band hal.Band, format string, cam hal.Intrinsics) hal.Frame {
		f, _ := hal.ParseFormat(format) // the descriptor was checked
		stride := cam.Width * f.BytesPerPixel()
		return hal.Frame{
			Band: band, Format: f, Width: cam.Width, Height: cam.Height, Stride: stride,
			Exposure: time.Duration(b.Limits.ExposureMax),
		}
	}
	return &black{frame(hal.RGB, b.RGB.Format, b.Calibration.RGB), frame(hal.NIR, b.NIR.Format, b.Calibration.NIR)}
}

func (k *black) Shoot(l hal.Light, at time.Duration, seq uint32) hal.Shot {
	s := hal.Shot{RGB: k.rgb, NIR: k.nir, Light: l}
	for _, f := range []*hal.Frame{&s.RGB, &s.NIR} {
		f.Pix = make([]byte, f.Stride*f.Height)
		f.At, f.Seq = at, seq
	}
	return s
}
