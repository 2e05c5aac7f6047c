package sim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"volar/hal"
	"volar/wire"
)

// Director plays a script on a stage: it brings people before the board, gives
// the orders that a till or a door would give, and takes hands away when the
// device has decided, or when nobody would wait any longer.
//
// The program that joins the board to the firmware passes Next on as its
// orders, and tells Decided how each wave ended.
type Director struct {
	// Comes, where set, is told who comes with which hand, before each wave;
	// Done how each presentation ended.
	Comes func(Presentation, wire.Hand)
	Done  func(Result)

	// Brief lets whoever holds a hand badly, or an attack, give up after half
	// of the time.
	Brief bool

	board  *Board
	stage  *Stage
	script []Presentation
	people Ledger

	orders  chan order
	decided chan Outcome
	cues    chan hal.Cue
	amidst  bool // the device keeps the order of an enrolment for the next wave
}

type order struct {
	purpose wire.Purpose
	person  wire.Person
}

// How patient people are. The first is in the board's time, as what they see.
const (
	patience     = 20 * time.Second // with a device that does not decide
	poorPatience = 3 * time.Second  // of who does not even heed its cues
	fakePatience = 6 * time.Second  // of who holds a print or a screen
	between      = time.Second      // from one hand to the next
	maxWaves     = 40               // of one presentation
	forgetFor    = 40 * time.Second // in real time: for a device to drop the order of an enrolment
)

// Direct readies a script. people are those enrolled before, by their numbers
// in the script; it may be nil.
func Direct(b *Board, s *Stage, script []Presentation, people Ledger) *Director {
	d := &Director{
		board: b, stage: s, script: script, people: Ledger{},
		orders: make(chan order, 1), decided: make(chan Outcome, 64), cues: make(chan hal.Cue, 64),
	}
	maps.Copy(d.people, people)
	b.watch(d.see)
	return d
}

// see keeps the newest cues; a person who does not look misses the oldest.
func (d *Director) see(c hal.Cue) {
	for {
		select {
		case d.cues <- c:
			return
		default:
		}
		select {
		case <-d.cues:
		default:
		}
	}
}

// Next is the order for the hand that is there. It waits for one.
func (d *Director) Next(ctx context.Context) (wire.Purpose, wire.Person, error) {
	select {
	case o := <-d.orders:
		return o.purpose, o.person, nil
	case <-ctx.Done():
		return 0, wire.Person{}, ctx.Err()
	}
}

// Decided tells how a wave ended. It does not block.
func (d *Director) Decided(o Outcome) {
	select {
	case d.decided <- o:
	default: // nobody asked for so many waves
	}
}

// Enrolled is the pseudonym under which a person of the script is enrolled.
func (d *Director) Enrolled(person int) (wire.Person, bool) {
	p, ok := d.people[person]
	return p, ok
}

// Run plays the script to its end. It returns early only with an error of ctx
// or where the device neither decides nor comes back.
func (d *Director) Run(ctx context.Context) error {
	for i := range d.script {
		r, err := d.play(ctx, &d.script[i])
		if err != nil {
			return fmt.Errorf("sim: presentation %d: %w", d.script[i].ID, err)
		}
		if d.Done != nil {
			d.Done(r)
		}
	}
	return nil
}

// play brings one presentation to its end.
func (d *Director) play(ctx context.Context, p *Presentation) (Result, error) {
	r := Result{Presentation: *p, Outcome: "not enrolled", Verdict: Undecided}
	o := order{purpose: p.purpose()}
	if o.purpose != wire.Identify && o.purpose != wire.Enrol {
		var ok bool
		if o.person, ok = d.people[p.Person]; !ok {
			return r, nil // there is no identity to claim
		}
	}
	began := time.Now()
	act, last := newAct(p), Outcome{}
	for r.Waves < maxWaves && r.Again < act.tries() {
		out, swap, err := d.wave(ctx, p, o, act.hand, r.Waves)
		if err != nil {
			return r, err
		}
		r.Waves++
		r.Bursts += out.Bursts
		if out.Text != "" {
			r.Outcome = out.Text
		}
		d.amidst = out.Text == More || d.amidst && out.Text != Accepted && out.Text != Refused
		last = out
		if out.Text == Accepted || out.Text == Refused {
			break
		}
		if out.Text != More && !swap {
			r.Again++
		}
		if swap {
			act.swap()
		}
	}
	r.Verdict, r.Why = d.people.Judge(p, last)
	r.Took = time.Since(began)
	return r, d.abandon(ctx)
}

