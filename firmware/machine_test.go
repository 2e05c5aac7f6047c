package firmware

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

type arrow struct {
	from  State
	event Event
	to    State
}

// states and events by name, without the zero ones.
func names[T ~uint8](list []string) map[string]T {
	m := make(map[string]T)
	for i, n := range list[1:] {
		m[n] = T(i + 1)
	}
	return m
}

// drawn reads the arrows of a text: pattern has the groups from, event, to.
func drawn(t *testing.T, text string, pattern *regexp.Regexp) map[arrow]bool {
	t.Helper()
	states, events := names[State](stateNames[:]), names[Event](eventNames[:])
	arrows := make(map[arrow]bool)
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		g := make(map[string]string)
		for i, n := range pattern.SubexpNames() {
			g[n] = strings.TrimSpace(m[i])
		}
		a := arrow{states[g["from"]], events[g["event"]], states[g["to"]]}
		if a.from == Blank || a.event == NoEvent || a.to == Blank {
			t.Errorf("the drawing has an arrow %q that names no state or event", strings.TrimSpace(m[0]))
		}
		if arrows[a] {
			t.Errorf("the drawing has the arrow %q twice", strings.TrimSpace(m[0]))
		}
		arrows[a] = true
	}
	return arrows
}

// TestDrawing holds the comment and README.md against the table.
func TestDrawing(t *testing.T) {
	for file, pattern := range map[string]string{
		"machine.go": `(?m)^//\t(?P<from>\w+) +-- (?P<event>[a-z ]+?) *--> (?P<to>\w+)$`,
		"README.md":  `(?m)^    (?P<from>\w+) --> (?P<to>\w+): (?P<event>[a-z ]+)$`,
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		arrows := drawn(t, string(text), regexp.MustCompile(pattern))
		for s := range stateCount {
			for e := range eventCount {
				to, ok := next(s, e)
				if a := (arrow{s, e, to}); ok != arrows[a] {
					t.Errorf("%s: %v -- %v --> %v: drawn %v, in the table %v", file, s, e, to, arrows[a], ok)
				}
				delete(arrows, arrow{s, e, to})
			}
		}
		for a := range arrows {
			t.Errorf("%s: %v -- %v --> %v is drawn and not in the table", file, a.from, a.event, a.to)
		}
	}
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
		if !reaches(s, Idle) {
			t.Errorf("%v never comes back to idle", s)
		}
		if s != Idle && !reaches(Idle, s) {
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

// reaches tells whether events lead from one state to another.
func reaches(from, to State) bool {
	seen := map[State]bool{from: true}
	for todo := []State{from}; len(todo) > 0; todo = todo[1:] {
		for e := range eventCount {
			n, ok := next(todo[0], e)
			if ok && n == to {
				return true
			}
			if ok && !seen[n] {
				seen[n] = true
				todo = append(todo, n)
			}
		}
	}
	return false
}

func TestNames(t *testing.T) {
	for s := range stateCount {
		if s.String() == "" {
			t.Errorf("state %d has no name", s)
		}
	}
	for e := range eventCount {
		if e.String() == "" {
			t.Errorf("event %d has no name", e)
		}
	}
	if got := (stateCount + 1).String() + (eventCount + 1).String(); got != "state(14)event(20)" {
		t.Error(got)
	}
}
