// Package v4l2 captures raw frames from a Linux camera with the driver's time
// stamp, sequence number and error flag, without cgo.
//
// A Stream wipes every buffer before the driver gets it back, so that no
// picture stays in memory that nobody looks at.
package v4l2

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"volar/hal/linux/v4l2/internal/abi"
)

// ErrGone is what a Stream answers after its camera was unplugged.
var ErrGone = errors.New("v4l2: the camera is gone")

// buffers is how many frames there may be at once, with the driver and with
// the caller: what a sensor of 60 frames a second gives in a fifth of a second,
// while a slower and later one is waited for.
const buffers = 12

// maxFrame bounds one buffer, in bytes.
const maxFrame = 64 << 20

// Config is what a camera is to give.
type Config struct {
	Path          string        // device file, such as /dev/video0
	Pixels        string        // pixel format as V4L2 names it: "GREY", "Y10", "YUYV"
	Width, Height int           // pixels
	FPS           int           // frames a second; a driver that cannot be asked keeps its own
	Exposure      time.Duration // 0 leaves the driver's
	Row           time.Duration // of a sensor that counts its exposure in rows, the time of one
	Gain          int           // 0 leaves the driver's
	Pipeline      []Pad         // to set before the format
	Kernel        Kernel        // nil is the one that runs
}

// Frame is one raw frame. Data is the Stream's, until Release.
type Frame struct {
	Data     []byte
	Stride   int           // bytes from one row to the next
	Seq      uint32        // counts dropped frames too
	Stamp    time.Duration // CLOCK_MONOTONIC
	Damaged  bool          // the driver says that its content is wrong
	Exposure time.Duration // as the sensor took it; 0 where it cannot be asked

	index uint32
}

// Stream is an open camera.
type Stream struct {
	cfg      Config
	node     Node
	stride   int
	size     int
	exposure time.Duration
	maps     [][]byte
	running  bool
	dead     bool
}

// Open opens a camera, and refuses one that is not exactly as cfg says.
func Open(cfg Config) (*Stream, error) {
	k := cfg.Kernel
	if k == nil {
		k = running{}
	}
	subdevs, err := setPipeline(&cfg, k)
	if err != nil {
		return nil, fmt.Errorf("v4l2: open %s: %w", cfg.Path, err)
	}
	defer closeAll(subdevs)
	n, err := k.Open(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("v4l2: open %s: %w", cfg.Path, explain(err))
	}
	s := &Stream{cfg: cfg, node: n}
	if err := errors.Join(s.negotiate(), s.expose(subdevs)); err != nil {
		n.Close()
		return nil, fmt.Errorf("v4l2: open %s: %w", cfg.Path, err)
	}
	return s, nil
}

// explain adds what to look for to a bare error of the kernel's.
func explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: the kernel found no camera there: cable, overlay, driver", err)
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("%w: another program holds the camera", err)
	}
	return err
}

// negotiate asks for the format and takes nothing else for it.
func (s *Stream) negotiate() error {
	var c abi.Capability
	if err := s.node.Ioctl(abi.QueryCap, unsafe.Pointer(&c)); err != nil {
		return fmt.Errorf("not a camera: %w", err)
	}
	caps := c.Caps
	if caps&abi.CapDevice != 0 {
		caps = c.DeviceCaps
	}
	if caps&abi.CapCapture == 0 || caps&abi.CapStreaming == 0 {
		return fmt.Errorf("%s %q does not capture", abi.Text(c.Driver[:]), abi.Text(c.Card[:]))
	}
	code, err := abi.FourCC(s.cfg.Pixels)
	if err != nil {
		return err
	}
	f := abi.Format{Type: abi.TypeCapture, Pix: abi.PixFormat{Width: uint32(s.cfg.Width), Height: uint32(s.cfg.Height), PixelFormat: code, Field: abi.FieldNone}}
	if err := s.node.Ioctl(abi.SetFormat, unsafe.Pointer(&f)); err != nil {
		return fmt.Errorf("set format: %w", err)
	}
	p := f.Pix
	if p.PixelFormat != code || int(p.Width) != s.cfg.Width || int(p.Height) != s.cfg.Height || p.Field != abi.FieldNone {
		return fmt.Errorf("gives %dx%d %s, want %dx%d %s", p.Width, p.Height, abi.Name(p.PixelFormat), s.cfg.Width, s.cfg.Height, abi.Name(code))
	}
	if p.BytesPerLine == 0 || p.BytesPerLine > maxFrame || p.SizeImage > maxFrame || uint64(p.SizeImage) < uint64(p.BytesPerLine)*uint64(p.Height) {
		return fmt.Errorf("gives %d bytes a row and %d in all for %d rows", p.BytesPerLine, p.SizeImage, p.Height)
	}
	s.stride, s.size = int(p.BytesPerLine), int(p.BytesPerLine)*s.cfg.Height
	return s.pace()
}

// pace asks for the frame rate. Sensors behind a media controller have no
// such call: theirs follows from the sensor's mode.
func (s *Stream) pace() error {
	if s.cfg.FPS == 0 {
		return nil
	}
	p := abi.StreamParm{Type: abi.TypeCapture, TimePerFrame: abi.Fraction{Numerator: 1, Denominator: uint32(s.cfg.FPS)}}
	err := s.node.Ioctl(abi.SetParm, unsafe.Pointer(&p))
	if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("set %d frames a second: %w", s.cfg.FPS, err)
	}
	got := p.TimePerFrame
	if got.Numerator != 0 && got.Denominator/got.Numerator < uint32(s.cfg.FPS)*9/10 {
		return fmt.Errorf("gives a frame each %d/%d s, want %d a second", got.Numerator, got.Denominator, s.cfg.FPS)
	}
	return nil
}

