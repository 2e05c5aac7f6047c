package firmware

import (
	"context"
	"errors"
	"fmt"
	"time"

	"volar/firmware/capture"
	"volar/firmware/quality"
	"volar/firmware/seal"
	"volar/hal"
	"volar/wire"
)

const (
	// callFor is how long a vault may take: its nonce lives no longer than 10 s.
	callFor = 5 * time.Second

	// heed is how long a cue that a burst earned is shown before the next look.
	heed = 300 * time.Millisecond

	// slowest is how much slower than its own clock a camera may be: a tape or
	// a simulation on a busy machine. Guiding lasts by the camera's clock.
	slowest = 4

	// steadyLooks is how many good looks in a row start a burst.
	steadyLooks = 2
)

func (r *runner) idle(ctx context.Context) Event {
	cue, limited := hal.CueIdle, ctx
	if r.have {
		limit := brief
		if r.amidst {
			limit, cue = lifted, hal.CueHover
			if r.want != 0 && r.want != r.seen {
				cue = hal.CueOtherHand
			}
		}
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	r.show(cue)
	err := r.dev.Presence.Wait(limited, true)
	switch {
	case err == nil:
		return HandNear
	case errors.Is(err, hal.ErrEnd):
		return r.end(err)
	case late(ctx, err):
		return Timeout
	case ctx.Err() != nil:
		return NoEvent
	}
	r.fault(fmt.Errorf("firmware: wait for a hand: %w", err))
	return Fault
}

func (r *runner) approach(ctx context.Context) Event {
	r.show(hal.CueHover)
	if !r.have {
		err := r.take(ctx)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return NoEvent
		case late(ctx, err):
			return Timeout
		default:
			return r.end(fmt.Errorf("wait for an order: %w", err))
		}
	}
	if r.vault == nil {
		if err := r.dial(ctx); err != nil {
			return r.linkLost(ctx, err)
		}
	}
	return Ordered
}

// dial opens a session; its evidence has been checked when Dial returns.
func (r *runner) dial(ctx context.Context) error {
	done := r.stage(StageOpen)
	short, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	v, err := r.cfg.Dial(short)
	if err == nil && v == nil {
		err = errors.New("no session and no error")
	}
	if err != nil {
		return fmt.Errorf("firmware: open a session with the vault: %w", err)
	}
	r.vault, r.fresh = v, true
	done()
	return nil
}

func (r *runner) linkLost(ctx context.Context, err error) Event {
	if ctx.Err() != nil {
		return NoEvent // nothing but the end of Run interrupts a call
	}
	r.refused(err)
	r.fault(err)
	return LinkLost
}

// cameraLost tells a fault of the camera from an interruption and from the
// end of a recording.
func (r *runner) cameraLost(ctx context.Context, err error) Event {
	switch {
	case ctx.Err() != nil:
		return NoEvent
	case errors.Is(err, hal.ErrEnd):
		return r.end(err)
	}
	r.fault(err)
	return Fault
}

func (r *runner) guide(ctx context.Context) Event {
	done := r.stage(StageGuide)
	if r.prompt != hal.CueIdle {
		r.show(r.prompt)
		if !sleep(ctx, heed) {
			return NoEvent
		}
		r.prompt = hal.CueIdle
	}
	g := guidance{want: r.want, found: func(p *quality.Palm, q quality.Report) {
		r.find(StageGuide, p, func() []FindingValue { return qualityFound(&q) })
	}}
	for until := time.Now().Add(slowest * r.cfg.GuideFor); time.Now().Before(until) && g.lasted < r.cfg.GuideFor; {
		pair, err := capture.Look(ctx, r.dev.Camera, &r.dev.Calibration)
		if err != nil {
			return r.cameraLost(ctx, err)
		}
		cue := g.look(r.eyes, pair, &r.dev.Calibration)
		pair.Wipe()
		if g.good == steadyLooks {
			r.steady = time.Now()
			done()
			return Steady
		}
		if cue != hal.CueIdle {
			r.show(cue)
		}
	}
	return Timeout
}

