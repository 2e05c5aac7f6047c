package sim

import (
	"context"

	"volar/hal"
)

type presence struct{ b *Board }

// Wait returns when the scene is there, or gone.
func (p presence) Wait(ctx context.Context, near bool) error {
	for {
		p.b.mu.Lock()
		is, changed := p.b.near, p.b.changed
		p.b.mu.Unlock()
		if err := ctx.Err(); err != nil {
			return err
		}
		if is == near {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

type face struct{ b *Board }

// Show passes the cue on to the scene and to whoever watches.
func (f face) Show(c hal.Cue) error {
	if _, err := c.Look(); err != nil {
		return err
	}
	f.b.mu.Lock()
	scene := f.b.scene
	f.b.mu.Unlock()
	if g, ok := scene.(Guided); ok {
		g.Cue(c)
	}
	if f.b.opt.Watch != nil {
		f.b.opt.Watch(c)
	}
	return nil
}

type watchdog struct{ b *Board }

// Kick counts.
func (w watchdog) Kick() error {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	w.b.kicks++
	return nil
}

var (
	_ hal.Camera   = camera{}
	_ hal.Presence = presence{}
	_ hal.Face     = face{}
	_ hal.Watchdog = watchdog{}
	_ hal.Identity = identity{}
	_ hal.Store    = (*store)(nil)
	_ hal.Counter  = (*counter)(nil)
	_ hal.Slots    = (*slots)(nil)
)
