package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"volar/hal"
	"volar/wire/prov"
)

// Tests are the self-tests, in the order in which a bench runs them. All must
// pass, or be waived by the settings, before a unit is sealed.
var Tests = []string{"tpm", "camera", "lamp", "ring", "proximity", "network"}

// How long a test may take.
const (
	shotLimit  = 5 * time.Second
	handLimit  = 20 * time.Second
	ringStep   = time.Second
	reachLimit = 10 * time.Second
)

// test runs a self-test and keeps how it went.
func (s *server) test(ctx context.Context, body []byte) ([]byte, error) {
	p, err := prov.ParseBody[prov.Part](body)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(Tests, p.Name) {
		return nil, refuse(prov.CodeInvalid, "no test %q, there are %s", p.Name, say(Tests))
	}
	r := prov.Tested{Name: p.Name}
	says, ask, err := s.try(ctx, p.Name)
	if err != nil {
		r.Says = prov.Clean(err.Error())
	} else {
		r.Passed, r.Says, r.Ask = ask == "", says, ask
	}
	r.Says = r.Says[:min(len(r.Says), 300)]
	return s.keepTest(r)
}

// saw is what a person says of a test that only eyes can judge.
func (s *server) saw(_ context.Context, body []byte) ([]byte, error) {
	t, err := prov.ParseBody[prov.Tested](body)
	if err != nil {
		return nil, err
	}
	done := s.record.tests(s.unit.Version)
	i := slices.IndexFunc(done, func(d prov.Tested) bool { return d.Name == t.Name && d.Ask != "" })
	if i < 0 {
		return nil, refuse(prov.CodeState, "test %q has not asked for a person", t.Name)
	}
	r := done[i]
	if r.Passed, r.Says = t.Passed, "seen by the person at the bench"; !t.Passed {
		r.Says = "the person at the bench did not see it"
	}
	return s.keepTest(r)
}

func (s *server) keepTest(t prov.Tested) ([]byte, error) {
	err := s.change(func(r *record) {
		r.Tests = slices.DeleteFunc(r.tests(s.unit.Version), func(o prov.Tested) bool { return o.Name == t.Name })
		r.Tests, r.TestedBy = append(r.Tests, t), s.unit.Version
	})
	if err != nil {
		return nil, err
	}
	return prov.EncodeBody(t)
}

// try runs a test; ask is what a person must have seen.
func (s *server) try(ctx context.Context, name string) (says, ask string, err error) {
	switch name {
	case "tpm":
		return "sealed and opened, quoted", "", s.tryChip()
	case "network":
		return s.tryNetwork(ctx)
	}
	board, err := s.unit.Open()
	if err != nil {
		return "", "", err
	}
	if s.unit.Close != nil {
		defer s.unit.Close()
	}
	switch name {
	case "camera":
		says, err = tryCamera(ctx, board)
	case "lamp":
		says, err = tryLamps(ctx, board)
	case "ring":
		return "shown", "Did the ring show white, then green, then red?", tryRing(ctx, board)
	case "proximity":
		says, err = tryProximity(ctx, board)
	}
	return says, "", err
}

func (s *server) tryChip() error {
	if err := trySeal(s.unit.Chip); err != nil {
		return err
	}
	_, _, err := s.unit.Chip.Quote([32]byte{1})
	return err
}

// tryNetwork reaches the gateway.
func (s *server) tryNetwork(ctx context.Context) (says, ask string, err error) {
	settings, err := s.record.settings()
	if err != nil {
		return "", "", err
	}
	if settings == nil {
		return "", "", refuse(prov.CodeState, "the gateway is not known yet: settings come first")
	}
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	began := time.Now()
	if err := s.unit.Dial(ctx, settings.Gateway); err != nil {
		return "", "", fmt.Errorf("%s: %w", settings.Gateway, err)
	}
	return fmt.Sprintf("%s answers after %v", settings.Gateway, time.Since(began).Round(time.Millisecond)), "", nil
}

func shoot(ctx context.Context, board *hal.Device, l hal.Light) (hal.Shot, error) {
	ctx, cancel := context.WithTimeout(ctx, shotLimit)
	defer cancel()
	shot, err := board.Camera.Shoot(ctx, l)
	if err == nil {
		err = shot.Check()
	}
	if err != nil {
		return shot, fmt.Errorf("shot under %v: %w", l, err)
	}
	return shot, nil
}

