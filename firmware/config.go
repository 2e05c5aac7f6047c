package firmware

import (
	"context"
	"errors"
	"fmt"
	"time"

	"volar/firmware/seal"
	"volar/wire"
)

// Order is what a wave is to be taken for.
type Order struct {
	Purpose wire.Purpose
	Person  wire.Person // for Verify, Update and Delete; zero otherwise
}

// Check tells whether a vault would take the order.
func (o Order) Check() error { return wire.Begin{Purpose: o.Purpose, Person: o.Person}.Check() }

// Orders is the till or the door behind the device.
type Orders interface {
	// Next waits for an order; the hand is already there. It may be called
	// again after ctx has ended, and then loses nothing. An error that is not
	// that of ctx ends Run.
	Next(ctx context.Context) (Order, error)
}

// Vault is a session with a vault whose evidence has been checked.
// *link.Session is one.
type Vault = seal.Vault

// Config is what Run needs beside a device. The zero Config is refused: it
// has no vault.
type Config struct {
	// Dial opens a session with the vault and returns it only after the
	// vault's evidence has been checked. No camera is opened for a wave before.
	Dial func(context.Context) (Vault, error)

	// Orders says what each wave is for. Where it is nil, every wave identifies.
	Orders Orders

	// Decided, where set, is told how each wave ended, before the device
	// takes the next. It must not block.
	Decided func(Decision)

	// Trace, where set, is told what the device does. It must not block.
	Trace func(Trace)

	// Findings, where set, is told what the stages measured. It is for benches
	// alone. It must not block.
	Findings func(Finding)

	GuideFor time.Duration // how long a hand is guided before the wave ends, by the camera's clock; 0 is 15 s
	ShowFor  time.Duration // how long an answer is shown; 0 is 1.5 s
}

const (
	defaultGuideFor = 15 * time.Second
	defaultShowFor  = 1500 * time.Millisecond
)

func (c *Config) check() error {
	if c.Dial == nil {
		return errors.New("firmware: configuration has no vault to dial")
	}
	for _, d := range []struct {
		name string
		v    *time.Duration
		zero time.Duration
	}{{"GuideFor", &c.GuideFor, defaultGuideFor}, {"ShowFor", &c.ShowFor, defaultShowFor}} {
		if *d.v == 0 {
			*d.v = d.zero
		}
		if *d.v < 0 || *d.v > time.Minute {
			return fmt.Errorf("firmware: configuration has %s %v, allowed up to 1m", d.name, *d.v)
		}
	}
	return nil
}

// identify is the order of a device with nothing behind it.
type identify struct{}

func (identify) Next(ctx context.Context) (Order, error) {
	return Order{Purpose: wire.Identify}, ctx.Err()
}
