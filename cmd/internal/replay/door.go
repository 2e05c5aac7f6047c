package replay

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

// door stands between a tape and the firmware: it is the presence sensor and
// the till, and knows from the tape's marks who came and for what.
type door struct {
	player *tape.Player
	log    *log

	mu      sync.Mutex
	came    sim.Presentation // of the wave that plays; ID 0 where the tape does not say
	note    string
	ledger  sim.Ledger
	enrols  int  // ID of the enrolment that the firmware is amidst, 0 for none
	waiting bool // for the firmware to drop it
	open    bool // a wave plays that has not been told of

	wave     *Wave  // of the wave that plays, once decided
	recorded string // what the tape says was decided
	gone     bool   // the tape has no more of it
	marks    int    // waves so far
	asked    bool   // the tape has a challenge
	burst    bool   // and a burst
}

func newDoor(p *tape.Player, l *log) *door {
	t := &door{player: p, log: l, ledger: sim.Ledger{}}
	p.Passed = t.passed
	return t
}

// passed reads what stands between the shots.
func (t *door) passed(i tape.Item) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case i.Shot != nil:
		t.burst = t.burst || i.Shot.Light == hal.White // which only bursts have
	case i.Event != nil && i.Event.Name == tape.EventChallenge:
		t.asked = true
	case i.Decision != nil:
		t.recorded = i.Decision.Status
	case i.Event != nil && i.Event.Name == tape.EventNear:
		t.settle()
		t.came, t.note = whoCame(i.Event.Fields)
		t.recorded, t.gone = "", false
		t.marks++
		t.open = true
	case i.Event != nil && i.Event.Name == tape.EventGone:
		t.gone = true
		if t.wave != nil {
			t.settle()
		}
	}
}

func whoCame(f map[string]string) (sim.Presentation, string) {
	p := sim.Presentation{Purpose: f["purpose"], Kind: sim.Kind(f["kind"]), Species: f["species"]}
	p.ID, _ = strconv.Atoi(f["id"])
	p.Person, _ = strconv.Atoi(f["person"])
	p.By, _ = strconv.Atoi(f["by"])
	if p.Check() != nil {
		return sim.Presentation{Purpose: wire.Identify.String()}, "" // a tape from elsewhere
	}
	return p, f["note"]
}

// settle hands on the wave that has been decided, or one of which the firmware
// told nothing, as where no order came of it.
func (t *door) settle() {
	if !t.open {
		return
	}
	t.open = false
	w := t.wave
	if w == nil {
		w = t.fresh()
	}
	t.wave = nil
	w.Recorded = t.recorded
	t.log.end(w)
}

func (t *door) fresh() *Wave {
	w := &Wave{Wave: t.marks, Purpose: t.came.Purpose, Note: t.note}
	if t.came.ID != 0 {
		w.ID, w.Kind, w.Person = t.came.ID, t.came.Kind, strconv.Itoa(t.came.Person)
	}
	return w
}

// old tells whether the tape's bursts answer no challenge.
func (t *door) old() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.burst && !t.asked
}

// flush hands on what the end of the tape left over.
func (t *door) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settle()
}

// Wait passes on what the tape says, but keeps the next person away until the
// firmware has dropped an enrolment that the tape does not finish.
func (t *door) Wait(ctx context.Context, near bool) error {
	if err := t.player.Wait(ctx, near); err != nil || !near {
		return err
	}
	t.mu.Lock()
	if !t.open { // a tape without marks is one wave
		t.open, t.marks = true, t.marks+1
		t.came = sim.Presentation{Purpose: wire.Identify.String()}
	}
	t.waiting = t.enrols != 0 && t.enrols != t.came.ID
	waiting := t.waiting
	t.mu.Unlock()
	if waiting {
		<-ctx.Done()
	}
	return ctx.Err()
}

// Next is the order that the wave was taken for.
func (t *door) Next(ctx context.Context) (firmware.Order, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var o firmware.Order
	for _, p := range []wire.Purpose{wire.Identify, wire.Verify, wire.Enrol, wire.Update, wire.Delete} {
		if p.String() == t.came.Purpose {
			o.Purpose = p
		}
	}
	if o.Purpose != wire.Identify && o.Purpose != wire.Enrol {
		var known bool
		if o.Person, known = t.ledger[t.came.Person]; !known {
			// The vault knows nobody of this name and will refuse.
			sum := sha256.Sum256([]byte(strconv.Itoa(t.came.Person)))
			o.Person = wire.Person(sum[:16])
		}
	}
	return o, ctx.Err()
}

// decided keeps what the firmware says of a wave.
func (t *door) decided(d firmware.Decision) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch d.Outcome {
	case firmware.Another:
		t.enrols = t.came.ID
	case firmware.Accepted, firmware.Refused:
		t.enrols = 0
	case firmware.TimedOut:
		if t.waiting {
			t.enrols, t.waiting = 0, false
			return // of nobody on the tape
		}
	}
	w := t.fresh()
	w.Purpose, w.Outcome, w.Bursts = d.Order.Purpose.String(), string(d.Outcome), d.Bursts
	if d.Hand != 0 {
		w.Hand = d.Hand.String()
	}
	if t.came.ID != 0 {
		w.Verdict, w.Why = t.ledger.Judge(&t.came, sim.Outcome{Text: string(d.Outcome), Person: d.Person})
		if w.Verdict == sim.Undecided {
			w.Verdict = ""
		}
	}
	t.wave = w
	t.log.decided(d)
	if t.gone { // else what was recorded is still to come
		t.settle()
	}
}

var (
	_ hal.Presence    = (*door)(nil)
	_ firmware.Orders = (*door)(nil)
)
