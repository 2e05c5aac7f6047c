package unit

import "time"

// Waits between the end of a program and its next start.
const (
	firstWait = time.Second
	longWait  = time.Minute
	steady    = 5 * time.Minute // a run this long was a good one
)

// Backoff tells how long to wait before a program is started again. The zero
// Backoff is that of a program that never ran.
type Backoff struct{ last time.Duration }

// After is the wait after a run that lasted so long: a second after a good
// one, and twice as long after each bad one in a row, up to a minute. The unit
// never gives up: who stands before it cannot do anything about it.
func (b *Backoff) After(ran time.Duration) time.Duration {
	if ran >= steady || b.last == 0 {
		b.last = firstWait
	} else {
		b.last = min(2*b.last, longWait)
	}
	return b.last
}
