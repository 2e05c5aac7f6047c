package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"volar/firmware/provision"
	"volar/wire/prov"
)

// calibrate measures the cameras from views of the target, with a person who
// holds it.
func (b *bench) calibrate(ctx context.Context) (string, bool, error) {
	if b.plan.Calibration == "design" {
		b.report.Calibration = "by the board's design, not measured"
		return b.report.Calibration, true, nil
	}
	if old, err := b.fetch(ctx, prov.ValueCalibration); err == nil {
		b.report.Calibration, b.report.Geometry = "measured before", old
		return b.report.Calibration, true, nil
	} else if !missing(err) {
		return "", false, err
	}
	b.say("Hold the printed target 9 to 15 cm before the cameras. Tilt it a little to each side, move it, turn it. A view is taken whenever it differs from those before.")
	for {
		v, err := prov.Call[prov.Viewed](ctx, b.client, prov.Look, nil)
		if err != nil {
			return "", false, err
		}
		if v.Took {
			b.say(fmt.Sprintf("view %d of %d", v.Views, v.Need))
		} else {
			b.say(v.Hint)
		}
		if v.Views >= v.Need {
			break
		}
		select {
		case <-time.After(b.pause):
		case <-ctx.Done():
			return "", false, ctx.Err()
		}
	}
	s, err := prov.Call[prov.Solved](ctx, b.client, prov.Solve, nil)
	if err != nil {
		return "", false, err
	}
	if err := b.keep(ctx, prov.PartCalibration, [32]byte{}); err != nil {
		return "", false, err
	}
	value, err := b.fetch(ctx, prov.ValueCalibration)
	says := fmt.Sprintf("%d views, %d corners, %.3f px rms (worst view %.3f), cameras %.2f mm apart", s.Views, s.Corners, float64(s.RMS)/1000, float64(s.Worst)/1000, float64(s.Baseline)/1000)
	b.report.Calibration, b.report.Geometry = says, value
	return says, false, err
}

// selfTest runs the tests that have not passed yet.
func (b *bench) selfTest(ctx context.Context) (string, bool, error) {
	before, err := b.tests(ctx)
	if err != nil {
		return "", false, err
	}
	ran := 0
	var failed []error
	for _, name := range provision.Tests {
		if t, ok := before[name]; ok && t.Passed {
			b.report.tested(t)
			continue
		}
		ran++
		t, err := b.test(ctx, name)
		if err != nil {
			return "", false, err
		}
		waived := b.plan.waives(name)
		b.report.tested(t)
		switch {
		case t.Passed:
			b.say(name + ": " + t.Says)
		case waived:
			b.say(name + ": " + t.Says + " (waived by the plan)")
		default:
			failed = append(failed, fmt.Errorf("%s: %s", name, t.Says))
		}
	}
	if err := errors.Join(failed...); err != nil {
		return "", false, hint(err, "firmware/provision/README.md lists what to look at for each test; then run the same command again")
	}
	return fmt.Sprintf("%d tests, %d of them now", len(provision.Tests), ran), ran == 0, nil
}

func (p *plan) waives(name string) bool {
	for _, w := range p.Waive {
		if w == name {
			return true
		}
	}
	return false
}

func (b *bench) tests(ctx context.Context) (map[string]prov.Tested, error) {
	body, err := b.fetch(ctx, prov.ValueTests)
	if err != nil {
		return nil, err
	}
	list, err := prov.ParseBody[[]prov.Tested](body)
	if err != nil {
		return nil, err
	}
	byName := map[string]prov.Tested{}
	for _, t := range list {
		byName[t.Name] = t
	}
	return byName, nil
}

// test runs one test, with a person where it needs one.
func (b *bench) test(ctx context.Context, name string) (prov.Tested, error) {
	if name == "proximity" {
		b.say("Hold your hand 10 cm before the unit, then take it away.")
	}
	t, err := prov.Call[prov.Tested](ctx, b.client, prov.Test, prov.Part{Name: name})
	if err != nil || t.Ask == "" {
		return t, err
	}
	return prov.Call[prov.Tested](ctx, b.client, prov.Saw, prov.Tested{Name: name, Passed: b.ask(t.Ask)})
}
