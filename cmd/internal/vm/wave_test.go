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
	l.note.run(t, "waves, before a vault that it attests", func(t *testing.T) string {
		m := l.start(t, u)
		up(t, m)
		await(t, m, `msg="ready for a hand"`)
		before, err := h.Received(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), patience)
		defer stop()
		start := time.Now()
		results, err := s.play(ctx, []sim.Presentation{
			{ID: 1, Purpose: wire.Enrol.String(), Person: 1, Kind: sim.Genuine, Seed: 1},
			{ID: 2, Purpose: wire.Identify.String(), Person: 1, Kind: sim.Genuine, Hand: wire.Left.String(), Seed: 1},
			{ID: 3, Purpose: wire.Identify.String(), Person: 2, Kind: sim.Stranger, Seed: 1},
		})
		for _, r := range results {
			t.Logf("%+v", r)
			if r.Verdict != sim.Right {
				err = fmt.Errorf("presentation %d: %s", r.ID, r.Outcome)
			}
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, m.Console.Tail(20))
		}
		l.note.since("enrolment and two searches", start)
		after, err := h.Received(t.Context())
		if err != nil || after == before {
			t.Fatalf("the host received %d bytes: %v", after-before, err)
		}
		m.Cut()
		return "slot a, enrolled, recognised and refused rightly"
	})
}
