package linux

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"volar/hal"
)

// redraw is from one picture of a moving ring to the next.
const redraw = 40 * time.Millisecond

// face shows cues on a ring and with a buzzer. Either may be nil: a board of
// the test machine has neither.
type face struct {
	ring   *ring
	buzzer *buzzer

	mu    sync.Mutex
	wake  chan struct{} // holds a token where there is a new cue
	done  chan struct{} // closed by close
	ended sync.WaitGroup
	next  shown
	fault error // of the last picture or tone, for the next Show to tell
}

// shown is a cue taken apart.
type shown struct {
	pattern pattern
	tones   []tone
}

var _ hal.Face = (*face)(nil)

func newFace(r *ring, b *buzzer) *face {
	f := &face{ring: r, buzzer: b, wake: make(chan struct{}, 1), done: make(chan struct{})}
	f.ended.Go(f.run)
	return f
}

// Show hands the cue to who draws it. It tells of the last fault in drawing.
func (f *face) Show(c hal.Cue) error {
	look, err := c.Look()
	if err != nil {
		return err
	}
	p, err := parsePattern(look.Ring)
	if err != nil {
		return err
	}
	tones, ok := sounds[look.Sound]
	if !ok {
		return fmt.Errorf("linux: no buzzer sounds %q", look.Sound)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = shown{p, tones}
	select {
	case f.wake <- struct{}{}:
	default: // one waits, and will see this cue
	}
	err = f.fault
	f.fault = nil
	return err
}

// run draws and sounds until close.
func (f *face) run() {
	var now shown
	var began time.Time
	tick := time.NewTicker(redraw)
	tick.Stop()
	tones := time.NewTimer(0)
	for {
		select {
		case <-f.done:
			return
		case <-f.wake:
			f.mu.Lock()
			now = f.next
			f.mu.Unlock()
			began = time.Now()
			f.draw(now.pattern, 0)
			tick.Reset(redraw)
			if now.pattern.still {
				tick.Stop()
			}
			tones.Reset(0)
		case <-tick.C:
			f.draw(now.pattern, time.Since(began))
		case <-tones.C:
			if next, more := f.sound(&now); more {
				tones.Reset(next)
			}
		}
	}
}

func (f *face) draw(p pattern, t time.Duration) {
	if f.ring != nil && p.move != nil {
		f.note(f.ring.chip.write(f.ring.draw(p, t)))
	}
}

// sound begins the next tone; the buzzer is silent after the last.
func (f *face) sound(s *shown) (next time.Duration, more bool) {
	if f.buzzer == nil {
		return 0, false
	}
	if len(s.tones) == 0 {
		f.note(f.buzzer.sound(0))
		return 0, false
	}
	t := s.tones[0]
	s.tones = s.tones[1:]
	f.note(f.buzzer.sound(t.hertz))
	return t.last, true
}

func (f *face) note(err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fmt.Errorf("linux: face: %w", err)
}

// close makes the face dark and silent.
func (f *face) close() error {
	close(f.done)
	f.ended.Wait()
	var err error
	if f.ring != nil {
		err = f.ring.chip.write(make([]uint8, f.ring.chip.outputs()))
	}
	if f.buzzer != nil {
		err = errors.Join(err, f.buzzer.sound(0))
	}
	return err
}
