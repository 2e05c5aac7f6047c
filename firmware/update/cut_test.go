package update

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

var old = system{Name: "1.0.0", Serial: 10, Floor: 1}

// scenarios are updates, and what runs after each.
var scenarios = []struct {
	name  string
	now   system
	delta bool
	want  uint64 // serial
	floor uint64 // the counter, after
}{
	{"full", system{Name: "1.1.0", Serial: 11, Floor: 1}, false, 11, 1},
	{"delta that raises the floor", system{Name: "1.1.0", Serial: 11, Floor: 3}, true, 11, 3},
	{"ill", system{Name: "1.1.0", Serial: 11, Floor: 3, Manner: "ill"}, false, 10, 0},
	{"dies", system{Name: "1.1.0", Serial: 11, Floor: 3, Manner: "dies"}, true, 10, 0},
}

// brings makes the bundle of a scenario.
func brings(now system, delta bool) offered {
	if delta {
		return offer(now, &old)
	}
	return offer(now, nil)
}

// TestPowerCut cuts the power before, in and after every operation on disk,
// boot state and TPM, and lets every one of them fail, in turn. However that
// is, the unit comes up, and ends with the system that it should: the new one
// where it works, the old one where it does not.
func TestPowerCut(t *testing.T) {
	for _, c := range scenarios {
		t.Run(c.name, func(t *testing.T) {
			o := brings(c.now, c.delta)
			whole := newWorld(old)
			s, u := whole.live(t, o)
			whole.rest(t, s, u, "without a cut")
			if s.Serial != c.want || whole.counter != c.floor {
				t.Fatalf("without a cut: %+v, the counter is %d, %q", s, whole.counter, whole.came)
			}
			ops := whole.ops
			for at := range moments {
				for cut := 1; cut <= ops; cut++ {
					w := newWorld(old)
					w.cut, w.at = cut, at
					s, u := w.live(t, o)
					what := fmt.Sprintf("moment %d of operation %d, %s", at, cut, whole.log[min(cut, len(whole.log))-1])
					w.rest(t, s, u, what)
					if s.Serial != c.want || w.counter != c.floor {
						t.Errorf("%s: %s runs, the counter is %d; %q %s", what, s.Name, w.counter, w.came, u.Says())
					}
				}
			}
			t.Logf("%d operations, each in %d ways: %s", ops, moments, strings.Join(names(whole), ", "))
		})
	}
}

// TestManyCuts cuts the power again and again, in the middle of what repairs
// the last cut.
func TestManyCuts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var bundles []offered
	for _, c := range scenarios {
		bundles = append(bundles, brings(c.now, c.delta))
	}
	for round := range 300 {
		c, o := scenarios[round%len(scenarios)], bundles[round%len(scenarios)]
		w := newWorld(old)
		for range 1 + r.IntN(6) { // starts of which each is cut
			w.cut, w.at = w.ops+1+r.IntN(40), moment(r.IntN(int(moments)))
			_, u := w.boot(t)
			w.drive(t, u, o)
		}
		w.cut = 0
		s, u := w.live(t, o)
		what := fmt.Sprintf("round %d, %s", round, c.name)
		w.rest(t, s, u, what)
		// A plug that is pulled in every trial may cost the update, never the unit.
		if s.Serial != c.want && s.Serial != old.Serial {
			t.Errorf("%s: %s runs; %q", what, s.Name, w.came)
		}
		if s.Serial != c.want && u.rec.times(id(o.manifest)) < maxFailures {
			t.Errorf("%s: the update was given up after %d trials; %q", what, u.rec.times(id(o.manifest)), w.came)
		}
	}
}
