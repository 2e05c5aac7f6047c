package vault

import (
	"sync"
	"time"

	"volar/wire"
)

// After maxRefusals refusals in a row of one person at one device, that
// device waits for refusalDelay before the next claim of that person is
// looked at (as NIST SP 800-63B-4, section 3.2.3, asks of biometrics).
const (
	maxRefusals    = 5
	refusalDelay   = 30 * time.Second
	refusalsForget = 10 * time.Minute // without another claim
	maxClaims      = 4096
)

// claim is who says to be whom, where.
type claim struct {
	tenant string
	device [32]byte
	person wire.Person
}

// limiter slows down whoever tries one claim after another. People that are
// not enrolled are counted like others, so a delay tells nothing about them.
type limiter struct {
	mu     sync.Mutex
	claims map[claim]*refusals
}

// refusals in a row of one claim.
type refusals struct {
	count int
	last  time.Time
}

// allows says whether a claim may be looked at now.
func (l *limiter) allows(c claim) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.claims[c]
	return r == nil || r.count < maxRefusals || time.Since(r.last) >= refusalDelay
}

// note counts what came of a claim that was looked at.
func (l *limiter) note(c claim, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ok {
		delete(l.claims, c)
		return
	}
	r := l.claims[c]
	if r == nil {
		l.makeRoom()
		r = &refusals{}
		l.claims[c] = r
	}
	r.count, r.last = r.count+1, time.Now()
}

// makeRoom forgets claims that are old, or else the oldest. To push out one
// claim by others takes maxClaims waves.
func (l *limiter) makeRoom() {
	if l.claims == nil {
		l.claims = map[claim]*refusals{}
	}
	if len(l.claims) < maxClaims {
		return
	}
	var oldest claim
	var when time.Time
	for c, r := range l.claims {
		if time.Since(r.last) >= refusalsForget {
			delete(l.claims, c)
		} else if when.IsZero() || r.last.Before(when) {
			oldest, when = c, r.last
		}
	}
	if len(l.claims) >= maxClaims {
		delete(l.claims, oldest)
	}
}
