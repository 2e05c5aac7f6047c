package haltest

import (
	"testing"
	"time"

	"volar/hal"
)

// gate: people come one after the other, and nobody waits for the door. On a
// bench, the person who runs the test sees it open.
func gate(t *testing.T, g hal.Gate) {
	if g == nil {
		t.Skip("this unit opens nothing")
	}
	for n := range uint64(3) {
		began := time.Now()
		if err := g.Admit(n * 0x123456789); err != nil {
			t.Errorf("Admit: %v", err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("Admit took %v: it must not block", took)
		}
	}
}
