// Package hal says what the firmware may ask of a board, and nothing more.
//
// Drivers live in hal/linux, the simulated board in sim, recorded shots in
// hal/tape. All of them pass haltest.Run, which is the meaning of these
// interfaces in code.
package hal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Band says which camera a frame came from.
type Band uint8

// The two cameras. There is no third, so the zero Band is RGB.
const (
	RGB Band = iota
	NIR
)

// String names the band: "rgb" or "nir".
func (b Band) String() string {
	switch b {
	case RGB:
		return "rgb"
	case NIR:
		return "nir"
	}
	return fmt.Sprintf("band(%d)", uint8(b))
}

// Format is how a sensor lays out its samples.
type Format uint8

// The zero Format is invalid.
const (
	RGB24 Format = 1 + iota // 3 bytes a pixel: red, green, blue
	Y8                      // 1 byte a pixel
	Y10                     // 2 bytes a pixel, little endian, values 0 to 1023
)

// BytesPerPixel is 0 for an invalid Format.
func (f Format) BytesPerPixel() int {
	switch f {
	case RGB24:
		return 3
	case Y8:
		return 1
	case Y10:
		return 2
	}
	return 0
}

// String names the format: "rgb24", "y8" or "y10".
func (f Format) String() string {
	switch f {
	case RGB24:
		return "rgb24"
	case Y8:
		return "y8"
	case Y10:
		return "y10"
	}
	return fmt.Sprintf("format(%d)", uint8(f))
}

// MaxSide bounds the width and the height of a frame, in pixels.
const MaxSide = 4096

// Frame is one picture as the sensor gave it.
type Frame struct {
	Band          Band
	Format        Format
	Width, Height int // pixels, 1 to MaxSide
	Stride        int // bytes from one row to the next, at least Width*BytesPerPixel
	Pix           []byte
	Seq           uint32        // counts dropped frames too
	At            time.Duration // start of exposure, since boot
	Exposure      time.Duration
}

// Check tells whether the fields agree with each other and with the band.
func (f *Frame) Check() error {
	bpp := f.Format.BytesPerPixel()
	switch {
	case f.Band > NIR:
		return fmt.Errorf("hal: frame has unknown %v", f.Band)
	case bpp == 0:
		return fmt.Errorf("hal: %v frame has unknown %v", f.Band, f.Format)
	case (f.Band == RGB) != (f.Format == RGB24):
		return fmt.Errorf("hal: %v frame in format %v", f.Band, f.Format)
	case f.Width < 1 || f.Height < 1 || f.Width > MaxSide || f.Height > MaxSide:
		return fmt.Errorf("hal: %v frame is %dx%d, allowed 1 to %d a side", f.Band, f.Width, f.Height, MaxSide)
	case f.Stride < f.Width*bpp || f.Stride > MaxSide*8:
		return fmt.Errorf("hal: %v frame has stride %d, needs %d", f.Band, f.Stride, f.Width*bpp)
	case len(f.Pix) != f.Stride*f.Height:
		return fmt.Errorf("hal: %v frame of %dx%d has %d bytes, needs %d", f.Band, f.Width, f.Height, len(f.Pix), f.Stride*f.Height)
	}
	return nil
}

// Shot is what both cameras saw under one Light.
type Shot struct {
	RGB, NIR Frame
	Light    Light
}

// Skew is how far apart the two exposures began.
func (s *Shot) Skew() time.Duration { return (s.NIR.At - s.RGB.At).Abs() }

// Check tells whether both halves are there and valid.
func (s *Shot) Check() error {
	if err := s.Light.Check(); err != nil {
		return err
	}
	if s.RGB.Band != RGB || s.NIR.Band != NIR {
		return fmt.Errorf("hal: shot holds bands %v and %v: %w", s.RGB.Band, s.NIR.Band, ErrHalf)
	}
	if err := s.RGB.Check(); err != nil {
		return err
	}
	return s.NIR.Check()
}

// What a Camera may answer instead of a shot. Callers test with errors.Is.
var (
	ErrSkew      = errors.New("hal: cameras out of step")
	ErrHalf      = errors.New("hal: one band is missing")
	ErrStalled   = errors.New("hal: camera gave no frame in time")
	ErrUnplugged = errors.New("hal: camera is gone")
	ErrEnd       = errors.New("hal: end of recording")
	ErrNotFound  = errors.New("hal: no such key")
)

// Camera is the pair of cameras and the lamps that serve them.
type Camera interface {
	// Shoot lights l, exposes both sensors, and returns the pair. It never
	// returns half a pair. Pix is valid until the next Shoot; the caller may
	// overwrite it (and does, to wipe it).
	Shoot(ctx context.Context, l Light) (Shot, error)
}

// Presence tells whether a hand is near. It is a cheap sensor (time of
// flight or infrared), not the cameras.
type Presence interface {
	// Wait returns nil as soon as a hand is near (near true) or gone
	// (near false), at once if that is already so.
	Wait(ctx context.Context, near bool) error
}

// Face is what the device shows and sounds.
type Face interface {
	// Show replaces the cue shown before. It does not block.
	Show(Cue) error
}

// Identity is the device key, X25519. The private half never leaves the board.
type Identity interface {
	Public() [32]byte
	// ECDH refuses an all-zero shared secret (RFC 7748, section 6.1).
	ECDH(peer [32]byte) ([32]byte, error)
}

// Store keeps small values over power cuts. Put is all or nothing.
// Keys are 1 to 64 bytes of a-z, 0-9, '-' and '.', not beginning with '.'.
// Values are at most 64 KiB.
type Store interface {
	Get(key string) ([]byte, error) // ErrNotFound where there is none
	Put(key string, val []byte) error
	Delete(key string) error // nil where there is none
}

// Counter only goes up. It is what makes a downgrade visible.
type Counter interface {
	Value() (uint64, error)
	RaiseTo(v uint64) error // an error where v is below Value
}

// Slots are the two places a system can boot from.
type Slots interface {
	Running() string
	WriteOther(ctx context.Context, r io.Reader) error
	TryOther() error // boot the other slot on trial, then fall back unless it was confirmed
	Confirm() error  // keep the running slot
}

// Watchdog resets the board unless kicked.
type Watchdog interface{ Kick() error }

// Device is a board brought to life.
type Device struct {
	Board       string
	Unit        string
	Calibration Calibration
	Camera      Camera
	Presence    Presence
	Face        Face
	Identity    Identity
	Store       Store
	Counter     Counter
	Slots       Slots
	Watchdog    Watchdog
	Gate        Gate         // nil where the board opens nothing
	Close       func() error // gives back what Open took; nil where there is nothing
}

// Check names every part that is missing.
func (d *Device) Check() error {
	var missing []string
	for _, p := range []struct {
		name string
		nil  bool
	}{
		{"camera", d.Camera == nil}, {"presence", d.Presence == nil}, {"face", d.Face == nil},
		{"identity", d.Identity == nil}, {"store", d.Store == nil}, {"counter", d.Counter == nil},
		{"slots", d.Slots == nil}, {"watchdog", d.Watchdog == nil},
	} {
		if p.nil {
			missing = append(missing, p.name)
		}
	}
	if missing != nil {
		return fmt.Errorf("hal: board %s has no %s", d.Board, strings.Join(missing, ", "))
	}
	if err := d.Calibration.Check(); err != nil {
		return fmt.Errorf("hal: board %s: %w", d.Board, err)
	}
	return nil
}
