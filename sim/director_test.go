package sim

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"volar/hal"
	"volar/wire"
)

// fakeDevice is firmware that looks at nobody: what it decides of each wave
// is written down beforehand.
type fakeDevice struct {
	board    *Board
	director *Director
	steps    []step
	orders   []wire.Purpose
	hands    []wire.Hand // that were presented
	kept     bool        // the order of an enrolment
}

// step is what the device makes of one wave.
type step struct {
	text   string
	person wire.Person
	cue    hal.Cue // shown with the decision
	mute   bool    // shows the cue and decides nothing
}

// run is a device's loop. It ends with its steps or with ctx.
func (f *fakeDevice) run(ctx context.Context) error {
	dev := f.board.Device()
	for _, s := range f.steps {
		if err := dev.Presence.Wait(ctx, true); err != nil {
			return err
		}
		if !f.kept {
			p, _, err := f.director.Next(ctx)
			if err != nil {
				return err
			}
			f.orders = append(f.orders, p)
		}
		if _, err := dev.Camera.Shoot(ctx, hal.NIR850); err != nil {
			return err
		}
		if !s.mute {
			f.kept = s.text == More || f.kept && s.text != Accepted && s.text != Refused
			f.director.Decided(Outcome{Text: s.text, Person: s.person, Bursts: 1})
		}
		if err := dev.Face.Show(s.cue); err != nil {
			return err
		}
		if err := dev.Presence.Wait(ctx, false); err != nil {
			return err
		}
		if s.mute {
			f.director.Decided(Outcome{Text: "hand gone"})
		}
	}
	return dev.Presence.Wait(ctx, true) // nobody comes any more
}

// direct plays a script to a device of the steps given.
func direct(t *testing.T, script []Presentation, people Ledger, steps []step) ([]Result, *fakeDevice) {
	t.Helper()
	stage := newTestStage(t, 3)
	board := open(t, Options{Speed: math.Inf(1)})
	d := Direct(board, stage, script, people)
	f := &fakeDevice{board: board, director: d, steps: steps}
	var results []Result
	d.Done = func(r Result) { results = append(results, r) }
	d.Comes = func(_ Presentation, h wire.Hand) { f.hands = append(f.hands, h) }
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f.run(ctx) }()
	if err := d.Run(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("the device: %v", err)
	}
	return results, f
}

func TestDirectorEnrols(t *testing.T) {
	who := wire.Person{7}
	more, swap := step{text: More, cue: hal.CueAgain}, step{text: More, cue: hal.CueOtherHand}
	results, f := direct(t, []Presentation{
		{ID: 1, Purpose: "enrol", Person: 1, Kind: Genuine, Hand: "left"},
		{ID: 2, Purpose: "identify", Person: 1, Kind: Genuine, Hand: "right"},
		{ID: 3, Purpose: "delete", Person: 1, Kind: Genuine, Hand: "right"},
		{ID: 4, Purpose: "verify", Person: 1, Kind: Genuine, Hand: "right"},
	}, nil, []step{
		more, swap, more, {text: "unusable", cue: hal.CueAgain}, {text: Accepted, person: who, cue: hal.CueAccepted},
		{text: Accepted, person: who, cue: hal.CueAccepted},
		{text: Accepted, person: who, cue: hal.CueAccepted},
	})
	l, r := wire.Left, wire.Right
	if want := []wire.Hand{l, l, r, r, r, r, r}; !slices.Equal(f.hands, want) {
		t.Errorf("hands %v, want %v", f.hands, want)
	}
	if want := []wire.Purpose{wire.Enrol, wire.Identify, wire.Delete}; !slices.Equal(f.orders, want) {
		t.Errorf("orders %v, want %v", f.orders, want)
	}
	if len(results) != 4 {
		t.Fatalf("%d results", len(results))
	}
	if e := results[0]; e.Verdict != Right || e.Waves != 5 || e.Again != 1 || e.Bursts != 5 {
		t.Errorf("enrolment %+v", e)
	}
	if results[1].Verdict != Right || results[2].Verdict != Right {
		t.Errorf("identified %+v, deleted %+v", results[1], results[2])
	}
	if v := results[3]; v.Verdict != Undecided || v.Waves != 0 {
		t.Errorf("whoever was deleted has no identity to claim: %+v", v)
	}
}

// A wrong hand is given once more when the device asks for the other one.
func TestDirectorGivesTheWrongHand(t *testing.T) {
	_, f := direct(t, []Presentation{{ID: 1, Purpose: "enrol", Person: 1, Kind: WrongHand, Hand: "left"}}, nil, []step{
		{text: More, cue: hal.CueOtherHand}, {mute: true, cue: hal.CueOtherHand}, {text: Refused, cue: hal.CueRefused},
	})
	if l, r := wire.Left, wire.Right; !slices.Equal(f.hands, []wire.Hand{l, l, r}) {
		t.Errorf("hands %v", f.hands)
	}
}

// Whoever gets no decision tries again, and gives up.
func TestDirectorGivesUp(t *testing.T) {
	timeout := step{text: "timeout", cue: hal.CueAgain}
	results, f := direct(t, []Presentation{
		{ID: 1, Purpose: "identify", Person: 1, Kind: Genuine},
		{ID: 2, Purpose: "identify", Person: 1, Kind: PrintLaser},
		{ID: 3, Purpose: "verify", Person: 2, Kind: Impostor, By: 1},
	}, Ledger{2: {9}}, []step{timeout, timeout, timeout, timeout, {text: Accepted, person: wire.Person{9}, cue: hal.CueAccepted}})
	if len(f.orders) != 5 {
		t.Errorf("%d orders, want one a wave", len(f.orders))
	}
	if r := results[0]; r.Again != 3 || r.Verdict != Undecided || r.Outcome != "timeout" {
		t.Errorf("genuine %+v", r)
	}
	if r := results[1]; r.Again != 1 {
		t.Errorf("print %+v", r)
	}
	if r := results[2]; r.Verdict != Wrong {
		t.Errorf("an impostor was accepted: %+v", r)
	}
}
