// Package till joins a simulated stage to the firmware: the director of a
// script is the till or the door that gives orders and is told how waves ended.
package till

import (
	"context"
	"errors"

	"volar/firmware"
	"volar/hal"
	"volar/sim"
)

// Run runs the firmware on a device until the director's script has ended. It
// fills in the orders of cfg; its Decided is told before the director is.
func Run(ctx context.Context, dev *hal.Device, director *sim.Director, cfg firmware.Config) error {
	told := cfg.Decided
	cfg.Orders = orders{director}
	cfg.Decided = func(d firmware.Decision) {
		if told != nil {
			told(d)
		}
		director.Decided(sim.Outcome{Text: string(d.Outcome), Person: d.Person, Bursts: d.Bursts, Took: d.Took})
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	device := make(chan error, 1)
	go func() {
		defer stop() // a script without a device would wait for ever
		device <- firmware.Run(ctx, dev, cfg)
	}()
	err := director.Run(ctx)
	stop()
	return errors.Join(<-device, err)
}

type orders struct{ *sim.Director }

func (o orders) Next(ctx context.Context) (firmware.Order, error) {
	purpose, person, err := o.Director.Next(ctx)
	return firmware.Order{Purpose: purpose, Person: person}, err
}
