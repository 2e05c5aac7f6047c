package unit

import (
	"errors"
	"time"
)

// ErrClock is Clock's answer where nobody knows what time it is.
var ErrClock = errors.New("unit: the clock is not to be believed")

// farthest is how long after its build a system may believe a clock.
const farthest = 20 * 365 * 24 * time.Hour

// Clock is the time to set at boot. The board's clock counts where it is
// neither before the system was built, nor before the time kept at the last
// run, nor absurdly far ahead. Otherwise the later of the two serves, with
// ErrClock: good enough for logs and for an order of things, and too early for
// certificates until provisioning or the network says better.
func Clock(board, built, kept time.Time) (time.Time, error) {
	least := built
	if kept.After(least) && kept.Before(built.Add(farthest)) {
		least = kept
	}
	if board.Before(least) || board.After(built.Add(farthest)) {
		return least, ErrClock
	}
	return board, nil
}
