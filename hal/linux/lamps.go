package linux

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"

	"volar/hal"
)

// errCut is what a shot gets whose lamps were switched off by their limit.
var errCut = errors.New("lamps reached their longest on-time")

// bank is one LED chip with the lamps on it.
type bank struct {
	chip   ledChip
	gate   gpio.PinOut // switches the supply of all of them; nil where there is none
	levels []uint8
	lit    bool
}

// newBank makes a chip ready and all of its outputs dark: what an earlier
// program left lit goes out.
func newBank(chip ledChip, gate gpio.PinOut) (*bank, error) {
	b := &bank{chip: chip, gate: gate, levels: make([]uint8, chip.outputs())}
	if gate != nil {
		if err := gate.Out(gpio.Low); err != nil {
			return nil, err
		}
	}
	return b, chip.reset()
}

// lamp is one LED, or one group of them on one output.
type lamp struct {
	light hal.Light // its band and corners
	limit Limit
	bank  *bank
	out   int     // of the bank
	drive float64 // share of the chip's current that is full strength
	past  []Pulse
}

// belongs tells whether the lamp is part of a light.
func (l *lamp) belongs(to hal.Light) bool {
	return l.light.Bands()&to.Bands() != 0 && l.light.Corners()&to.Corners() != 0
}

// lamps switches all lamps of a board, within their limits. A lamp goes out
// at its limit by itself, whatever its caller does.
type lamps struct {
	all   []*lamp
	banks []*bank
	now   func() time.Duration // since boot

	mu    sync.Mutex
	lit   []*lamp
	since time.Duration
	timer *time.Timer
	cut   bool
	stuck error // what went wrong when lamps were to be switched off
}

// set lights exactly the lamps of l, for need at most, and returns the time
// from which on they shine: a frame whose exposure began then or later saw
// them. Lamps that must rest first are waited for.
func (s *lamps) set(ctx context.Context, l hal.Light, need time.Duration) (since time.Duration, err error) {
	if err := s.off(); err != nil {
		return 0, err
	}
	var on []*lamp
	for _, lamp := range s.all {
		if lamp.belongs(l) {
			on = append(on, lamp)
		}
	}
	if err := s.rest(ctx, on, need); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = false
	if len(on) == 0 {
		return s.now(), nil
	}
	most := time.Duration(math.MaxInt64)
	for _, lamp := range on {
		most = min(most, lamp.limit.Lit(lamp.past, s.now()))
	}
	// The limit counts from before the first lamp is told to shine until after
	// the last one is told to stop.
	s.lit, s.since = on, s.now()
	s.timer = time.AfterFunc(most, s.expire)
	if err := s.shine(l.Strength()); err != nil {
		return 0, errors.Join(fmt.Errorf("linux: light %v: %w", l, err), s.darken())
	}
	return s.now(), nil
}

// rest waits until every lamp may be lit for need.
func (s *lamps) rest(ctx context.Context, on []*lamp, need time.Duration) error {
	s.mu.Lock()
	var longest time.Duration
	for _, lamp := range on {
		lamp.past = lamp.limit.forget(lamp.past, s.now())
		rest, ok := lamp.limit.Rest(lamp.past, s.now(), need)
		if !ok {
			s.mu.Unlock()
			return fmt.Errorf("linux: light %v: %v needed, its limit is %v", lamp.light, need, lamp.limit.MaxOn)
		}
		longest = max(longest, rest)
	}
	s.mu.Unlock()
	if longest == 0 {
		return ctx.Err()
	}
	t := time.NewTimer(longest)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// shine tells chips and lines. Where a chip has a gate, the levels are written
// first and the gate lets them all shine at one moment.
func (s *lamps) shine(strength float64) error {
	var all error
	for _, l := range s.lit {
		l.bank.levels[l.out] = uint8(math.Round(255 * l.drive * strength))
		l.bank.lit = true
	}
	for _, b := range s.banks {
		if b.lit {
			all = errors.Join(all, b.chip.write(b.levels))
		}
	}
	if all != nil {
		return all
	}
	for _, b := range s.banks {
		if b.lit && b.gate != nil {
			all = errors.Join(all, b.gate.Out(gpio.High))
		}
	}
	return all
}

// expire is the timer's: the limit is reached.
func (s *lamps) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lit != nil {
		s.cut = true
		_ = s.darken() // it is in stuck, and the next caller is told
	}
}

// off makes the lamps dark. After an error they may still shine: nothing is
// lit again before switching them off has worked.
func (s *lamps) off() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.darken()
}

// tries is how often darken tells a chip that does not answer.
const tries = 3

func (s *lamps) darken() error {
	if s.lit == nil {
		return nil
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	var err error
	for range tries {
		if err = s.extinguish(); err == nil {
			break
		}
	}
	now := s.now()
	for _, l := range s.lit {
		l.past = append(l.past, Pulse{s.since, now})
	}
	s.since = now // where they shine on, the next pulse begins here
	if err != nil {
		s.stuck = fmt.Errorf("linux: switch lamps off: %w", err)
		return s.stuck
	}
	s.lit, s.stuck = nil, nil
	return nil
}

func (s *lamps) extinguish() error {
	var all error
	for _, b := range s.banks {
		if b.lit && b.gate != nil {
			all = errors.Join(all, b.gate.Out(gpio.Low))
		}
	}
	for _, b := range s.banks {
		if b.lit {
			clear(b.levels)
			if err := b.chip.write(b.levels); err != nil {
				all = errors.Join(all, err)
				continue
			}
			b.lit = false
		}
	}
	return all
}

// wasCut tells whether the limit switched off what was last set.
func (s *lamps) wasCut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cut
}
