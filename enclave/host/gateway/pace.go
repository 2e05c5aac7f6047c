package gateway

import "time"

// pace spreads events to a rate, with a burst (the generic cell rate
// algorithm: one time is its whole state).
type pace struct {
	step  time.Duration // between two events in the long run
	slack time.Duration // that the events may be ahead of it
	due   time.Time     // of the next event, had all come evenly
}

func newPace(rate, burst int) *pace {
	step := time.Second / time.Duration(rate)
	return &pace{step: step, slack: time.Duration(burst-1) * step}
}

// wait counts an event and says how long it has to wait.
func (p *pace) wait(now time.Time) time.Duration {
	if p.due.Before(now) {
		p.due = now
	}
	early := p.due.Sub(now) - p.slack
	p.due = p.due.Add(p.step)
	return max(0, early)
}