// Start lets frames come. It does nothing where they come already.
func (s *Stream) Start() error {
	if s.running {
		return nil
	}
	r := abi.RequestBuffers{Count: buffers, Type: abi.TypeCapture, Memory: abi.MemMmap}
	if err := s.node.Ioctl(abi.ReqBufs, unsafe.Pointer(&r)); err != nil {
		return s.fail("request buffers", err)
	}
	if r.Count < 4 || r.Count > 32 {
		return s.fail("request buffers", fmt.Errorf("the driver gave %d, want %d", r.Count, buffers))
	}
	s.running = true // from here on, Stop has something to undo
	for i := range r.Count {
		if err := s.mapBuffer(i); err != nil {
			return errors.Join(s.fail("map buffers", err), s.Stop())
		}
	}
	t := int32(abi.TypeCapture)
	if err := s.node.Ioctl(abi.StreamOn, unsafe.Pointer(&t)); err != nil {
		return errors.Join(s.fail("start", err), s.Stop())
	}
	return nil
}

func (s *Stream) mapBuffer(i uint32) error {
	b := abi.Buffer{Index: i, Type: abi.TypeCapture, Memory: abi.MemMmap}
	if err := s.node.Ioctl(abi.QueryBuf, unsafe.Pointer(&b)); err != nil {
		return err
	}
	if int(b.Length) < s.size || b.Length > maxFrame {
		return fmt.Errorf("buffer of %d bytes, a frame needs %d", b.Length, s.size)
	}
	m, err := s.node.Mmap(int64(uint32(b.Offset)), int(b.Length))
	if err != nil {
		return err
	}
	s.maps = append(s.maps, m)
	return s.node.Ioctl(abi.QueueBuf, unsafe.Pointer(&b))
}

// Buffers is how many frames there may be at once, while it runs.
func (s *Stream) Buffers() int { return len(s.maps) }

// Running tells whether frames come.
func (s *Stream) Running() bool { return s.running }

// Stop stops the frames, and wipes what is left of them.
func (s *Stream) Stop() error {
	if !s.running {
		return nil
	}
	s.running = false
	t := int32(abi.TypeCapture)
	err := s.node.Ioctl(abi.StreamOff, unsafe.Pointer(&t))
	for _, m := range s.maps {
		clear(m)
		err = errors.Join(err, s.node.Munmap(m))
	}
	s.maps = nil
	r := abi.RequestBuffers{Type: abi.TypeCapture, Memory: abi.MemMmap}
	err = errors.Join(err, s.node.Ioctl(abi.ReqBufs, unsafe.Pointer(&r)))
	if err != nil && !s.dead {
		return s.fail("stop", err)
	}
	return nil
}

// Wait waits until there is a frame to Fetch, or d has passed.
func (s *Stream) Wait(d time.Duration) error {
	if s.dead {
		return ErrGone
	}
	if _, err := s.node.Wait(d); err != nil {
		return s.fail("wait", err)
	}
	return nil
}

// Fetch takes the oldest frame that the driver has filled, or nil where there
// is none. It does not wait. Whoever gets a frame gives it back with Release.
func (s *Stream) Fetch() (*Frame, error) {
	if s.dead {
		return nil, ErrGone
	}
	b := abi.Buffer{Type: abi.TypeCapture, Memory: abi.MemMmap}
	err := s.node.Ioctl(abi.DequeueBuf, unsafe.Pointer(&b))
	if errors.Is(err, unix.EAGAIN) {
		return nil, nil
	}
	if err != nil {
		return nil, s.fail("fetch a frame", err)
	}
	if int(b.Index) >= len(s.maps) {
		return nil, s.fail("fetch a frame", fmt.Errorf("the driver gave buffer %d of %d", b.Index, len(s.maps)))
	}
	if b.Flags&abi.FlagClock != abi.FlagMonotonic {
		return nil, s.fail("fetch a frame", errors.New("the driver's time stamps are of no monotonic clock, so no pair could be told by them"))
	}
	return &Frame{
		Data: s.maps[b.Index][:s.size], Stride: s.stride, Seq: b.Sequence, Exposure: s.exposure,
		Stamp:   time.Duration(b.Seconds)*time.Second + time.Duration(b.Micros)*time.Microsecond,
		Damaged: b.Flags&abi.FlagError != 0 || int(b.BytesUsed) < s.size,
		index:   b.Index,
	}, nil
}

// Release wipes a frame and gives its buffer back to the driver.
func (s *Stream) Release(f *Frame) error {
	if !s.running {
		return nil
	}
	clear(s.maps[f.index])
	b := abi.Buffer{Index: f.index, Type: abi.TypeCapture, Memory: abi.MemMmap}
	if err := s.node.Ioctl(abi.QueueBuf, unsafe.Pointer(&b)); err != nil {
		return s.fail("give a buffer back", err)
	}
	return nil
}

// fail says what was tried; a camera that is gone stays so.
func (s *Stream) fail(what string, err error) error {
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
		s.dead = true
		return fmt.Errorf("%w: %s: %s", ErrGone, s.cfg.Path, what)
	}
	return fmt.Errorf("v4l2: %s: %s: %w", s.cfg.Path, what, err)
}

// Close stops the stream and closes the device.
func (s *Stream) Close() error { return errors.Join(s.Stop(), s.node.Close()) }
