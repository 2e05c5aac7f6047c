package linux

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"volar/boards"
	"volar/hal"
)

// Watchdog is a timer in hardware that resets the board unless it is kicked.
// It is never disarmed: closing it leaves it running, so that a program that
// dies is noticed, unless another takes the timer over within its time.
type Watchdog struct {
	file *os.File
}

var _ hal.Watchdog = (*Watchdog)(nil)

// OpenWatchdog starts the timer. The driver may round the timeout; one that
// is less than half of what was asked for, or over twice that, is refused.
func OpenWatchdog(b *boards.Watchdog) (*Watchdog, error) { return openWatchdog(b, setTimeout) }

func openWatchdog(b *boards.Watchdog, set func(*os.File, int) (int, error)) (*Watchdog, error) {
	f, err := os.OpenFile(b.Device, os.O_WRONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("linux: open the watchdog: %w", err)
	}
	want := time.Duration(b.Timeout)
	seconds, err := set(f, int(want/time.Second))
	if got := time.Duration(seconds) * time.Second; err == nil && (got < want/2 || got > want*2) {
		err = fmt.Errorf("it waits %v, want %v", got, want)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("linux: set the watchdog's timeout: %w", err)
	}
	return &Watchdog{f}, nil
}

// setTimeout asks for a timeout and tells which one the driver took.
func setTimeout(f *os.File, seconds int) (int, error) {
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.WDIOC_SETTIMEOUT, seconds); err != nil {
		return 0, err
	}
	return unix.IoctlGetInt(int(f.Fd()), unix.WDIOC_GETTIMEOUT)
}

// Kick begins the time anew.
func (w *Watchdog) Kick() error {
	// Any byte but 'V' keeps it armed (Documentation/watchdog/watchdog-api.rst).
	if _, err := w.file.Write([]byte{0}); err != nil {
		return fmt.Errorf("linux: kick the watchdog: %w", err)
	}
	return nil
}

// Close leaves the timer running.
func (w *Watchdog) Close() error { return w.file.Close() }
