package vm

import (
	"context"
	"fmt"
	"testing"
	"time"

	"volar/sim"
	"volar/wire"
)

// served lets people come to the unit: one enrols with both hands and is
// recognised, and a stranger is not. Each session begins with the vault's
// proof of what it is, which the unit checks.
func (l *lab) served(t *testing.T, h *house, u Unit, s *stage) {
	m := l.start(t, u)
	defer m.Cut()
	ok := l.note.run(t, "waves, before a vault that it attests", func(t *testing.T) string {
		up(t, m)
		await(t, m, `msg="ready for a hand"`)
		before, err := h.Received(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		come(t, m, s,
			sim.Presentation{ID: 1, Purpose: wire.Enrol.String(), Person: 1, Kind: sim.Genuine, Seed: 1},
			returns,
			sim.Presentation{ID: 3, Purpose: wire.Identify.String(), Person: 2, Kind: sim.Stranger, Seed: 1},
		)
		l.note.since("enrolment and two searches", start)
		after, err := h.Received(t.Context())
		if err != nil || after == before {
			t.Fatalf("the host received %d bytes: %v", after-before, err)
		}
		return "slot a, enrolled, recognised and refused rightly"
	})
	if ok && !l.brief {
		l.replayed(t, h, m, s)
	}
}

// returns is the left hand of the person who is enrolled.
var returns = sim.Presentation{ID: 2, Purpose: wire.Identify.String(), Person: 1, Kind: sim.Genuine, Hand: wire.Left.String(), Seed: 1}

// come lets people come to the unit, each of whom must be decided on rightly.
func come(t *testing.T, m *Machine, s *stage, script ...sim.Presentation) []sim.Result {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	results, err := s.play(ctx, script)
	for _, r := range results {
		t.Logf("%+v", r)
		if r.Verdict != sim.Right {
			err = fmt.Errorf("presentation %d: %s", r.ID, r.Outcome)
		}
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, m.Console.Tail(20))
	}
	return results
}
