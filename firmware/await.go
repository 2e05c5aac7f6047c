package firmware

import (
	"context"
	"fmt"
	"time"

	"volar/hal"
)

const (
	// kickEvery is well under the shortest time that watchdogs of such boards
	// are set to, which is some ten seconds.
	kickEvery = time.Second

	// grace is how long an act may take to stop.
	grace = 3 * time.Second

	// actFor is how long an act may take that waits for no person. The
	// longest calls wait callFor.
	actFor = 4 * callFor
)

// acts is what each state does; what it returns ends the state.
var acts = [stateCount]func(*runner, context.Context) Event{
	Idle: (*runner).idle, Approach: (*runner).approach, Guide: (*runner).guide, Challenge: (*runner).challenge,
	Capture: (*runner).capture, Judge: (*runner).judge, Seal: (*runner).seal, Wait: (*runner).wait,
	Answer: (*runner).answer, Remove: (*runner).remove, Down: (*runner).down,
}

// patience is how long a state may last before its act counts as hung; 0 is
// for ever.
func (r *runner) patience() time.Duration {
	switch r.state {
	case Idle, Remove, Down:
		return 0 // a hand, or a repair, may take any time
	case Approach:
		return orderFor + actFor
	case Guide:
		return slowest*r.cfg.GuideFor + actFor
	case Answer:
		return r.cfg.ShowFor + actFor
	}
	return actFor
}

// await runs the state's act to its end, or to what interrupts it, and kicks
// the watchdog while the act is not overdue: a hung driver is the board's to reset.
func (r *runner) await(parent context.Context) Event {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	done := make(chan Event, 1)
	go func(act func(*runner, context.Context) Event) { done <- act(r, ctx) }(acts[r.state])

	kick := time.NewTicker(kickEvery)
	defer kick.Stop()
	err := r.dev.Watchdog.Kick()
	var overdue, over <-chan time.Time
	if p := r.patience(); p > 0 {
		t := time.NewTimer(p)
		defer t.Stop()
		overdue = t.C
	}
	gone, stop, interrupt, hung := r.hand.gone(), parent.Done(), NoEvent, false
	for {
		select {
		case e := <-done:
			if err != nil {
				r.fault(fmt.Errorf("firmware: kick the watchdog: %w", err))
			}
			switch {
			case parent.Err() != nil:
				return Stop
			case interrupt == Fault:
				r.fault(r.hand.err)
				return Fault
			case interrupt != NoEvent && r.ending == nil:
				return interrupt
			}
			return e
		case <-gone:
			gone = nil
			e := HandGone
			if r.hand.err != nil {
				e = Fault
			}
			if _, ok := next(r.state, e); ok && parent.Err() == nil {
				interrupt = e
				cancel()
			}
		case <-stop:
			stop, over = nil, time.After(grace)
		case <-over:
			r.stuck = true
			r.ending = fmt.Errorf("firmware: run: %v did not stop in %v", r.state, grace)
			return Stop
		case <-overdue:
			hung = true
		case <-kick.C:
			if !hung {
				err = r.dev.Watchdog.Kick()
			}
		}
	}
}

// watch tells when a hand goes.
type watch struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // set before done is closed
}

func (w *watch) start(ctx context.Context, p hal.Presence) {
	ctx, w.cancel = context.WithCancel(ctx)
	done := make(chan struct{})
	w.done, w.err = done, nil
	go func() {
		defer close(done)
		if err := p.Wait(ctx, false); err != nil && ctx.Err() == nil {
			w.err = fmt.Errorf("firmware: wait for the hand to go: %w", err)
		}
	}()
}

// watching tells whether the sensor is being asked.
func (w *watch) watching() bool {
	if w.done == nil {
		return false
	}
	select {
	case <-w.done:
		return false
	default:
		return true
	}
}

// gone is closed when the hand has gone, or the sensor has failed, or watching
// was stopped. It is nil, and blocks, where nothing is watched.
func (w *watch) gone() <-chan struct{} { return w.done }

// left tells whether the hand has gone, as far as is known.
func (w *watch) left() bool {
	select {
	case <-w.done:
		return w.err == nil
	default:
		return false
	}
}

func (w *watch) stop() {
	if w.done != nil {
		w.cancel()
		<-w.done
		w.done = nil
	}
}
