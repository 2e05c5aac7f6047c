package main

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"
	"time"

	"volar/cmd/internal/till"
	"volar/firmware"
	"volar/hal"
	"volar/hal/tape"
	"volar/sim"
	"volar/wire"
)

// filming is a device whose every shot, cue and decision goes to a tape.
type filming struct {
	board    *sim.Board
	tape     *tape.Writer
	director *sim.Director

	mu   sync.Mutex
	who  map[string]string // fields of the mark of the next hand
	near bool
	err  error // the first that writing an event gave
}

// run plays the director's script to its end.
func (f *filming) run(ctx context.Context, dial func(context.Context) (firmware.Vault, error)) error {
	dev := *f.board.Device()
	dev.Camera = tape.Record(dev.Camera, f.tape)
	dev.Presence = marks{dev.Presence, f}
	return till.Run(ctx, &dev, f.director, firmware.Config{
		Dial: dial, ShowFor: time.Millisecond, Trace: f.trace, Decided: f.decided,
	})
}

// marks is a presence sensor that marks on the tape when hands come and go.
type marks struct {
	hal.Presence
	f *filming
}

func (m marks) Wait(ctx context.Context, near bool) error {
	err := m.Presence.Wait(ctx, near)
	if err == nil {
		m.f.mark(near)
	}
	return err
}

// comes keeps who holds out the next hand.
func (f *filming) comes(p sim.Presentation, hand wire.Hand) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.who = map[string]string{
		"id": strconv.Itoa(p.ID), "purpose": p.Purpose, "person": strconv.Itoa(p.Person), "by": strconv.Itoa(p.By),
		"kind": string(p.Kind), "hand": hand.String(),
	}
}

func (f *filming) mark(near bool) {
	f.mu.Lock()
	again, who := f.near == near, f.who
	f.near = near
	f.mu.Unlock()
	switch {
	case again:
	case near:
		f.event(tape.EventNear, who)
	default:
		f.event(tape.EventGone, nil)
	}
}

func (f *filming) event(name string, fields map[string]string) {
	f.keep(f.tape.Event(tape.Event{At: f.board.Now(), Name: name, Fields: fields}))
}

func (f *filming) keep(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

// failed is the first error of writing what is no shot.
func (f *filming) failed() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// trace writes what the device shows and where it stumbles.
func (f *filming) trace(t firmware.Trace) {
	switch t.Kind {
	case firmware.KindCue:
		f.event("cue", map[string]string{"cue": t.Shows})
	case firmware.KindState:
		f.event("state", map[string]string{"from": t.From, "to": t.To, "event": t.Event})
	case firmware.KindRetry:
		f.event("retry", map[string]string{"stage": t.Stage, "why": short(strings.Join(t.Why, ", "))})
	case firmware.KindFault:
		f.event("fault", map[string]string{"error": short(t.Error)})
	}
}

// short cuts a text to what a tape takes.
func short(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\n", "; "), "?")
	if len(s) > tape.MaxText {
		s = strings.ToValidUTF8(s[:tape.MaxText], "")
	}
	return s
}

func (f *filming) decided(d firmware.Decision) {
	t := tape.Decision{At: f.board.Now(), Wave: d.Wave, Purpose: d.Order.Purpose.String(), Status: string(d.Outcome)}
	if d.Outcome == firmware.Accepted {
		t.Person = hex.EncodeToString(d.Person[:])
	}
	f.keep(f.tape.Decision(t))
}
