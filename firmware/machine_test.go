package firmware

import (
	"testing"

	"volar/internal/drawing"
)

var machine = drawing.Machine[State, Event]{States: stateCount, Events: eventCount, Next: next}

// TestDrawing holds the comment and README.md against the table.
func TestDrawing(t *testing.T) {
	machine.Check(t, "machine.go", `(?m)^//\t(?P<from>\w+) +-- (?P<event>[a-z ]+?) *--> (?P<to>\w+)$`)
	machine.Check(t, "README.md", `(?m)^    (?P<from>\w+) --> (?P<to>\w+): (?P<event>[a-z ]+)$`)
}

// TestEveryStateEveryEvent holds the machine against what must be true of it,
// whatever the table says.
func TestEveryStateEveryEvent(t *testing.T) {
	for s := range stateCount + 3 {
		for e := range eventCount + 3 {
			to, ok := next(s, e)
			switch {
			case !ok && to != s:
				t.Errorf("%v -- %v: means nothing and moves to %v", s, e, to)
			case ok && (s == Blank || s == Off || s >= stateCount):
				t.Errorf("%v -- %v: moves a device that is not running", s, e)
			case ok && (e == NoEvent || e >= eventCount):
				t.Errorf("%v -- %v: no event moves to %v", s, e, to)
			case ok && (to == Blank || to >= stateCount):
				t.Errorf("%v -- %v: moves to %v", s, e, to)
			case ok && (e == Fault || e == LinkLost) && to != Down:
				t.Errorf("%v -- %v: moves to %v", s, e, to)
			case ok && e == Stop && to != Off:
				t.Errorf("%v -- %v: moves to %v", s, e, to)
			case ok && to == Off && e != Stop:
				t.Errorf("%v -- %v: ends the device", s, e)
			}
		}
	}
	running := func(do func(State)) {
		for s := Idle; s < Off; s++ {
			do(s)
		}
	}
	running(func(s State) {
		if to, ok := next(s, Stop); !ok || to != Off {
			t.Errorf("%v cannot be stopped", s)
		}
		if acts[s] == nil {
			t.Errorf("%v does nothing", s)
		}
		if !machine.Reaches(s, Idle) {
			t.Errorf("%v never comes back to idle", s)
		}
		if s != Idle && !machine.Reaches(Idle, s) {
			t.Errorf("%v is never reached", s)
		}
	})
	// What is sent has been judged, and what is judged was taken for a nonce.
	for _, order := range [][2]State{{Wait, Seal}, {Seal, Judge}, {Judge, Capture}, {Capture, Challenge}, {Challenge, Guide}} {
		running(func(s State) {
			for e := range eventCount {
				if to, _ := next(s, e); to == order[0] && s != order[0] && s != order[1] {
					t.Errorf("%v -- %v: comes to %v without %v", s, e, order[0], order[1])
				}
			}
		})
	}
}

func TestNames(t *testing.T) {
	if got := (stateCount + 1).String() + (eventCount + 1).String(); got != "state(14)event(20)" {
		t.Error(got)
	}
}
