// Package haltest is the meaning of hal's interfaces, as a test that every
// implementation runs: the simulator and the player of tapes in `go test`,
// the drivers of a real board on a bench.
package haltest

import (
	"testing"

	"volar/hal"
)

// Bench is a unit under test and what can be done to it from outside.
// A nil func skips the tests that need it.
type Bench struct {
	Device *hal.Device

	// Hand puts a hand before the unit, or takes it away. On a bench with a
	// real sensor it asks the person who runs the test, and returns when done.
	Hand func(near bool)

	// Reboot switches the unit off and on again and returns it. What Store,
	// Counter, Slots and Identity promised before must hold after.
	Reboot func(t *testing.T) *hal.Device

	// MayWriteSlots allows writing the slot that does not run.
	MayWriteSlots bool
}

// Run tests every part of the unit that open brings to life. Each test opens
// its own; open cleans up through t.
func Run(t *testing.T, open func(t *testing.T) Bench) {
	t.Run("device", func(t *testing.T) {
		if err := open(t).Device.Check(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("camera", func(t *testing.T) {
		Camera(t, func(t *testing.T) (hal.Camera, *hal.Calibration) {
			b := open(t)
			if b.Hand != nil {
				b.Hand(true)
			}
			return b.Device.Camera, &b.Device.Calibration
		})
	})
	t.Run("presence", func(t *testing.T) { presence(t, open) })
	t.Run("face", func(t *testing.T) { face(t, open(t).Device.Face) })
	t.Run("identity", func(t *testing.T) { identity(t, open) })
	t.Run("store", func(t *testing.T) { store(t, open) })
	t.Run("counter", func(t *testing.T) { counter(t, open) })
	t.Run("slots", func(t *testing.T) { Slots(t, open) })
	t.Run("gate", func(t *testing.T) { gate(t, open(t).Device.Gate) })
	t.Run("watchdog", func(t *testing.T) {
		d := open(t).Device
		for range 3 {
			if err := d.Watchdog.Kick(); err != nil {
				t.Fatalf("Kick: %v", err)
			}
		}
	})
}

// reboot returns the unit after a power cycle, or skips the test.
func reboot(t *testing.T, b Bench) *hal.Device {
	t.Helper()
	if b.Reboot == nil {
		t.Skip("this bench cannot reboot")
	}
	return b.Reboot(t)
}