// tryCamera takes shots and looks for a dead sensor, a stuck one, and a pair
// out of step.
func tryCamera(ctx context.Context, board *hal.Device) (string, error) {
	var skew time.Duration
	var rgb, nir spread
	var seq [2]uint32
	for i := range 5 {
		shot, err := shoot(ctx, board, hal.White|hal.NIR850)
		if err != nil {
			return "", err
		}
		if i > 0 && (shot.RGB.Seq == seq[0] || shot.NIR.Seq == seq[1]) {
			return "", errors.New("a camera gives the same frame again")
		}
		seq = [2]uint32{shot.RGB.Seq, shot.NIR.Seq}
		skew = max(skew, shot.Skew())
		rgb, nir = spreadOf(&shot.RGB), spreadOf(&shot.NIR)
	}
	if skew > board.Calibration.MaxSkew {
		return "", fmt.Errorf("cameras out of step: %v, the board allows %v", skew, board.Calibration.MaxSkew)
	}
	for _, c := range []struct {
		name string
		spread
	}{{"rgb", rgb}, {"nir", nir}} {
		if c.high-c.low < 0.01 {
			return "", fmt.Errorf("%s camera: all pixels between %.3f and %.3f of full scale: covered, dark or dead", c.name, c.low, c.high)
		}
	}
	return fmt.Sprintf("5 pairs, out of step by %v at most; rgb %.2f to %.2f, nir %.2f to %.2f of full scale", skew, rgb.low, rgb.high, nir.low, nir.high), nil
}

// tryLamps compares each band's light with the dark.
func tryLamps(ctx context.Context, board *hal.Device) (string, error) {
	dark, err := shoot(ctx, board, 0)
	if err != nil {
		return "", err
	}
	rgb, nir := spreadOf(&dark.RGB).mean, spreadOf(&dark.NIR).mean
	var says []string
	for _, l := range []hal.Light{hal.White, hal.NIR850, hal.NIR940} {
		lit, err := shoot(ctx, board, l)
		if err != nil {
			return "", err
		}
		gain := spreadOf(&lit.NIR).mean - nir
		if l == hal.White {
			gain = spreadOf(&lit.RGB).mean - rgb
		}
		if gain < 0.01 {
			return "", fmt.Errorf("lamp %v: the picture is %.3f of full scale brighter than in the dark, at least 0.010: is something white before the unit, and the lamp connected?", l, gain)
		}
		says = append(says, fmt.Sprintf("%v +%.2f", l, gain))
	}
	return strings.Join(says, ", ") + " of full scale", nil
}

// tryRing shows three colours.
func tryRing(ctx context.Context, board *hal.Device) error {
	defer func() { _ = board.Face.Show(hal.CueIdle) }() // the last of it, the test has its result
	for _, c := range []hal.Cue{hal.CueHover, hal.CueAccepted, hal.CueRefused} {
		if err := board.Face.Show(c); err != nil {
			return err
		}
		select {
		case <-time.After(ringStep):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// tryProximity waits for a hand to come and to go.
func tryProximity(ctx context.Context, board *hal.Device) (string, error) {
	for _, near := range []bool{true, false} {
		ctx, cancel := context.WithTimeout(ctx, handLimit)
		err := board.Presence.Wait(ctx, near)
		cancel()
		switch {
		case errors.Is(err, context.DeadlineExceeded) && near:
			return "", fmt.Errorf("no hand was noticed in %v: hold one 10 cm before the unit", handLimit)
		case errors.Is(err, context.DeadlineExceeded):
			return "", fmt.Errorf("the hand did not go in %v: take it away, and all else before the unit", handLimit)
		case err != nil:
			return "", err
		}
	}
	return "a hand came and went", nil
}

// spread is the brightness of a frame, as shares of full scale: the 1st and
// 99th percentile and the mean.
type spread struct{ low, high, mean float64 }

func spreadOf(f *hal.Frame) spread {
	const bins = 1024
	var count [bins]int
	n, sum := 0, 0.0
	add := func(v float64) {
		count[min(int(v*bins), bins-1)]++
		n, sum = n+1, sum+v
	}
	for y := range f.Height {
		row := f.Pix[y*f.Stride:]
		for x := range f.Width {
			switch f.Format {
			case hal.RGB24:
				add((float64(row[3*x]) + 2*float64(row[3*x+1]) + float64(row[3*x+2])) / (4 * 255))
			case hal.Y8:
				add(float64(row[x]) / 255)
			case hal.Y10:
				add(float64(uint16(row[2*x])|uint16(row[2*x+1])<<8) / 1023)
			}
		}
	}
	if n == 0 {
		return spread{}
	}
	at := func(share float64) float64 {
		left := int(share * float64(n))
		for i, c := range count {
			if left -= c; left < 0 {
				return float64(i) / bins
			}
		}
		return 1
	}
	return spread{at(0.01), at(0.99), sum / float64(n)}
}
