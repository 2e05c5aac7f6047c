package vm

import (
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// notes are what is shown in the end: what was measured, and where each
// scenario ended.
type notes struct {
	mu        sync.Mutex
	Measures  []measure  `json:"measures"`
	Scenarios []scenario `json:"scenarios"`
	start     time.Time
}

type measure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

type scenario struct {
	Name string  `json:"name"`
	End  string  `json:"end"` // the state that the unit ended in, by itself
	Took float64 `json:"seconds"`
	Good bool    `json:"good"`
}

func newNotes() *notes { return &notes{start: time.Now()} }

// measure notes a number.
func (n *notes) measure(name string, value float64, unit string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.Measures = append(n.Measures, measure{name, value, unit})
}

// size notes how long a file is.
func (n *notes) size(t *testing.T, name, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() < 1e6 {
		n.measure(name, float64(info.Size())/1e3, "kB")
		return
	}
	n.measure(name, float64(info.Size())/1e6, "MB")
}

// since notes a time that has passed.
func (n *notes) since(name string, start time.Time) {
	n.measure(name, time.Since(start).Seconds(), "s")
}

// beside plays a scenario while others play.
func (n *notes) beside(t *testing.T, name string, play func(t *testing.T) string) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		n.play(t, name, play)
	})
}

// skip notes a scenario that cannot be played here.
func (n *notes) skip(name, why string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.Scenarios = append(n.Scenarios, scenario{Name: name, End: "not played: " + why, Good: true})
}

// run plays a scenario: play returns the state in which the unit ended.
func (n *notes) run(t *testing.T, name string, play func(t *testing.T) string) bool {
	return t.Run(name, func(t *testing.T) { n.play(t, name, play) })
}

func (n *notes) play(t *testing.T, name string, play func(t *testing.T) string) {
	start, end := time.Now(), "?"
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.Scenarios = append(n.Scenarios, scenario{name, end, time.Since(start).Seconds(), !t.Failed()})
	}()
	end = play(t)
}

// table prints all of it.
func (n *notes) table(w io.Writer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "\nscenario\tseconds\tthe unit ended in")
	for _, s := range n.Scenarios {
		end := s.End
		if !s.Good {
			end = "FAILED"
		}
		fmt.Fprintf(tab, "%s\t%.0f\t%s\n", s.Name, s.Took, end)
	}
	fmt.Fprintln(tab, "\nmeasured in emulation\t\t")
	for _, m := range n.Measures {
		fmt.Fprintf(tab, "%s\t%.1f\t%s\n", m.Name, m.Value, m.Unit)
	}
	fmt.Fprintf(tab, "all of it\t%.0f\ts\n", time.Since(n.start).Seconds())
	tab.Flush()
}
