package vault

import (
	"sync"
	"time"

	"volar/wire"
)

// How many refusals are looked at without delay, and how fast they are
// forgiven. After maxRefusals refusals in a row of one person at one device,
// that device waits for refusalDelay before the next claim of that person is
// looked at (as NIST SP 800-63B-4, section 3.2.3, asks of biometrics). The
// others bound what whoever has many names, or many devices, learns:
//
//	of one person, at all devices together   50 at once, then one in 30 s
//	at one device, whoever is claimed        10 at once, then one in 3 s
//	in one tenant                          1000 at once, then ten a second
//
// An answer that a limit has made is the same as any other refusal.
const (
	maxRefusals  = 5
	refusalDelay = 30 * time.Second

	identityBurst, identityEvery = 50, 30 * time.Second
	deviceBurst, deviceEvery     = 10, 3 * time.Second
	tenantBurst, tenantEvery     = 1000, time.Second / 10

	maxClaims = 4096 // that are remembered, of each kind
)

// claim is who says to be whom, where. Without a person it is the device's,
// without a device the person's, without both the tenant's.
type claim struct {
	tenant string
	device [32]byte
	person wire.Person
}

// limiter slows down whoever tries one palm after another. People that are
// not enrolled are counted like others, so a delay tells nothing about them.
// It reads the clock that only goes forward: setting the machine's clock
// changes nothing. It forgets with the process.
type limiter struct {
	mu      sync.Mutex
	rows    ledger // in a row, of one person at one device
	persons ledger
	devices ledger
	tenants ledger
}

// allows says whether a palm may be looked at now.
func (l *limiter) allows(c claim) bool { return l.allowsAt(c, time.Now()) }

func (l *limiter) allowsAt(c claim, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	named := c.person != wire.Person{}
	return !(named && l.rows.at(c).blocked(now) ||
		named && l.persons.at(claim{c.tenant, [32]byte{}, c.person}).full(now, identityBurst, identityEvery) ||
		l.devices.at(claim{c.tenant, c.device, wire.Person{}}).full(now, deviceBurst, deviceEvery) ||
		l.tenants.at(claim{tenant: c.tenant}).full(now, tenantBurst, tenantEvery))
}

// note counts what came of a palm that was looked at. A success ends the row
// of its claim; the other counts only leak, or else whoever has one palm that
// is enrolled could try others for ever.
func (l *limiter) note(c claim, ok bool) { l.noteAt(c, ok, time.Now()) }

func (l *limiter) noteAt(c claim, ok bool, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	named := c.person != wire.Person{}
	if ok {
		delete(l.rows, c)
		return
	}
	if named {
		r := l.rows.entry(c, now, refusalsForget)
		r.count, r.last = r.count+1, now
		l.persons.entry(claim{c.tenant, [32]byte{}, c.person}, now, identityBurst*identityEvery).pour(now, identityEvery)
	}
	l.devices.entry(claim{c.tenant, c.device, wire.Person{}}, now, deviceBurst*deviceEvery).pour(now, deviceEvery)
	l.tenants.entry(claim{tenant: c.tenant}, now, tenantBurst*tenantEvery).pour(now, tenantEvery)
}

// refusalsForget is after how long without another claim a row is forgotten.
const refusalsForget = 10 * time.Minute

// refusals are counted in a row, or in a bucket that leaks.
type refusals struct {
	count int
	last  time.Time // of the last refusal, or up to when the bucket has leaked
}

// blocked says whether a row is long enough for a delay that is not over.
func (r *refusals) blocked(now time.Time) bool {
	return r != nil && r.count >= maxRefusals && now.Sub(r.last) < refusalDelay
}

// full says whether a bucket takes no more.
func (r *refusals) full(now time.Time, burst int, every time.Duration) bool {
	return r != nil && r.count-r.leaked(now, every) >= burst
}

// leaked is never negative: a clock that goes back, if there is such a
// machine, forgives nothing.
func (r *refusals) leaked(now time.Time, every time.Duration) int {
	return int(min(max(now.Sub(r.last)/every, 0), time.Duration(r.count)))
}

// pour adds a refusal to a bucket.
func (r *refusals) pour(now time.Time, every time.Duration) {
	if out := r.leaked(now, every); out == r.count {
		*r = refusals{last: now} // empty: it leaks from now on
	} else {
		r.count, r.last = r.count-out, r.last.Add(time.Duration(out)*every)
	}
	r.count++
}

// ledger is a bounded list of refusals by claim.
type ledger map[claim]*refusals

func (l ledger) at(c claim) *refusals { return l[c] }

// entry gives the claim's refusals. Where a new one finds no room, those go
// that are older than forget, or else the oldest: to push out one claim by
// others takes maxClaims waves.
func (l *ledger) entry(c claim, now time.Time, forget time.Duration) *refusals {
	if r := (*l)[c]; r != nil {
		return r
	}
	if *l == nil {
		*l = ledger{}
	}
	if len(*l) >= maxClaims {
		l.makeRoom(now, forget)
	}
	r := &refusals{last: now}
	(*l)[c] = r
	return r
}

func (l *ledger) makeRoom(now time.Time, forget time.Duration) {
	var oldest claim
	var when time.Time
	for c, r := range *l {
		if now.Sub(r.last) >= forget {
			delete(*l, c)
		} else if when.IsZero() || r.last.Before(when) {
			oldest, when = c, r.last
		}
	}
	if len(*l) >= maxClaims {
		delete(*l, oldest)
	}
}
