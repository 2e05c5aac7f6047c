package haltest

import (
	"context"
	"errors"
	"testing"
	"time"

	"volar/hal"
)

func presence(t *testing.T, open func(t *testing.T) Bench) {
	t.Run("cancelled", func(t *testing.T) {
		b := open(t)
		if b.Hand == nil {
			t.Skip("this bench has no hand")
		}
		b.Hand(false)
		ctx, cancel := context.WithCancel(t.Context())
		done := wait(ctx, b.Device.Presence, true)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Wait after cancel: %v", err)
		}
	})
	t.Run("at once", func(t *testing.T) {
		b := open(t)
		if b.Hand == nil {
			t.Skip("this bench has no hand")
		}
		for _, near := range []bool{false, true, true, false} {
			b.Hand(near)
			if err := b.Device.Presence.Wait(t.Context(), near); err != nil {
				t.Fatalf("Wait(%v): %v", near, err)
			}
		}
	})
	t.Run("waits", func(t *testing.T) {
		b := open(t)
		if b.Hand == nil {
			t.Skip("this bench has no hand")
		}
		for _, near := range []bool{true, false} {
			b.Hand(!near)
			done := wait(t.Context(), b.Device.Presence, near)
			select {
			case err := <-done:
				t.Fatalf("Wait(%v) came back with %v before the hand moved", near, err)
			case <-time.After(20 * time.Millisecond):
			}
			b.Hand(near)
			if err := <-done; err != nil {
				t.Fatalf("Wait(%v): %v", near, err)
			}
		}
	})
}

func wait(ctx context.Context, p hal.Presence, near bool) <-chan error {
	done := make(chan error, 1)
	go func() { done <- p.Wait(ctx, near) }()
	return done
}

// face: every cue can be shown, none is made up.
func face(t *testing.T, f hal.Face) {
	for c := hal.CueIdle; c <= hal.CueOutOfService; c++ {
		if err := f.Show(c); err != nil {
			t.Errorf("Show(%v): %v", c, err)
		}
	}
	if err := f.Show(255); err == nil {
		t.Error("Show took a cue that does not exist")
	}
	if err := f.Show(hal.CueIdle); err != nil {
		t.Errorf("Show after a wrong cue: %v", err)
	}
}
