package linux

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/i2c"

	"volar/hal"
)

// vl53l0x is ST's time-of-flight sensor. Datasheet DS11555: interface and
// reference registers in sections 3.1 and 3.2; the measurement's registers are
// those of the API, user manual UM2039. It runs as its own memory sets it up
// at power-on, 30 ms a measurement, which tells a hand from no hand; cover
// glass is not compensated for.
type vl53l0x struct {
	dev i2c.Dev
}

const (
	tofStart     = 0x00 // 1 measures once
	tofClear     = 0x0b // 1 forgets the measurement
	tofStatus    = 0x14 // bit 0 done, bits 3 to 6 how; the result follows
	tofModel     = 0xc0 // 0xee, 0xaa
	tofValid     = 11   // how: a distance was measured
	tofDone      = 0x01
	tofFar       = 8190 // mm that stand for no target
	tofPolls     = 50
	tofPollEvery = 2 * time.Millisecond
)

// check tells whether the sensor is there.
func (s *vl53l0x) check() error {
	var id [2]byte
	if err := s.dev.Tx([]byte{tofModel}, id[:]); err != nil {
		return fmt.Errorf("vl53l0x at %#x: %w", s.dev.Addr, err)
	}
	if id != [2]byte{0xee, 0xaa} {
		return fmt.Errorf("vl53l0x at %#x: model %#x, want 0xeeaa", s.dev.Addr, id)
	}
	return nil
}

// distance measures once, in millimetres; tofFar where nothing is there.
func (s *vl53l0x) distance(ctx context.Context) (int, error) {
	if err := s.dev.Tx([]byte{tofStart, 1}, nil); err != nil {
		return 0, fmt.Errorf("vl53l0x: measure: %w", err)
	}
	var b [12]byte
	for range tofPolls {
		if err := pause(ctx, tofPollEvery); err != nil {
			return 0, err
		}
		if err := s.dev.Tx([]byte{tofStatus}, b[:]); err != nil {
			return 0, fmt.Errorf("vl53l0x: read: %w", err)
		}
		if b[0]&tofDone == 0 {
			continue
		}
		if err := s.dev.Tx([]byte{tofClear, 1}, nil); err != nil {
			return 0, fmt.Errorf("vl53l0x: clear: %w", err)
		}
		if b[0]>>3&15 != tofValid {
			return tofFar, nil // too little light came back, or none in phase
		}
		return int(b[10])<<8 | int(b[11]), nil
	}
	return 0, errors.New("vl53l0x: it never ends measuring")
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

const (
	// lookEvery is from one measurement to the next.
	lookEvery = 40 * time.Millisecond
	// agreed is how many measurements in a row must say the same.
	agreed = 2
	// patience is how many may fail in a row.
	patience = 3
)

// presence tells from distances whether a hand is there. Between near and
// gone the answer stays what it was, so a hand at the edge does not flutter.
type presence struct {
	near, gone int // mm
	measure    func(context.Context) (int, error)

	mu    sync.Mutex // one measurement at a time
	is    bool
	known time.Time // when the answer was last sure
	count int       // measurements in a row that say otherwise
}

var _ hal.Presence = (*presence)(nil)

// fresh answers need not be measured again.
const stillFresh = lookEvery / 2

// Wait measures until the answer is near.
func (p *presence) Wait(ctx context.Context, near bool) error {
	failed := 0
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		is, sure, err := p.look(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			if failed++; failed >= patience {
				return fmt.Errorf("linux: presence: %w", err)
			}
		case err == nil && sure && is == near:
			return nil
		case err == nil:
			failed = 0
		}
		if err := pause(ctx, lookEvery); err != nil {
			return err
		}
	}
}

// look measures once, or tells what was just measured; sure is false before
// the first answer that has been agreed on.
func (p *presence) look(ctx context.Context) (is, sure bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.known.IsZero() && time.Since(p.known) < stillFresh {
		return p.is, true, nil
	}
	mm, err := p.measure(ctx)
	if err != nil {
		return false, false, err
	}
	says := p.is
	if mm < p.near {
		says = true
	} else if mm > p.gone {
		says = false
	}
	if says != p.is || p.known.IsZero() {
		if p.count++; p.count < agreed {
			return p.is, !p.known.IsZero(), nil
		}
		p.is = says
	}
	p.count, p.known = 0, time.Now()
	return p.is, true, nil
}
