package vault

import (
	"slices"
	"sync"

	"volar/enclave/vault/matcher"
	"volar/wire"
)

// pending is what is on its way to the store while others go on: a change
// waits for the counter of the platform, and those that wait together are
// committed together. The zero pending is ready.
type pending struct {
	mu   sync.Mutex
	busy map[wire.Person]chan struct{} // whose record is being changed

	enrolling []*person // not in the gallery yet; the caller holds tenant.change
}

// hold waits until nobody else changes a person's record. The person is the
// caller's until it calls release.
func (p *pending) hold(id wire.Person) (release func()) {
	for {
		p.mu.Lock()
		other := p.busy[id]
		if other == nil {
			break
		}
		p.mu.Unlock()
		<-other
	}
	defer p.mu.Unlock()
	mine := make(chan struct{})
	if p.busy == nil {
		p.busy = map[wire.Person]chan struct{}{}
	}
	p.busy[id] = mine
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.busy, id)
		close(mine)
	}
}

// knows says whether somebody with one of these palms is being enrolled.
func (p *pending) knows(palms []*matcher.Capture, policy matcher.Policy) bool {
	return slices.ContainsFunc(palms, func(c *matcher.Capture) bool {
		probe := matcher.NewProbe(c)
		defer probe.Wipe()
		return slices.ContainsFunc(p.enrolling, func(other *person) bool {
			return slices.ContainsFunc(other.palms[side(c.Hand())], func(was *matcher.Capture) bool {
				return matcher.SamePalm(probe, was, policy)
			})
		})
	})
}

// leave takes a person off the list of those who are being enrolled.
func (p *pending) leave(who *person) {
	p.enrolling = slices.DeleteFunc(p.enrolling, func(other *person) bool { return other == who })
}
