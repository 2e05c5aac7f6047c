// Package firmware is the device: it waits for a hand, learns what for,
// guides it, takes a burst, judges it, seals it, and shows the vault's
// answer. README.md in this folder walks through a wave; the drawing at State
// is the machine.
package firmware

import (
	"context"
	"fmt"
	"time"

	"volar/firmware/capture"
	"volar/hal"
	"volar/liveness"
	"volar/wire"
)

// Run is the device's life. It returns nil once ctx has ended; until then
// only a recording's end (hal.ErrEnd) and orders that fail end it. Cameras,
// presence sensors and vaults that fail are tried again, ever more slowly.
// Before it returns, every frame and crop has been overwritten.
func Run(ctx context.Context, dev *hal.Device, cfg Config) error {
	return run(ctx, dev, cfg, eyes{cal: &dev.Calibration}, alive)
}

// alive is the judge that the vault has too.
func alive(e *liveness.Evidence) liveness.Verdict { return liveness.Judge(liveness.Fitted, e) }

// judge tells whether a palm lives.
type judge func(*liveness.Evidence) liveness.Verdict

// run is Run with the eyes and the judge given.
func run(ctx context.Context, dev *hal.Device, cfg Config, eyes optics, alive judge) error {
	if err := dev.Check(); err != nil {
		return fmt.Errorf("firmware: run: %w", err)
	}
	if err := cfg.check(); err != nil {
		return err
	}
	if cfg.Orders == nil {
		cfg.Orders = identify{}
	}
	r := &runner{dev: dev, cfg: cfg, eyes: eyes, alive: alive, outage: hal.CueOutOfService}
	err := r.live(ctx)
	if !r.stuck {
		r.forget()
		r.hand.stop()
		r.hangUp()
	}
	return err
}

// maxBursts is how many bursts a wave may take.
const maxBursts = 3

// runner is the machine's memory. The loop owns it; an act owns it while it runs.
type runner struct {
	dev   *hal.Device
	cfg   Config
	eyes  optics
	alive judge

	state  State
	ending error // why Run is to end, where that is not ctx
	stuck  bool  // an act did not stop when it was told to, and still owns what it had

	vault Vault // nil where there is no session
	fresh bool  // the session was opened for this wave
	hand  watch // tells when the hand goes

	order  Order
	have   bool      // there is an order
	amidst bool      // it is an enrolment of which waves have been taken
	want   wire.Hand // the hand that the enrolment waits for, 0 for any

	wave    uint64
	began   time.Time // of the wave
	steady  time.Time // when the palm was last found good
	bursts  int       // taken in the wave
	decided bool      // the wave's decision has been told
	seen    wire.Hand // in the last burst
	prompt  hal.Cue   // what the next state is to show
	nonce   wire.Nonce

	fails  int     // recoveries tried since a wave last came to its end
	broken string  // the last fault told of, so that it is told once
	outage hal.Cue // what the face shows while the device is down

	// What is known about the palm of a burst, until forget.
	burst  *capture.Burst
	palm   *rectified
	grade  uint8
	sample wire.Sample

	cue   hal.Cue
	shown bool
}

// live is the loop: act, then move.
func (r *runner) live(ctx context.Context) error {
	r.state = Idle
	for r.state != Off {
		e := r.await(ctx)
		to, ok := next(r.state, e)
		if !ok {
			return fmt.Errorf("firmware: %v ended with %v, which the machine does not know", r.state, e)
		}
		r.move(ctx, to, e)
	}
	return r.ending
}

// move does what an event means, and goes to the state that follows.
func (r *runner) move(ctx context.Context, to State, e Event) {
	switch e {
	case HandNear:
		r.wave++
		r.began, r.bursts, r.seen, r.decided, r.fresh, r.prompt = time.Now(), 0, 0, false, false, hal.CueIdle
		r.hand.start(ctx, r.dev.Presence)
	case HandGone:
		r.hand.stop()
		if r.state != Remove {
			r.decide(Left)
		}
	case Timeout:
		if r.state == Idle {
			r.giveUp()
		}
		r.decide(TimedOut)
		r.prompt = hal.CueAgain
	case LinkLost:
		r.hangUp()
	case Recovered:
		r.outage = hal.CueOutOfService
		if r.hand.left() && !r.amidst {
			r.drop()
		}
		r.hand.stop()
	}
	if to == Down || to == Off {
		r.decide(Broken)
	}
	if to != Judge && to != Seal && to != Wait && !r.stuck {
		r.forget()
	}
	r.trace(Trace{Kind: KindState, From: r.state.String(), To: to.String(), Event: e.String()})
	r.state = to
}

// forget overwrites whatever is known about the palm of a burst.
func (r *runner) forget() {
	r.burst.Wipe()
	r.palm.wipe()
	r.sample.Wipe()
	r.burst, r.palm, r.sample, r.grade = nil, nil, wire.Sample{}, 0
}

// hangUp closes the session. The vault forgets the waves of an enrolment
// whose session has closed, so any hand may come next.
func (r *runner) hangUp() {
	if r.vault == nil {
		return
	}
	_ = r.vault.Close() // it is of no more use either way
	r.vault, r.want = nil, 0
}
