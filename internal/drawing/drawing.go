// Package drawing holds a state machine against the drawing of it in a text.
package drawing

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// Machine is a machine whose states and events are counted, zero being none.
type Machine[S, E name] struct {
	States S // one past the last
	Events E
	Next   func(S, E) (S, bool)
}

type name interface {
	~uint8
	fmt.Stringer
}

type arrow[S, E name] struct {
	from  S
	event E
	to    S
}

func (a arrow[S, E]) String() string { return fmt.Sprintf("%v -- %v --> %v", a.from, a.event, a.to) }

// Check fails t where the arrows in a file are not those of the machine, one
// for one. pattern finds an arrow, and has the groups from, event and to.
func (m Machine[S, E]) Check(t *testing.T, file, pattern string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	drawn := m.arrows(t, string(text), regexp.MustCompile(pattern))
	for s := range m.States {
		for e := range m.Events {
			to, ok := m.Next(s, e)
			if a := (arrow[S, E]{s, e, to}); ok != drawn[a] {
				t.Errorf("%s: %v: drawn %v, in the table %v", file, a, drawn[a], ok)
			}
			delete(drawn, arrow[S, E]{s, e, to})
		}
	}
	for a := range drawn {
		t.Errorf("%s: %v is drawn and not in the table", file, a)
	}
}

func (m Machine[S, E]) arrows(t *testing.T, text string, pattern *regexp.Regexp) map[arrow[S, E]]bool {
	states, events := byName(t, m.States), byName(t, m.Events)
	arrows := map[arrow[S, E]]bool{}
	for _, found := range pattern.FindAllStringSubmatch(text, -1) {
		group := func(name string) string { return strings.TrimSpace(found[pattern.SubexpIndex(name)]) }
		a := arrow[S, E]{states[group("from")], events[group("event")], states[group("to")]}
		if a.from == 0 || a.event == 0 || a.to == 0 {
			t.Errorf("the drawing has an arrow %q that names no state or event", strings.TrimSpace(found[0]))
		}
		if arrows[a] {
			t.Errorf("the drawing has the arrow %q twice", strings.TrimSpace(found[0]))
		}
		arrows[a] = true
	}
	return arrows
}

// byName fails t where two have one name, or one has none.
func byName[N name](t *testing.T, count N) map[string]N {
	named := map[string]N{}
	for n := range count {
		if _, taken := named[n.String()]; taken || n.String() == "" {
			t.Errorf("%T %d is called %q", n, n, n)
		}
		named[n.String()] = n
	}
	return named
}

// Reaches tells whether events lead from one state to another.
func (m Machine[S, E]) Reaches(from, to S) bool {
	seen := map[S]bool{from: true}
	for todo := []S{from}; len(todo) > 0; todo = todo[1:] {
		for e := range m.Events {
			n, ok := m.Next(todo[0], e)
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
