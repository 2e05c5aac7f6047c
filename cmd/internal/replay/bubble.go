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
	synctest.Test(new(testing.T), func(*testing.T) { f(); ended = true })
	if !ended {
		return errors.New("replay: the run ended in the middle")
	}
	return nil
}

// clock is the processor's own, which no bubble stops.
func clock() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
