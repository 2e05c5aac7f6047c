package rehearsal

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"volar/firmware/provision"
	"volar/hal"
	"volar/wire/prov"
)

// Authority signs the tickets that units of this package take.
var Authority = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{0xa7}, 32))

// Unit is a unit made of software. Its chip and its store outlive its power.
type Unit struct {
	Fuse  *Fuse
	Chip  *Chip
	Store *Store

	// TPM stands in Chip's place where it is set.
	TPM provision.Chip
	// Shoot is the unit's cameras; nil shows a grey wall.
	Shoot func(hal.Light) (hal.Shot, error)
	// Design is the calibration of the board.
	Design hal.Calibration
	// Serial is the unit's number.
	Serial string
	// Authority is whose tickets it takes: this package's at first.
	Authority ed25519.PublicKey

	mu       sync.Mutex
	applied  []provision.Provisioned
	resets   int
	restarts int
	secret   [32]byte
	bundle   []byte
}

// NewUnit is a unit as it leaves the factory.
func NewUnit(serial string) *Unit {
	f := new(Fuse)
	u := &Unit{Fuse: f, Chip: NewChip(f), Store: &Store{fuse: f}, Serial: serial, Authority: Authority.Public().(ed25519.PublicKey), secret: sha256.Sum256([]byte("secret of " + serial))}
	side := hal.Intrinsics{Width: 64, Height: 64, Fx: 60, Fy: 60, Cx: 32, Cy: 32}
	u.Design = hal.Calibration{NIR: side, RGB: side, R: [9]float64{0: 1, 4: 1, 8: 1}, T: [3]float64{-25}, MaxSkew: 5 * time.Millisecond}
	return u
}

// Applied is what the unit was last told to be, and how often.
func (u *Unit) Applied() (last provision.Provisioned, times int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.applied) > 0 {
		last = u.applied[len(u.applied)-1]
	}
	return last, len(u.applied)
}

// Resets is how often the unit was told to forget, and to start again.
func (u *Unit) Resets() (resets, restarts int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.resets, u.restarts
}

// Bundle is what has come of an update.
func (u *Unit) Bundle() []byte { u.mu.Lock(); defer u.mu.Unlock(); return bytes.Clone(u.bundle) }

// Secret is what all keys of the unit come of.
func (u *Unit) Secret() []byte { u.mu.Lock(); defer u.mu.Unlock(); return u.secret[:] }

// Serve runs the unit's end of a line, for as long as it has power.
func (u *Unit) Serve(ctx context.Context, line interface {
	Read([]byte) (int, error)
	Write([]byte) (int, error)
}) error {
	port := prov.NewPort(line)
	defer port.Close()
	p, err := u.provision(port)
	if err != nil {
		return err
	}
	return provision.Serve(ctx, port, p)
}

func (u *Unit) provision(port *prov.Port) (*provision.Unit, error) {
	identity, err := provision.IdentityOf(u.Secret())
	if err != nil {
		return nil, err
	}
	log := port.Log()
	var chip provision.Chip = u.Chip
	if u.TPM != nil {
		chip = u.TPM
	}
	return &provision.Unit{
		Serial: u.Serial, Board: "rehearsal", Version: "1.0.0", Slot: "a", Built: time.Unix(946000000, 0),
		Authority: u.Authority, Development: true,
		Store: u.Store, Chip: chip, Identity: identity,
		Open: func() (*hal.Device, error) {
			return &hal.Device{Board: "rehearsal", Calibration: u.Design, Camera: &camera{unit: u}, Presence: presence{}, Face: face{}}, nil
		},
		Dial: func(context.Context, string) error { return nil },
		Logs: func(crash bool) ([]byte, error) {
			if crash {
				return nil, hal.ErrNotFound
			}
			return bytes.Repeat([]byte("a line of the log\n"), 200), nil
		},
		SetTime: func(time.Time) error { return nil },
		Update:  receiver{u},
		Apply: func(p provision.Provisioned) error {
			u.mu.Lock()
			defer u.mu.Unlock()
			u.applied = append(u.applied, p)
			log.Write([]byte("settings are applied\n"))
			return nil
		},
		Reset: func() error {
			u.mu.Lock()
			defer u.mu.Unlock()
			u.resets++
			u.secret = sha256.Sum256(u.secret[:])
			return nil
		},
		Restart: func() {
			u.mu.Lock()
			defer u.mu.Unlock()
			u.restarts++
		},
	}, nil
}

// camera shows a wall that each lamp makes brighter.
type camera struct {
	unit *Unit
	n    uint32
}

func (c *camera) Shoot(_ context.Context, l hal.Light) (hal.Shot, error) {
	if c.unit.Shoot != nil {
		return c.unit.Shoot(l)
	}
	c.n++
	const side = 64
	rgb := hal.Frame{Band: hal.RGB, Format: hal.RGB24, Width: side, Height: side, Stride: 3 * side, Pix: make([]byte, 3*side*side), Seq: c.n}
	nir := hal.Frame{Band: hal.NIR, Format: hal.Y8, Width: side, Height: side, Stride: side, Pix: make([]byte, side*side), Seq: c.n}
	for i := range nir.Pix {
		v := byte(10 + i%side/4)
		if l.Bands()&hal.White != 0 {
			rgb.Pix[3*i], rgb.Pix[3*i+1], rgb.Pix[3*i+2] = v+100, v+100, v+100
		}
		if l.Bands()&(hal.NIR850|hal.NIR940) != 0 {
			v += 90
		}
		nir.Pix[i] = v
	}
	return hal.Shot{RGB: rgb, NIR: nir, Light: l}, nil
}

// presence has a hand that does what it is asked.
type presence struct{}

func (presence) Wait(context.Context, bool) error { return nil }

type face struct{}

func (face) Show(hal.Cue) error { return nil }

// receiver keeps what it gets.
type receiver struct{ u *Unit }

func (r receiver) Offer(_ context.Context, manifest []byte) (int64, error) {
	if !bytes.HasPrefix(manifest, []byte("manifest")) {
		return 0, errors.New("not a manifest")
	}
	return int64(len(r.u.Bundle())), nil
}

func (r receiver) Block(_ context.Context, at int64, b []byte) error {
	r.u.mu.Lock()
	defer r.u.mu.Unlock()
	have := int64(len(r.u.bundle))
	switch {
	case at > have:
		return errors.New("a block is missing")
	case at+int64(len(b)) > have:
		r.u.bundle = append(r.u.bundle, b[have-at:]...)
	}
	return nil
}

func (r receiver) Says() string { return "" }
