package firmware

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"volar/enclave/attest"
	"volar/firmware/capture"
	"volar/hal"
)

const (
	firstWait = 250 * time.Millisecond
	lastWait  = 30 * time.Second
)

// backoff is how long to wait before recovery number n, counted from 0, since
// the last whole wave: nothing, then 0.25 s, doubling up to 30 s. Up to a
// quarter is taken off at random, so that the devices of a vault that comes
// back do not all come at once.
func backoff(n int) time.Duration {
	if n == 0 {
		return 0
	}
	d := lastWait
	if n < 10 {
		d = min(lastWait, firstWait<<(n-1))
	}
	return d - rand.N(d/4)
}

// outages is what the face shows where the device refuses the vault.
var outages = map[attest.Area]hal.Cue{
	attest.AreaPolicy:  hal.CuePolicy,
	attest.AreaUnknown: hal.CueVaultUnknown,
	attest.AreaOpen:    hal.CueVaultOpen,
	attest.AreaOld:     hal.CueVaultOld,
	attest.AreaProof:   hal.CueVaultUnproved,
}

// refused notes whether err is the refusal of a vault, which the face then
// tells at once: trying again is nobody's way out of it.
func (r *runner) refused(err error) bool {
	why, ok := attest.Why(err)
	r.outage = hal.CueOutOfService
	if ok {
		r.outage = outages[why.Area]
	}
	return ok
}

// down tries what is missing until all of it works. A hand that is waiting is
// asked to try again; once that takes longer the device is out of service. A
// vault that is refused puts it out of service at once.
func (r *runner) down(ctx context.Context) Event {
	if r.outage != hal.CueOutOfService {
		r.show(r.outage)
	} else if r.have {
		r.show(hal.CueAgain)
		if !sleep(ctx, r.cfg.ShowFor) {
			return NoEvent
		}
	}
	for {
		if d := backoff(r.fails); d > 0 {
			r.show(r.outage)
			if !sleep(ctx, d) {
				return NoEvent
			}
		}
		r.fails++
		err := r.parts(ctx)
		if ctx.Err() != nil {
			return NoEvent
		}
		if err == nil {
			return Recovered
		}
		if r.refused(err) {
			r.show(r.outage)
		}
		r.fault(err)
	}
}

// parts tries the vault, the camera and the presence sensor, in the order in
// which a wave needs them checked: no shot before the vault is known.
func (r *runner) parts(ctx context.Context) error {
	if r.vault == nil {
		if err := r.dial(ctx); err != nil {
			return err
		}
	}
	if err := capture.Test(ctx, r.dev.Camera, &r.dev.Calibration); err != nil {
		return err
	}
	if r.hand.watching() {
		return nil // the sensor is busy, so it works
	}
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if err := r.dev.Presence.Wait(short, true); err != nil && short.Err() == nil {
		return fmt.Errorf("firmware: wait for a hand: %w", err)
	}
	return nil
}
