package linux

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"volar/boards"
	"volar/hal"
	"volar/hal/linux/v4l2"
)

// idleAfter is how long the sensors run on after a shot. Beyond it no
// picture is taken: nobody is there.
const idleAfter = 3 * time.Second

// eye is one camera of the pair.
type eye struct {
	band    hal.Band
	cam     *boards.Camera
	cfg     v4l2.Config
	format  hal.Format
	convert converter
	stream  *v4l2.Stream
	pix     []byte
	frames  []v4l2.Frame // that may become half of a pair, oldest first
}

func newEye(band hal.Band, cam *boards.Camera, in hal.Intrinsics, path string, kernel v4l2.Kernel) (*eye, error) {
	convert, format, err := converterOf(cam.Pixels)
	if err != nil {
		return nil, err
	}
	if cam.Pixels == "YUYV" || cam.Pixels == "UYVY" {
		if in.Width%2 != 0 {
			return nil, fmt.Errorf("%s cannot be %d pixels wide", cam.Pixels, in.Width)
		}
	}
	e := &eye{band: band, cam: cam, format: format, convert: convert,
		pix: make([]byte, in.Width*in.Height*format.BytesPerPixel()),
		cfg: v4l2.Config{Path: path, Pixels: cam.Pixels, Width: in.Width, Height: in.Height, FPS: cam.FPS,
			Exposure: time.Duration(cam.Exposure), Row: time.Duration(cam.Row), Gain: cam.Gain, Kernel: kernel}}
	for _, p := range cam.Pipeline {
		e.cfg.Pipeline = append(e.cfg.Pipeline, v4l2.Pad{Entity: p.Entity, Index: p.Pad, Code: uint32(p.Code), Link: p.Link})
	}
	return e, nil
}

// open opens the camera where it is not, and lets frames come; woke tells
// that none came before.
func (e *eye) open() (woke bool, err error) {
	if e.stream == nil {
		s, err := v4l2.Open(e.cfg)
		if err != nil {
			return false, e.wrap(err)
		}
		e.stream = s
	}
	if e.stream.Running() {
		return false, nil
	}
	return true, e.wrap(e.stream.Start())
}

// wrap gives a driver's error the meaning that hal has for it. A camera that
// is gone is closed, so that the next shot looks for it anew.
func (e *eye) wrap(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, v4l2.ErrGone) || errors.Is(err, fs.ErrNotExist) {
		if e.stream != nil {
			e.stream.Close()
			e.stream, e.frames = nil, nil
		}
		err = fmt.Errorf("%w: %w", hal.ErrUnplugged, err)
	}
	return fmt.Errorf("%v camera: %w", e.band, err)
}

// began is when the exposure of a frame began. What a driver stamps is the
// board's to say: the flag for it is of no use, as uvcvideo sets "start of
// exposure" and stamps the first packet, which is the exposure's end.
func (e *eye) began(f *v4l2.Frame) time.Duration {
	return f.Stamp - time.Duration(e.cam.Readout) - e.exposed(f)
}

func (e *eye) exposed(f *v4l2.Frame) time.Duration {
	if f.Exposure > 0 {
		return f.Exposure
	}
	return time.Duration(e.cam.Exposure)
}

// look fetches what frames there are, and keeps those whose exposure began at
// since or later and that the driver did not find damaged.
func (e *eye) look(since time.Duration) error {
	for {
		f, err := e.stream.Fetch()
		if err != nil || f == nil {
			return e.wrap(err)
		}
		if f.Damaged || e.began(f) < since {
			if err := e.stream.Release(f); err != nil {
				return e.wrap(err)
			}
			continue
		}
		e.frames = append(e.frames, *f)
		if len(e.frames) > e.stream.Buffers()-3 { // the driver needs some to fill
			if err := e.drop(1); err != nil {
				return err
			}
		}
	}
}

// drop gives the n oldest frames back.
func (e *eye) drop(n int) error {
	for ; n > 0 && len(e.frames) > 0; n-- {
		f := e.frames[0]
		e.frames = e.frames[1:]
		if err := e.stream.Release(&f); err != nil {
			return e.wrap(err)
		}
	}
	return nil
}

// picture is a frame as the firmware gets it.
func (e *eye) picture(f *v4l2.Frame) hal.Frame {
	e.convert(e.pix, f.Data, f.Stride, e.cfg.Width, e.cfg.Height)
	return hal.Frame{Band: e.band, Format: e.format, Width: e.cfg.Width, Height: e.cfg.Height, Pix: e.pix,
		Stride: e.cfg.Width * e.format.BytesPerPixel(), Seq: f.Seq, At: e.began(f), Exposure: e.exposed(f)}
}

// camera is the pair of cameras with their lamps.
type camera struct {
	eyes    [2]*eye // RGB, NIR
	lamps   *lamps
	skew    time.Duration
	timeout time.Duration
	need    time.Duration // that lamps may have to be lit for one shot

	mu   sync.Mutex
	idle *time.Timer
}

var _ hal.Camera = (*camera)(nil)

