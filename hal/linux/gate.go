package linux

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"

	"volar/hal"
)

// Wiegand's timing by SIA AC-01 (1996.10), table 1: a pulse of 20 to 100 µs,
// 200 µs to 20 ms from one to the next, and a pause after the last.
const (
	pulseWidth = 50 * time.Microsecond
	pulseEvery = 2 * time.Millisecond
	afterLast  = 50 * time.Millisecond
)

// gate is a relay, a Wiegand line, or both.
type gate struct {
	relay   gpio.PinOut // nil where there is none
	open    time.Duration
	wiegand *wiegand // nil where there is none

	mu    sync.Mutex
	timer *time.Timer
	fault error // of closing, for the next Admit to tell
	sends sync.WaitGroup
}

var _ hal.Gate = (*gate)(nil)

// Admit closes the relay for its time, anew where it is closed, and sends the
// number.
func (g *gate) Admit(number uint64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	err := g.fault
	g.fault = nil
	if g.relay != nil {
		if g.timer != nil {
			g.timer.Stop()
		}
		err = errors.Join(err, g.relay.Out(gpio.High))
		g.timer = time.AfterFunc(g.open, g.shut)
	}
	if g.wiegand != nil {
		frame := wiegandFrame(g.wiegand.bits, g.wiegand.site, number)
		g.sends.Go(func() { g.note(g.wiegand.send(frame)) })
	}
	if err != nil {
		return fmt.Errorf("linux: gate: %w", err)
	}
	return nil
}

func (g *gate) shut() { g.note(g.relay.Out(gpio.Low)) }

func (g *gate) note(err error) {
	if err == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = err
}

// close opens the relay, and waits for a number that is being sent.
func (g *gate) close() error {
	g.mu.Lock()
	if g.timer != nil {
		g.timer.Stop()
	}
	g.mu.Unlock()
	g.sends.Wait()
	if g.relay == nil {
		return nil
	}
	return g.relay.Out(gpio.Low)
}

// wiegand is an output of two lines, one for zeros and one for ones. A line
// that is driven high pulls its wire low through a transistor, which is what
// the standard calls a pulse; so a board without power sends nothing.
type wiegand struct {
	data       [2]gpio.PinOut
	bits, site int
	mu         sync.Mutex // one number at a time
}

// wiegandFrame is a number between its parities, first bit first. Formats of
// 26, 34 and 37 bits carry 24, 32 and 35 bits of data. Where site is not 0,
// the first 8 or 16 of them are the site's code and the number has the rest.
//
// The first bit makes the first half of the data even, the last one the second
// half odd; of 35 bits, both halves take the middle one (HID's formats H10301,
// H10306 and H10302).
func wiegandFrame(bits, site int, number uint64) []bool {
	data := bits - 2
	half := (data + 1) / 2
	if site != 0 {
		own := data - map[int]int{26: 8, 34: 16, 37: 16}[bits]
		number = uint64(site)<<own | number&(1<<own-1)
	}
	frame := make([]bool, bits)
	even, odd := false, true
	for i := range data {
		bit := number>>(data-1-i)&1 == 1
		frame[i+1] = bit
		if i < half {
			even = even != bit
		}
		if i >= data-half {
			odd = odd != bit
		}
	}
	frame[0], frame[bits-1] = even, odd
	return frame
}

// send sends a frame. The width of a pulse is held by watching the clock: no
// timer of the system is that exact. Where the scheduler took the processor
// away in a pulse, it was too long, and the error says so.
func (w *wiegand) send(frame []bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	longest := time.Duration(0)
	for _, bit := range frame {
		line := w.data[0]
		if bit {
			line = w.data[1]
		}
		began := time.Now()
		err := line.Out(gpio.High)
		for time.Since(began) < pulseWidth {
		}
		err = errors.Join(err, line.Out(gpio.Low))
		longest = max(longest, time.Since(began))
		if err != nil {
			return fmt.Errorf("wiegand: %w", err)
		}
		time.Sleep(pulseEvery - time.Since(began))
	}
	time.Sleep(afterLast)
	if longest > 4*pulseWidth {
		return fmt.Errorf("wiegand: a pulse of %v, allowed %v: the controller may have missed the number", longest, 2*pulseWidth)
	}
	return nil
}
