package journal

import (
	"log/slog"
	"time"
)

// A program that says the same over and over must not push out what matters:
// each source has burst lines at once and then perSecond.
const (
	burst     = 500
	perSecond = 20
	sources   = 16 // that are counted; all others share one
)

// rate counts the lines of a source.
type rate struct {
	left    float64
	last    time.Time
	dropped int
}

// rate is that of a source.
func (j *Journal) rate(source string) *rate {
	if r := j.rates[source]; r != nil {
		return r
	}
	if len(j.rates) >= sources {
		source = ""
	}
	if j.rates[source] == nil {
		j.rates[source] = &rate{left: burst}
	}
	return j.rates[source]
}

// take says whether a line is kept: not if it is -1; if it is more than 0,
// so many were not before it. Where a run begins and ends is always kept.
func (r *rate) take(now time.Time, k kind, level slog.Level) int {
	if k != kindLine {
		return 0
	}
	if passed := now.Sub(r.last); !r.last.IsZero() && passed > 0 {
		r.left = min(burst, r.left+passed.Seconds()*perSecond)
	}
	r.last = now
	if r.left < 1 {
		r.dropped++
		return -1
	}
	r.left--
	n := r.dropped
	r.dropped = 0
	return n
}
