package sim

import (
	"context"

	"volar/hal"
)

type presence struct{ b *Board }

// Wait returns when the scene is there, or gone.
func (p presence) Wait(ctx context.Context, near bool) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		changed, done := p.b.expect(near)
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
		p.b.expected(near)
	}
}

// expect tells that the device waits for a hand, or for its going; done that
// it need not.
func (b *Board) expect(near bool) (changed <-chan struct{}, done bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.near == near {
		return nil, true
	}
	if near {
		b.waiting++
		close(b.idles)
		b.idles = make(chan struct{})
	}
	return b.changed, false
}

// expected ends what expect began.
func (b *Board) expected(near bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if near {
		b.waiting--
	}
}

type face struct{ b *Board }

// Show passes the cue on to the scene and to whoever watches.
func (f face) Show(c hal.Cue) error {
	if _, err := c.Look(); err != nil {
		return err
	}
	f.b.mu.Lock()
	scene, watcher := f.b.scene, f.b.watcher
	f.b.mu.Unlock()
	if g, ok := scene.(Guided); ok {
		g.Cue(c)
	}
	if watcher != nil {
		watcher(c)
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
	_ hal.Counter  = (*counter)(nil)
	_ hal.Slots    = (*slots)(nil)
)
