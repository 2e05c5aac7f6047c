package firmware

import (
	"context"
	"errors"
	"fmt"
	"time"

	"volar/hal"
	"volar/wire"
)

const (
	// orderFor is how long a hand may wait for an order.
	orderFor = 30 * time.Second

	// lifted is how long a hand may be away between the waves of an
	// enrolment, and brief how long after a fault, before the order is dropped.
	lifted = 20 * time.Second
	brief  = 2 * time.Second
)

// take waits for an order that a vault would take.
func (r *runner) take(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, orderFor)
	defer cancel()
	for {
		o, err := r.cfg.Orders.Next(ctx)
		if err != nil {
			return err
		}
		if err := o.Check(); err != nil {
			r.fault(fmt.Errorf("firmware: take an order: %w", err))
			continue
		}
		r.order, r.have = o, true
		return nil
	}
}

// decide tells how the wave ended, and settles what becomes of the order: an
// enrolment of which waves have been taken outlives waves that come to
// nothing, and any order outlives a fault, as long as the hand stays.
func (r *runner) decide(o Outcome) { r.tell(Decision{Outcome: o}) }

func (r *runner) tell(d Decision) {
	if r.decided || !r.have {
		return
	}
	r.decided = true
	d.Wave, d.Order, d.Hand, d.Bursts, d.Took = r.wave, r.order, r.seen, r.bursts, time.Since(r.began)
	t := Trace{Kind: KindDecision, Purpose: d.Order.Purpose.String(), Outcome: d.Outcome, Bursts: d.Bursts, Took: d.Took}
	if d.Hand != 0 {
		t.Hand = d.Hand.String()
	}
	switch d.Outcome {
	case Accepted, Refused:
		r.amidst = false
		r.drop()
	case Another:
		r.amidst, r.want = true, d.Next
	case Broken:
	default:
		if !r.amidst {
			r.drop()
		}
	}
	r.trace(t)
	if r.cfg.Decided != nil {
		r.cfg.Decided(d)
	}
}

// giveUp ends an order whose hand did not come back. An enrolment then has an
// ending of its own; of any other order the last wave's was told.
func (r *runner) giveUp() {
	amidst := r.amidst
	r.decided = !amidst
	r.decide(TimedOut)
	r.drop()
}

// drop forgets the order. The vault forgets an enrolment with its session.
func (r *runner) drop() {
	if r.amidst {
		r.hangUp()
	}
	r.order, r.have, r.amidst, r.want = Order{}, false, false, 0
}

// answered settles a wave by what the vault said.
func (r *runner) answered(a wire.Answer) Event {
	switch a.Status {
	case wire.Accepted:
		r.prompt = hal.CueAccepted
		r.tell(Decision{Outcome: Accepted, Person: a.Person, Receipt: a.Slip.Receipt()})
	case wire.More:
		r.prompt = hal.CueAgain
		if a.Hand != r.seen {
			r.prompt = hal.CueOtherHand
		}
		r.tell(Decision{Outcome: Another, Next: a.Hand})
	case wire.Again:
		return r.retry(StageLink, nil, hal.CueAgain, Unusable, Again)
	default:
		r.prompt = hal.CueRefused
		r.decide(Refused)
	}
	return Answered
}

// retry settles a burst that could not be used: another one, or, where the
// wave has had its share, its end with the outcome given.
func (r *runner) retry(stage string, why []string, cure hal.Cue, o Outcome, another Event) Event {
	r.trace(Trace{Kind: KindRetry, Stage: stage, Why: why, Bursts: r.bursts})
	r.prompt = cure
	if r.bursts < maxBursts {
		return another
	}
	r.prompt = hal.CueAgain
	if o == NotLive {
		r.prompt = hal.CueRefused // an attacker learns no more than a stranger
	}
	r.decide(o)
	return Spent
}

// end lets Run return err.
func (r *runner) end(err error) Event {
	if r.ending == nil {
		r.ending = fmt.Errorf("firmware: run: %w", err)
	}
	return Stop
}

// sleep waits and tells whether it was not interrupted.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// late tells a limit that ran out from an interruption: parent is the context
// that the limit was put on.
func late(parent context.Context, err error) bool {
	return errors.Is(err, context.DeadlineExceeded) && parent.Err() == nil
}
