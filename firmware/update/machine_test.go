package update

import (
	"testing"

	"volar/internal/drawing"
	"volar/wire/bootstate"
)

var machine = drawing.Machine[State, Event]{States: stateCount, Events: eventCount, Next: next}

// TestDrawing holds the comment against the table.
func TestDrawing(t *testing.T) {
	machine.Check(t, "machine.go", `(?m)^//\t(?P<from>\w+) +-- (?P<event>[a-z ]+?) *--> (?P<to>\w+)$`)
}

// TestEveryStateEveryEvent holds the machine against what must be true of it,
// whatever the table says.
func TestEveryStateEveryEvent(t *testing.T) {
	before := map[State]State{Verify: Fetch, Seal: Check, Arm: Seal, Restart: Arm, Trial: Restart, Confirm: Trial, Raise: Confirm}
	for s := range stateCount + 2 {
		for e := range eventCount + 2 {
			to, ok := next(s, e)
			switch {
			case !ok && to != s:
				t.Errorf("%v -- %v: means nothing and moves to %v", s, e, to)
			case ok && (s == Blank || to == Blank || s >= stateCount || to >= stateCount || e == NoEvent || e >= eventCount):
				t.Errorf("%v -- %v: moves to %v", s, e, to)
			case ok && to != s && before[to] != Blank && before[to] != s:
				t.Errorf("%v -- %v: comes to %v without %v", s, e, to, before[to])
			case ok && e == Failed && (to != Back || s >= Restart):
				t.Errorf("%v -- %v: moves to %v", s, e, to)
			}
		}
	}
	for s := Idle; s < stateCount; s++ {
		if !machine.Reaches(s, Idle) || s != Idle && !machine.Reaches(Idle, s) {
			t.Errorf("%v is never reached, or never left", s)
		}
	}
}

// Where a unit goes on, by what its disk and its boot state say. Slot a runs
// the old system, b is the one that the update is for.
func TestResume(t *testing.T) {
	const tries = 3
	slot := func(s bootstate.Status, left uint8) bootstate.Slot { return bootstate.Slot{Status: s, Left: left} }
	good, bad, ready, fresh, over := slot(bootstate.Good, 0), slot(bootstate.Bad, 0), slot(bootstate.Ready, 0), slot(bootstate.Trial, tries), slot(bootstate.Trial, 0)
	tried := slot(bootstate.Trial, tries-1)
	for _, c := range []struct {
		was     State
		running string
		b       bootstate.Slot
		want    State
	}{
		{Blank, "a", good, Idle}, {Idle, "a", good, Idle}, {Idle, "a", bad, Idle},
		{Idle, "b", tried, Trial}, {Blank, "b", over, Trial}, // the record is lost, or of another version

		{Fetch, "a", good, Fetch}, {Verify, "a", good, Verify}, {Write, "a", bad, Write}, {Write, "a", good, Write},
		{Check, "a", bad, Check}, {Check, "a", ready, Check}, {Seal, "a", ready, Check},

		{Arm, "a", ready, Arm},     // not armed yet
		{Arm, "a", fresh, Restart}, // armed, and cut before the disk knew
		{Arm, "b", tried, Trial},   // armed, cut, and tried
		{Arm, "a", over, Back},     // and came back
		{Arm, "a", tried, Back},    // and came back early
		{Arm, "a", bad, Back},      // and was found damaged

		{Restart, "a", fresh, Restart}, {Restart, "b", tried, Trial}, {Restart, "b", over, Trial},
		{Restart, "a", over, Back}, {Restart, "a", bad, Back}, {Restart, "a", ready, Arm},

		{Trial, "b", tried, Trial}, {Trial, "b", over, Trial}, {Trial, "a", over, Back}, {Trial, "a", bad, Back},
		{Leave, "b", tried, Leave}, {Leave, "a", bad, Back},
		{Confirm, "b", tried, Confirm}, {Confirm, "b", good, Confirm}, {Raise, "b", good, Raise},
		{Confirm, "a", good, Back}, {Raise, "a", bad, Back}, // confirmed, then found damaged
		{Back, "a", bad, Back}, {Back, "a", over, Back},

		{Fetch, "b", good, Back}, {Verify, "b", good, Back}, // a was found damaged meanwhile, b still has what it had
		{Check, "b", ready, Trial}, {Write, "b", bad, Trial}, // the same, and only b starts
	} {
		boot := bootstate.State{First: "a", A: good, B: c.b}
		if got := resume(c.was, "b", c.running, boot, tries); got != c.want {
			t.Errorf("%v, slot %s runs, b is %v with %d left: goes on in %v, want %v", c.was, c.running, c.b.Status, c.b.Left, got, c.want)
		}
	}
}

// A slot that has been tried is never armed again, whatever the disk says.
func TestNeverArmedTwice(t *testing.T) {
	for s := range stateCount {
		for left := range uint8(3) {
			boot := bootstate.State{First: "b", A: bootstate.Slot{Status: bootstate.Good}, B: bootstate.Slot{Status: bootstate.Trial, Left: left}}
			if got := resume(s, "b", "a", boot, 3); got == Arm || got == Restart {
				t.Errorf("%v with %d tries left goes on in %v", s, left, got)
			}
		}
	}
}

func TestNames(t *testing.T) {
	if got := stateCount.String() + eventCount.String(); got != "state(14)event(17)" {
		t.Error(got)
	}
}

func FuzzParseRecord(f *testing.F) {
	for _, r := range []record{{State: Idle}, {State: Fetch, Target: "b", Manifest: []byte{1}, Why: "x", Failures: []failure{{[32]byte{1}, 2}}}} {
		b, err := r.bytes()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(b)
		if err != nil {
			return
		}
		if again, err := r.bytes(); err != nil || string(again) != string(b) {
			t.Errorf("%x reads as %+v, which is %x (%v)", b, r, again, err)
		}
	})
}
