package haltest

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"volar/hal"
)

var errReader = errors.New("the download broke off")

// Slots tests the slots of the unit alone. Its Device needs nothing else.
func Slots(t *testing.T, open func(t *testing.T) Bench) {
	b := open(t)
	first := b.Device.Slots.Running()
	if first == "" || first != b.Device.Slots.Running() {
		t.Fatalf("Running is empty or changes: %q", first)
	}
	if !b.MayWriteSlots {
		t.Skip("this bench must keep its slots")
	}
	t.Run("half written", func(t *testing.T) { slotsHalf(t, open(t).Device.Slots) })
	t.Run("falls back", func(t *testing.T) {
		b := open(t)
		d := try(t, b)
		if d.Slots.Running() == first {
			t.Fatalf("tried the other slot, but %s runs", first)
		}
		if d = b.Reboot(t); d.Slots.Running() != first {
			t.Error("a slot that nobody confirmed was booted twice")
		}
	})
	t.Run("confirmed", func(t *testing.T) {
		b := open(t)
		d := try(t, b)
		second := d.Slots.Running()
		if err := d.Slots.Confirm(); err != nil {
			t.Fatalf("Confirm: %v", err)
		}
		if d = b.Reboot(t); d.Slots.Running() != second {
			t.Error("a confirmed slot was left")
		}
	})
}

// slotsHalf: an image that did not arrive whole is never tried, even where an
// older one was there.
func slotsHalf(t *testing.T, s hal.Slots) {
	if err := s.WriteOther(t.Context(), strings.NewReader("an older image")); err != nil {
		t.Fatalf("WriteOther: %v", err)
	}
	broken := io.MultiReader(strings.NewReader("half an im"), iotest.ErrReader(errReader))
	if err := s.WriteOther(t.Context(), broken); !errors.Is(err, errReader) {
		t.Errorf("WriteOther of a broken image: %v", err)
	}
	if err := s.TryOther(); err == nil {
		t.Error("TryOther takes half an image")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.WriteOther(ctx, strings.NewReader("an image")); !errors.Is(err, context.Canceled) {
		t.Errorf("WriteOther after cancel: %v", err)
	}
	if err := s.TryOther(); err == nil {
		t.Error("TryOther takes an image whose writing was cancelled")
	}
}

// try writes the other slot and boots it once.
func try(t *testing.T, b Bench) *hal.Device {
	t.Helper()
	if err := b.Device.Slots.WriteOther(t.Context(), strings.NewReader("an image")); err != nil {
		t.Fatalf("WriteOther: %v", err)
	}
	if err := b.Device.Slots.TryOther(); err != nil {
		t.Fatalf("TryOther: %v", err)
	}
	return reboot(t, b)
}