// Shoot lights l, waits for the newest pair of frames that began under it, and
// switches the lamps off again.
func (c *camera) Shoot(ctx context.Context, l hal.Light) (hal.Shot, error) {
	if err := l.Check(); err != nil {
		return hal.Shot{}, err
	}
	if err := ctx.Err(); err != nil {
		return hal.Shot{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.awake()
	s, err := c.shoot(ctx, l)
	if err != nil {
		return hal.Shot{}, fmt.Errorf("linux: shoot %v: %w", l, err)
	}
	return s, nil
}

func (c *camera) shoot(ctx context.Context, l hal.Light) (s hal.Shot, err error) {
	defer func() {
		for _, e := range c.eyes {
			if e.stream != nil {
				err = errors.Join(err, e.drop(len(e.frames)))
			}
		}
		if err != nil {
			s = hal.Shot{}
			for _, e := range c.eyes {
				clear(e.pix)
			}
		}
	}()
	if err := c.start(ctx); err != nil {
		return s, err
	}
	since, err := c.lamps.set(ctx, l, c.need)
	if err != nil {
		return s, err
	}
	rgb, nir, err := c.pair(ctx, since)
	cut := c.lamps.wasCut()
	if off := c.lamps.off(); off != nil || err != nil {
		return s, errors.Join(err, off)
	}
	if cut {
		return s, fmt.Errorf("%w before both cameras had a frame: %w", errCut, hal.ErrStalled)
	}
	return hal.Shot{RGB: c.eyes[0].picture(rgb), NIR: c.eyes[1].picture(nir), Light: l}, nil
}

// start lets frames come where they do not, and waits for the first of each
// camera then, so that no lamp shines while a sensor wakes up.
func (c *camera) start(ctx context.Context) error {
	var all error
	woke := false
	for _, e := range c.eyes {
		w, err := e.open()
		woke, all = woke || w, errors.Join(all, err)
	}
	if all != nil || !woke {
		return all
	}
	return c.until(ctx, 0, func() bool { return len(c.eyes[0].frames) > 0 && len(c.eyes[1].frames) > 0 })
}

// pair waits for two frames that began at since or later, and within the
// board's skew of each other: the newest two there are.
func (c *camera) pair(ctx context.Context, since time.Duration) (rgb, nir *v4l2.Frame, err error) {
	for _, e := range c.eyes {
		if err := e.drop(len(e.frames)); err != nil { // they began before the light
			return nil, nil, err
		}
	}
	err = c.until(ctx, since, func() bool {
		rgb, nir = c.newest()
		return rgb != nil
	})
	return rgb, nir, err
}

// newest is the newest pair among the frames that wait.
func (c *camera) newest() (rgb, nir *v4l2.Frame) {
	a, b := c.eyes[0], c.eyes[1]
	for i := len(a.frames) - 1; i >= 0; i-- {
		for j := len(b.frames) - 1; j >= 0; j-- {
			if (a.began(&a.frames[i]) - b.began(&b.frames[j])).Abs() <= c.skew {
				return &a.frames[i], &b.frames[j]
			}
		}
	}
	return nil, nil
}

// until looks through both cameras until done, or the board's time for a
// frame is over.
func (c *camera) until(ctx context.Context, since time.Duration, done func() bool) error {
	for end := time.Now().Add(c.timeout); ; {
		for _, e := range c.eyes {
			if err := e.look(since); err != nil {
				return err
			}
		}
		if done() {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if time.Until(end) <= 0 {
			return c.late()
		}
		for _, e := range c.eyes {
			if len(e.frames) == 0 {
				if err := e.stream.Wait(5 * time.Millisecond); err != nil {
					return e.wrap(err)
				}
			}
		}
		if len(c.eyes[0].frames) > 0 && len(c.eyes[1].frames) > 0 { // each has some, but no two fit
			if err := c.eyes[0].stream.Wait(5 * time.Millisecond); err != nil {
				return c.eyes[0].wrap(err)
			}
		}
	}
}

// late says why there is no pair.
func (c *camera) late() error {
	for _, e := range c.eyes {
		if len(e.frames) == 0 {
			return fmt.Errorf("%v camera: %w: waited %v", e.band, hal.ErrStalled, c.timeout)
		}
	}
	a, b := c.eyes[0], c.eyes[1]
	apart := (a.began(&a.frames[len(a.frames)-1]) - b.began(&b.frames[len(b.frames)-1])).Abs()
	return fmt.Errorf("%w: %v, board allows %v", hal.ErrSkew, apart, c.skew)
}

// awake keeps the sensors running for a while.
func (c *camera) awake() {
	if c.idle != nil {
		c.idle.Stop()
	}
	c.idle = time.AfterFunc(idleAfter, c.sleep)
}

// sleep stops the sensors.
func (c *camera) sleep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.eyes {
		if e.stream != nil {
			e.frames = nil
			_ = e.wrap(e.stream.Stop()) // a camera that is gone is told of by the next shot
		}
	}
}

// close ends everything.
func (c *camera) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle != nil {
		c.idle.Stop()
	}
	err := c.lamps.off()
	for _, e := range c.eyes {
		if e.stream != nil {
			err = errors.Join(err, e.stream.Close())
			e.stream, e.frames = nil, nil
		}
	}
	return err
}
