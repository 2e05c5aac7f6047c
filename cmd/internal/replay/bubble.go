package replay

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// Virtual runs f under a clock of its own, which begins at midnight UTC of
// 2000-01-01 and goes on when all goroutines that f started wait. All of them
// must end before f does. A deadlock ends the process, with a trace that shows
// where each one waits.
//
// The clock is that of testing/synctest, which wants a test: it gets one that
// nobody runs.
func Virtual(f func()) error {
	ended := false
	synctest.Test(new(testing.T), func(*testing.T) {
		hung := time.AfterFunc(virtualLimit, func() { panic("replay: no end in 12 hours of virtual time") })
		defer hung.Stop()
		f()
		ended = true
	})
	if !ended {
		return errors.New("replay: the run ended in the middle")
	}
	return nil
}

// virtualLimit is how long a run may take by its own clock: the watchdog ticks
// on, so that what hangs is no deadlock to the bubble.
const virtualLimit = 12 * time.Hour

// clock is the processor's own, which no bubble stops.
func clock() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
