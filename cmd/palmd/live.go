package main

import (
	"context"
	"errors"
	"fmt"

	"volar/firmware"
	"volar/hal"
	"volar/hal/live"
	"volar/wire"
)

// join lets a simulator give the orders and hear how waves end, as the till or
// the door behind a device does.
func join(c *live.Client, cfg *firmware.Config) {
	cfg.Orders = stage{c}
	decided := cfg.Decided
	cfg.Decided = func(d firmware.Decision) {
		decided(d)
		// A simulator that has gone is noticed by the next shot.
		_ = c.Decided(live.Outcome{Text: string(d.Outcome), Person: d.Person, Bursts: d.Bursts, Took: d.Took})
	}
}

// stage is the simulator as the till behind the device.
type stage struct{ c *live.Client }

// Next is the order for the hand that is there. While the simulator is away it
// waits: shots tell of that.
func (s stage) Next(ctx context.Context) (firmware.Order, error) {
	o, err := s.c.Next(ctx)
	if errors.Is(err, hal.ErrUnplugged) {
		<-ctx.Done()
		err = ctx.Err()
	}
	if err != nil {
		return firmware.Order{}, err
	}
	for _, p := range []wire.Purpose{wire.Identify, wire.Verify, wire.Enrol, wire.Update, wire.Delete} {
		if p.String() == o.Purpose {
			return firmware.Order{Purpose: p, Person: o.Person}, nil
		}
	}
	return firmware.Order{}, fmt.Errorf("the simulator orders %q", o.Purpose)
}
