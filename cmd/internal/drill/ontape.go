package drill

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"volar/cmd/internal/replay"
	"volar/firmware"
	"volar/hal"
	"volar/sim"
	"volar/wire"
)

// target is the wave that is struck, the middle one of those that may be: a
// tape cannot repeat the wave of an enrolment. It is -1 where there is none.
func target(waves []replay.Wave) int {
	var may []int
	for i, w := range waves {
		if w.Purpose != wire.Enrol.String() && i+1 < len(waves) {
			may = append(may, i)
		}
	}
	if may == nil {
		return -1
	}
	return may[len(may)/2]
}

// onTape lets a camera's fault strike the device in the middle of a tape.
// Waves that it does not reach must end as they do without it.
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
	at := target(plain.Waves)
	if at < 0 {
		out.Error = fmt.Sprintf("%d waves: a fault needs one to strike that is none of an enrolment, and one after it", len(plain.Waves))
		return out
	}
	b := &bench{}
	rest := &resting{}
	var began time.Time
	waves := 0
	faulty := replay.File(ctx, o.Tape, replay.Options{
		Camera: func(c hal.Camera) hal.Camera {
			rest.Camera, b.camera = c, &sim.Spoiler{Camera: rest}
			return b.camera
		},
		Trace: func(t firmware.Trace) {
			if t.Kind == firmware.KindState {
				rest.down.Store(t.To == firmware.Down.String())
			}
			switch {
			case t.Kind == firmware.KindState && t.Event == firmware.HandNear.String():
				waves++
				if waves > at+1 {
					b.camera.Heal()
				}
			case t.Kind == firmware.KindState && t.To == f.during && waves == at+1 && began.IsZero():
				began, out.Struck = time.Now(), true
				time.AfterFunc(f.lasts, f.strike(b))
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
		if i != at && i < len(plain.Waves) && w.Outcome != plain.Waves[i].Outcome {
			out.Lost = append(out.Lost, fmt.Sprintf("wave %d: %s, without the fault %s", w.Wave, w.Outcome, plain.Waves[i].Outcome))
		}
	}
	return out
}

// resting is a tape's camera that can be tried between waves, where the tape
// has nothing: it then gives the last dark shot once more.
type resting struct {
	hal.Camera
	down atomic.Bool
	dark hal.Shot
}

func (r *resting) Shoot(ctx context.Context, l hal.Light) (hal.Shot, error) {
	if r.down.Load() && l == 0 && r.dark.NIR.Pix != nil {
		for _, f := range []*hal.Frame{&r.dark.RGB, &r.dark.NIR} {
			f.Seq, f.At = f.Seq+1, f.At+time.Millisecond
		}
		return own(r.dark), ctx.Err()
	}
	s, err := r.Camera.Shoot(ctx, l)
	if err == nil && l == 0 {
		r.dark = own(s)
	}
	return s, err
}

// own is a shot with pixels of its own.
func own(s hal.Shot) hal.Shot {
	s.RGB.Pix, s.NIR.Pix = bytes.Clone(s.RGB.Pix), bytes.Clone(s.NIR.Pix)
	return s
}
