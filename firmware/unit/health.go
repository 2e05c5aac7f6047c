package unit

import (
	"errors"
	"fmt"
	"time"
)

// Health is what process 1 knows when a system on trial asks to be kept.
type Health struct {
	DataOpen bool // the data partition is mounted
	Serial   bool // the provisioning port is served

	// Of the device program, where the unit is sealed and so has one to run.
	Sealed bool
	Ready  time.Duration // how long it has been ready for a hand, without a pause; 0: it is not
	Ends   int           // how often it has ended since boot
}

// proved is how long the device program must have been ready.
const proved = 3 * time.Second

// Judge is nil where the system may be kept: it can do what the system before
// it could, and it can be repaired over its port if it turns out otherwise.
// A unit that is not sealed yet needs no device program.
func (h Health) Judge() error {
	var faults []error
	if !h.DataOpen {
		faults = append(faults, errors.New("the data partition is not open"))
	}
	if !h.Serial {
		faults = append(faults, errors.New("the provisioning port is not served"))
	}
	if h.Sealed && h.Ready < proved {
		faults = append(faults, fmt.Errorf("the device program has been ready for %v, asked for %v; it ended %d times", h.Ready, proved, h.Ends))
	}
	if len(faults) > 0 {
		return fmt.Errorf("unit: not healthy: %w", errors.Join(faults...))
	}
	return nil
}

// tooOften is how many ends of the device program say that it will not do.
const tooOften = 4

// Hopeless tells that waiting longer for Judge to change its mind is of no
// use: the device program has ended again and again.
func (h Health) Hopeless() bool { return h.Sealed && h.Ends >= tooOften }
