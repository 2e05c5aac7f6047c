// Package linux brings boards to life that run Linux: cameras over V4L2, lamps,
// ring and presence sensor over I2C, outputs over GPIO and PWM, a store on a
// file system, the watchdog. The TPM is in its room tpm, the boot slots in
// slots. Nothing in here was ever tried on a board: it is tested on recorded
// buses, on a kernel made of software, and in a virtual machine.
package linux

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"

	"volar/boards"
	"volar/hal"
	"volar/hal/linux/v4l2"
	"volar/hal/live"
	"volar/hal/store"
	"volar/hal/tape"
)

// Options are what a board alone does not tell.
type Options struct {
	Dir         string           // folder of the store
	Unit        string           // serial number
	Calibration *hal.Calibration // as it was measured; nil is the board's by design
	Identity    hal.Identity
	Counter     hal.Counter
	Slots       hal.Slots

	// Development allows a board whose cameras are a recording or a simulator.
	Development bool
}

// system is the machine that a board is opened on; tests have one of their own.
type system struct {
	compatible func() ([]string, error) // names of the machine, from its device tree
	cameras    fs.FS                    // /sys/class/video4linux
	kernel     v4l2.Kernel              // nil is the running one
	bus        func(path string) (i2c.BusCloser, error)
	line       func(boards.Line) (gpio.PinOut, error)
	pwm        string // /sys/class/pwm
	watchdog   func(*boards.Watchdog) (hal.Watchdog, error)
	now        func() time.Duration // CLOCK_MONOTONIC
}

// Open brings a board to life. What is missing is named in one error, all of
// it. Where a tape stands in for the cameras, camera and presence sensor are a
// *tape.Player; where a simulator does, these and the face are a *live.Client;
// and the calibration is theirs.
func Open(b *boards.Board, o Options) (*hal.Device, error) { return open(b, o, machine()) }

func open(b *boards.Board, o Options, sys system) (*hal.Device, error) {
	p := &parts{board: b, sys: sys, buses: map[string]i2c.BusCloser{}}
	d := p.device(o)
	if len(p.missing) > 0 {
		_ = p.close()
		return nil, fmt.Errorf("linux: open board %s: %d missing: %w", b.Name, len(p.missing), Missing(p.missing))
	}
	d.Close = p.close
	return d, nil
}

// Missing is what a board lacks, each with its cause.
type Missing []error

// Error is one line a part.
func (m Missing) Error() string {
	lines := make([]string, len(m))
	for i, err := range m {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "; ")
}

// Unwrap lets callers test for causes.
func (m Missing) Unwrap() []error { return m }

// parts is a board that is being opened, and what has to be closed again.
type parts struct {
	board   *boards.Board
	sys     system
	buses   map[string]i2c.BusCloser
	closers []func() error
	missing []error
}

// lacks notes that a part could not be opened.
func (p *parts) lacks(part string, err error) {
	if err != nil {
		p.missing = append(p.missing, fmt.Errorf("%s: %w", part, err))
	}
}

// close closes the parts, the last opened first.
func (p *parts) close() error {
	var err error
	for _, c := range slices.Backward(p.closers) {
		err = errors.Join(err, c())
	}
	p.closers = nil
	return err
}

func (p *parts) device(o Options) *hal.Device {
	b := p.board
	d := &hal.Device{Board: b.Name, Unit: o.Unit, Calibration: b.Calibration, Identity: o.Identity, Counter: o.Counter, Slots: o.Slots}
	if o.Calibration != nil {
		d.Calibration = *o.Calibration
		p.lacks("calibration", d.Calibration.Check())
	}
	p.lacks("machine", p.right())
	for _, part := range []struct {
		name string
		none bool
	}{{"identity", o.Identity == nil}, {"counter", o.Counter == nil}, {"slots", o.Slots == nil}} {
		if part.none {
			p.lacks(part.name, errors.New("nobody has opened it"))
		}
	}
	var err error
	d.Store, err = store.Open(o.Dir)
	p.lacks("store", err)
	chips := p.chips()
	p.face(d, chips)
	p.see(d, chips, o.Development)
	p.gate(d)
	if b.Watchdog != nil {
		if d.Watchdog, err = p.sys.watchdog(b.Watchdog); err != nil {
			p.lacks("watchdog", err)
		} else if c, ok := d.Watchdog.(io.Closer); ok {
			p.closers = append(p.closers, c.Close)
		}
	} else {
		p.lacks("watchdog", errors.New("the board has none"))
	}
	return d
}

// right tells whether this machine is the board.
func (p *parts) right() error {
	if len(p.board.Compatible) == 0 {
		return nil
	}
	have, err := p.sys.compatible()
	if err != nil {
		return err
	}
	for _, want := range p.board.Compatible {
		if slices.Contains(have, want) {
			return nil
		}
	}
	return fmt.Errorf("it is %q, the board is %q", have, p.board.Compatible)
}

// see opens the cameras, or what stands in for them.
func (p *parts) see(d *hal.Device, chips map[string]*bank, development bool) {
	kind, what := p.board.RGB.StandIn()
	switch {
	case kind == "":
		p.film(d, chips)
	case !development:
		p.lacks("cameras", fmt.Errorf("%s stands in for them, and this unit is not for development", kind))
	case kind == "tape":
		p.play(d, what)
	case kind == "live":
		p.dial(d, what)
	default:
		p.lacks("cameras", fmt.Errorf("hal/linux has none of kind %s", kind))
	}
}

// play puts a recording in the place of cameras and presence sensor.
func (p *parts) play(d *hal.Device, path string) {
	f, err := os.Open(path)
	if err != nil {
		p.lacks("cameras", err)
		return
	}
	p.closers = append(p.closers, f.Close)
	r, err := tape.Open(f)
	if err == nil && r.Calibration() == nil {
		err = errors.New("a tape of stills holds no shots")
	}
	if err != nil {
		p.lacks("cameras", fmt.Errorf("%s: %w", path, err))
		return
	}
	player := tape.Play(r)
	d.Camera, d.Presence, d.Calibration = player, player, *r.Calibration()
}

// dial puts a simulator in the place of cameras, presence sensor and face: its
// people heed what the face shows.
func (p *parts) dial(d *hal.Device, address string) {
	c, cal, err := live.Dial(address)
	if err != nil {
		p.lacks("cameras", err)
		return
	}
	p.closers = append(p.closers, c.Close)
	d.Camera, d.Presence, d.Face, d.Calibration = c, c, c, cal
}