func (r *runner) challenge(ctx context.Context) Event {
	done := r.stage(StageNonce)
	err := r.begin(ctx)
	if err != nil && !errors.Is(err, seal.ErrRefused) && !r.fresh && ctx.Err() == nil {
		// The vault may have closed a session that was idle since the wave
		// before; that is no fault, so it is opened again at once.
		r.hangUp()
		if err = r.dial(ctx); err == nil {
			err = r.begin(ctx)
		}
	}
	switch {
	case errors.Is(err, seal.ErrRefused):
		return r.answered(wire.Answer{Status: wire.Refused})
	case err != nil:
		return r.linkLost(ctx, err)
	}
	done()
	return Challenged
}

// begin asks for a nonce and keeps it.
func (r *runner) begin(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	r.nonce, err = seal.Begin(ctx, r.vault, r.order.Purpose, r.order.Person)
	return err
}

// CodeOf is the light of a burst that a nonce asks for.
func CodeOf(n wire.Nonce) (code capture.Code) {
	for i, f := range wire.Flashes(n) {
		band := hal.NIR850
		if f.At940 {
			band = hal.NIR940
		}
		code[i], _ = hal.LightOf(hal.White|band, f.Corners, int(f.Quarters)) // every flash is a light
	}
	return code
}

func (r *runner) capture(ctx context.Context) Event {
	r.show(hal.CueStill)
	done := r.stage(StageCapture)
	b, err := capture.Take(ctx, r.dev.Camera, &r.dev.Calibration, CodeOf(r.nonce))
	if err != nil {
		return r.cameraLost(ctx, err)
	}
	done()
	r.burst, r.bursts = b, r.bursts+1
	return Taken
}

func (r *runner) judge(context.Context) Event {
	r.show(hal.CueWorking)
	done := r.stage(StageVision)
	palm, err := r.eyes.rectify(r.burst)
	done()
	if err != nil {
		return r.retry(StageVision, []string{err.Error()}, cure(err), Unusable, Poor)
	}
	r.palm, r.seen = palm, palm.hand
	r.find(StageVision, &palm.place, func() []FindingValue { return poseFound(palm) })
	if r.want != 0 && palm.hand != r.want {
		return r.retry(StageVision, []string{"hand"}, hal.CueOtherHand, Unusable, Poor)
	}

	done = r.stage(StageQuality)
	report, err := quality.Measure(palm.wave(r.burst), &r.dev.Calibration)
	done()
	if err != nil {
		return r.retry(StageQuality, []string{err.Error()}, hal.CueAgain, Unusable, Poor)
	}
	r.find(StageQuality, nil, func() []FindingValue { return qualityFound(&report) })
	if !report.Pass() {
		return r.retry(StageQuality, report.Failed(), report.Cue(), Unusable, Poor)
	}
	r.grade = report.Quality()

	done = r.stage(StageLiveness)
	verdict := r.alive(palm.evidence(r.nonce))
	done()
	r.find(StageLiveness, nil, func() []FindingValue { return livenessFound(&verdict) })
	if !verdict.Live() {
		return r.retry(StageLiveness, verdict.Failed(), hal.CueAgain, NotLive, Poor)
	}
	r.burst.Wipe()
	r.burst = nil
	return Good
}

func (r *runner) seal(context.Context) Event {
	done := r.stage(StageSeal)
	s, err := seal.Seal(r.nonce, r.palm.sealed(r.grade))
	r.palm.wipe()
	r.palm = nil
	done()
	if err != nil {
		return r.retry(StageSeal, []string{err.Error()}, hal.CueAgain, Unusable, Poor)
	}
	r.sample = s
	return Sealed
}

func (r *runner) wait(ctx context.Context) Event {
	done := r.stage(StageLink)
	short, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	a, err := seal.Send(short, r.vault, r.sample)
	if err != nil {
		return r.linkLost(ctx, err)
	}
	done()
	return r.answered(a)
}

func (r *runner) answer(ctx context.Context) Event {
	r.show(r.prompt)
	if r.bursts > 0 {
		r.trace(Trace{Kind: KindStage, Stage: StageAnswer, Took: time.Since(r.steady)})
	}
	r.fails, r.broken = 0, ""
	if !sleep(ctx, r.cfg.ShowFor) {
		return NoEvent
	}
	return Shown
}

// remove waits for the watch to tell that the hand has gone.
func (r *runner) remove(ctx context.Context) Event {
	<-ctx.Done()
	return NoEvent
}