// act is what a person does over the waves of a presentation.
type act struct {
	p      *Presentation
	hand   wire.Hand
	erring bool // gives the same hand once more when asked for the other
}

func newAct(p *Presentation) *act {
	return &act{p: p, hand: p.FirstHand(), erring: p.Kind == WrongHand}
}

// tries is how many waves may come to nothing before the person gives up.
func (a *act) tries() int {
	switch {
	case a.p.Kind == Poor || a.p.Kind.Attack():
		return 1
	case a.p.purpose() == wire.Enrol:
		return 12 // of at least six waves
	}
	return 3
}

// swap takes the other hand.
func (a *act) swap() {
	if a.erring {
		a.erring = false
		return
	}
	a.hand = wire.Left + wire.Right - a.hand
}

// errSilent is a device that never waits for a hand again.
var errSilent = errors.New("the device does not come back")

// wave presents one hand once. swap tells that the device asked for the other
// hand. An Outcome without a text is a wave of which the device told nothing.
func (d *Director) wave(ctx context.Context, p *Presentation, o order, hand wire.Hand, n int) (out Outcome, swap bool, err error) {
	if err := d.board.idle(ctx); err != nil {
		return out, false, err
	}
	d.drain()
	if !d.amidst {
		d.orders <- o // drained, so there is room
	}
	d.board.Pass(between)
	if d.Comes != nil {
		d.Comes(*p, hand)
	}
	d.board.Present(d.stage.Enter(p, hand, d.board.Now(), n))
	out, swap, err = d.watch(ctx, p)
	if err != nil {
		return out, false, err
	}
	if err := sleep(ctx, d.board.pause(longest)); err != nil {
		return out, false, err
	}
	d.board.Clear()
	if err := d.board.idle(ctx); err != nil {
		return out, false, err
	}
	if out.Text == "" {
		select {
		case out = <-d.decided: // the device noticed that the hand has gone
		default:
		}
	}
	return out, swap, nil
}

// watch waits until the person has a reason to take the hand away.
func (d *Director) watch(ctx context.Context, p *Presentation) (out Outcome, swap bool, err error) {
	long := patience
	switch {
	case p.Kind == Poor:
		long = poorPatience
	case p.Kind.Attack():
		long = fakePatience
	}
	if d.Brief && long < patience {
		long /= 2
	}
	limit := d.board.Now() + long
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case out = <-d.decided:
			if out.Text == More {
				swap, err = d.told(ctx)
			}
			if out.Text != Broken { // else the hand stays where it is
				return out, swap, err
			}
		case c := <-d.cues:
			if c == hal.CueOtherHand && p.Kind != Poor {
				return out, true, nil
			}
		case <-look.C:
			if d.board.Now() > limit {
				return out, false, nil
			}
		case <-ctx.Done():
			return out, false, ctx.Err()
		}
	}
}

// told waits for the cue that says which hand is wanted next.
func (d *Director) told(ctx context.Context) (other bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		select {
		case c := <-d.cues:
			switch c {
			case hal.CueOtherHand:
				return true, nil
			case hal.CueAgain:
				return false, nil
			}
		case <-ctx.Done():
			return false, fmt.Errorf("no cue says which hand is next: %w", ctx.Err())
		}
	}
}

// abandon waits until the device has dropped an enrolment that the person
// does not come back to.
func (d *Director) abandon(ctx context.Context) error {
	if !d.amidst {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, forgetFor)
	defer cancel()
	select {
	case <-d.decided:
		d.amidst = false
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errSilent, ctx.Err())
	}
}

// drain forgets what belongs to the wave before.
func (d *Director) drain() {
	for {
		select {
		case <-d.orders:
		case <-d.decided:
		case <-d.cues:
		default:
			return
		}
	}
}
