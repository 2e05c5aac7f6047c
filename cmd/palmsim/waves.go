package main

import (
	"context"
	"crypto/sha256"
	"strconv"
	"sync"

	"volar/firmware"
	"volar/hal"
	"volar/hal/tape"
	"volar/sim"
	"volar/wire"
)

// waves stands between a tape and the firmware: it is the presence sensor and
// the till, and knows from the tape's marks who came and for what.
type waves struct {
	player *tape.Player
	show   *replayShow

	mu      sync.Mutex
	came    sim.Presentation // of the wave that plays; ID 0 where the tape does not say
	ledger  sim.Ledger
	enrols  int  // ID of the enrolment that the firmware is amidst, 0 for none
	waiting bool // for the firmware to drop it
}

func newWaves(p *tape.Player, show *replayShow) *waves {
	w := &waves{player: p, show: show, ledger: sim.Ledger{}}
	p.Passed = w.passed
	return w
}

// passed reads the mark of a wave.
func (w *waves) passed(i tape.Item) {
	if i.Event == nil || i.Event.Name != tape.EventNear {
		return
	}
	f := i.Event.Fields
	p := sim.Presentation{Purpose: f["purpose"], Kind: sim.Kind(f["kind"])}
	p.ID, _ = strconv.Atoi(f["id"])
	p.Person, _ = strconv.Atoi(f["person"])
	p.By, _ = strconv.Atoi(f["by"])
	if p.Check() != nil {
		p = sim.Presentation{Purpose: wire.Identify.String()} // a tape from elsewhere
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.came = p
}

// Wait passes on what the tape says, but keeps the next person away until the
// firmware has dropped an enrolment that the tape does not finish.
func (w *waves) Wait(ctx context.Context, near bool) error {
	if err := w.player.Wait(ctx, near); err != nil || !near {
		return err
	}
	w.mu.Lock()
	w.waiting = w.enrols != 0 && w.enrols != w.came.ID
	waiting := w.waiting
	w.mu.Unlock()
	if waiting {
		<-ctx.Done()
	}
	return ctx.Err()
}

// Next is the order that the wave was taken for.
func (w *waves) Next(ctx context.Context) (firmware.Order, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var o firmware.Order
	for _, p := range []wire.Purpose{wire.Identify, wire.Verify, wire.Enrol, wire.Update, wire.Delete} {
		if p.String() == w.came.Purpose {
			o.Purpose = p
		}
	}
	if o.Purpose != wire.Identify && o.Purpose != wire.Enrol {
		var known bool
		if o.Person, known = w.ledger[w.came.Person]; !known {
			// The vault knows nobody of this name and will refuse.
			sum := sha256.Sum256([]byte(strconv.Itoa(w.came.Person)))
			o.Person = wire.Person(sum[:16])
		}
	}
	return o, ctx.Err()
}

// decided prints what the firmware says of a wave.
func (w *waves) decided(d firmware.Decision) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch d.Outcome {
	case firmware.Another:
		w.enrols = w.came.ID
	case firmware.Accepted, firmware.Refused:
		w.enrols = 0
	case firmware.TimedOut:
		if w.waiting {
			w.enrols, w.waiting = 0, false
			return // of nobody on the tape
		}
	}
	l := waveLine{Wave: d.Wave, Purpose: d.Order.Purpose.String(), Outcome: string(d.Outcome), Bursts: d.Bursts, Took: d.Took}
	if d.Hand != 0 {
		l.Hand = d.Hand.String()
	}
	if w.came.ID != 0 {
		l.ID, l.Kind, l.Person = w.came.ID, w.came.Kind, strconv.Itoa(w.came.Person)
		l.Verdict, l.Why = w.ledger.Judge(&w.came, sim.Outcome{Text: string(d.Outcome), Person: d.Person})
		if l.Verdict == sim.Undecided {
			l.Verdict = ""
		}
	}
	w.show.line(l)
}

var (
	_ hal.Presence    = (*waves)(nil)
	_ firmware.Orders = (*waves)(nil)
)
