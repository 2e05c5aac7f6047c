package main

import (
	"context"
	"sync"

	"volar/firmware"
	"volar/hal/tape"
	"volar/wire"
)

// marks gives the orders that a tape's waves were recorded for. An order that
// needs a person's pseudonym is one to identify: the tape has none that this
// vault would know.
type marks struct {
	mu      sync.Mutex
	purpose wire.Purpose
}

// follow lets the firmware follow a tape: what each wave is for, and when its
// hand goes.
func follow(p *tape.Player, cfg *firmware.Config) {
	m := &marks{purpose: wire.Identify}
	p.Passed = m.passed
	cfg.Orders = m
	trace := cfg.Trace
	cfg.Trace = func(t firmware.Trace) {
		trace(t)
		if t.Kind == firmware.KindState && t.To == firmware.Remove.String() {
			p.Leave() // what was decided has been shown
		}
	}
}

func (m *marks) passed(i tape.Item) {
	if i.Event == nil || i.Event.Name != tape.EventNear {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.purpose = wire.Identify
	if i.Event.Fields["purpose"] == wire.Enrol.String() {
		m.purpose = wire.Enrol
	}
}

// Next is what the wave that plays was recorded for.
func (m *marks) Next(ctx context.Context) (firmware.Order, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return firmware.Order{Purpose: m.purpose}, ctx.Err()
}
