package drill

import (
	"context"
	"fmt"
	"time"

	"volar/cmd/internal/replay"
	"volar/firmware"
	"volar/hal"
	"volar/sim"
)

// onTape lets a camera's fault strike the device in the middle of a tape: in
// the wave after half of them. Waves that it does not reach must end as they
// do without it.
func onTape(ctx context.Context, f Fault, o Order) Outcome {
	out := f.outcome()
	if f.Family != Camera {
		out.Error = fmt.Sprintf("a fault of the %s has no place on a tape: leave out --tape", f.Family)
		return out
	}
	plain := replay.File(ctx, o.Tape, replay.Options{})
	if plain.Error != "" {
		out.Error = plain.Error
		return out
	}
	if len(plain.Waves) < 2 {
		out.Error = fmt.Sprintf("%d waves: a fault needs one to strike and one after it", len(plain.Waves))
		return out
	}
	at := len(plain.Waves) / 2
	b := &bench{}
	var began time.Time
	waves := 0
	faulty := replay.File(ctx, o.Tape, replay.Options{
		Camera: func(c hal.Camera) hal.Camera { b.camera = &sim.Spoiler{Camera: c}; return b.camera },
		Trace: func(t firmware.Trace) {
			switch {
			case t.Kind == firmware.KindState && t.Event == firmware.HandNear.String():
				if waves++; waves == at+2 && !began.IsZero() {
					b.camera.Heal()
				}
			case t.Kind == firmware.KindState && t.To == f.during && waves == at+1 && began.IsZero():
				began, out.Struck = time.Now(), true
				f.strike(b)
			case began.IsZero() || out.Served > 0:
			case t.Kind == firmware.KindCue:
				out.Saw = append(out.Saw, t.Shows)
			case t.Kind == firmware.KindFault:
				out.Said = append(out.Said, t.Error)
			case t.Kind == firmware.KindDecision && waves > at+1:
				out.Served = max(time.Since(began), 1)
			}
		},
	})
	out.Error = faulty.Error
	for i, w := range faulty.Waves {
		out.Decisions = append(out.Decisions, w.Outcome)
		if i != at && i < len(plain.Waves) && w.Outcome != plain.Waves[i].Outcome && w.Purpose == "identify" {
			out.Lost = append(out.Lost, fmt.Sprintf("wave %d: %s, without the fault %s", w.Wave, w.Outcome, plain.Waves[i].Outcome))
		}
	}
	return out
}
