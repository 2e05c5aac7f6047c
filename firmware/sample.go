package firmware

import (
	"errors"
	"fmt"
	"strings"

	"volar/firmware/capture"
	"volar/firmware/quality"
	"volar/firmware/seal"
	"volar/hal"
	"volar/wire"
)

// ErrPoor means that package quality refuses a burst.
var ErrPoor = errors.New("burst is not good enough")

// Sample makes of a burst what the device would send, short of judging
// whether it lives: for reports and for fitting that judgement. The caller
// wipes burst and sample.
func Sample(b *capture.Burst, cal *hal.Calibration, nonce wire.Nonce) (wire.Sample, error) {
	palm, err := eyes{cal}.rectify(b)
	if err != nil {
		return wire.Sample{}, fmt.Errorf("firmware: sample: %w", err)
	}
	report, err := quality.Measure(palm.wave(b), cal)
	if err == nil && !report.Pass() {
		err = fmt.Errorf("%w: %s", ErrPoor, strings.Join(report.Failed(), ", "))
	}
	if err != nil {
		palm.wipe()
		return wire.Sample{}, fmt.Errorf("firmware: sample: %w", err)
	}
	s, err := seal.Seal(nonce, palm.sealed(report.Quality()))
	if err != nil {
		palm.wipe()
		return wire.Sample{}, fmt.Errorf("firmware: sample: %w", err)
	}
	return s, nil
}
