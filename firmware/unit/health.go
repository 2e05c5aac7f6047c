package unit

import (
	"errors"
	"fmt"
	"time"
)

// Port is how far the provisioning port has come. Who serves it reads what the
// unit was provisioned to, so the port is not served before that is known: a
// sealed unit must not pass for one without a device program meanwhile.
type Port uint32

const (
	Unserved Port = iota
	Unsealed      // it is served, and the unit has no device program to run
	Sealed        // it is served, and the unit is in service
)

// Health is what process 1 knows when a system on trial asks to be kept.
type Health struct {
	DataOpen bool // the data partition is mounted
	Port     Port

	// Of the device program, where the unit is sealed and so has one to run.
	Ready time.Duration // how long it has been ready for a hand, without a pause; 0: it is not
	Ends  int           // how often it has ended since boot
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
	if h.Port == Unserved {
		faults = append(faults, errors.New("the provisioning port is not served"))
	}
	if h.Port == Sealed && h.Ready < proved {
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
func (h Health) Hopeless() bool { return h.Port == Sealed && h.Ends >= tooOften }
