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

	line     *waveLine // of the wave that plays, once decided
	recorded string    // what the tape says was decided
	gone     bool      // the tape has no more of it
}

func newWaves(p *tape.Player, show *replayShow) *waves {
	w := &waves{player: p, show: show, ledger: sim.Ledger{}}
	p.Passed = w.passed
	return w
}

// passed reads what stands between the shots.
func (w *waves) passed(i tape.Item) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case i.Decision != nil:
		w.recorded = i.Decision.Status
	case i.Event != nil && i.Event.Name == tape.EventNear:
		w.print()
		w.came, w.recorded, w.gone = whoCame(i.Event.Fields), "", false
	case i.Event != nil && i.Event.Name == tape.EventGone:
		w.gone = true
		w.print()
	}
}

func whoCame(f map[string]string) sim.Presentation {
	p := sim.Presentation{Purpose: f["purpose"], Kind: sim.Kind(f["kind"])}
	p.ID, _ = strconv.Atoi(f["id"])
	p.Person, _ = strconv.Atoi(f["person"])
	p.By, _ = strconv.Atoi(f["by"])
	if p.Check() != nil {
		return sim.Presentation{Purpose: wire.Identify.String()} // a tape from elsewhere
	}
	return p
}

// print prints the line of the wave, if it has been decided.
func (w *waves) print() {
	if w.line != nil {
		w.line.Before = w.recorded
		w.show.line(*w.line)
		w.line = nil
	}
}

// flush prints what the end of the tape left over.
func (w *waves) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.print()
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

// decided keeps what the firmware says of a wave.
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
	w.line = &l
	if w.gone { // else what was recorded is still to come
		w.print()
	}
}

var (
	_ hal.Presence    = (*waves)(nil)
	_ firmware.Orders = (*waves)(nil)
)
