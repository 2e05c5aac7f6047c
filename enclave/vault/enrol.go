package vault

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"volar/enclave/vault/gallery"
	"volar/enclave/vault/matcher"
	"volar/wire"
)

// Enrolment: wavesPerHand waves of one hand that agree with each other, then
// as many of the other, then a search for the person among everyone of the
// tenant, then the record.
const (
	wavesPerHand   = 3
	enrolmentWaves = 30 // at most, good and bad together
	enrolmentLimit = 5 * time.Minute
	missesToRetake = 3
)

// enrolment is a person who is being enrolled in one session.
type enrolment struct {
	begun  time.Time
	waves  int
	want   wire.Hand // of the next wave; zero: either
	hands  [2][]*taken
	misses int // waves in a row that did not agree with the hand's earlier ones
}

// taken is the capture of one wave, with its pixels, and its search.
type taken struct {
	capture *matcher.Capture
	probe   *matcher.Probe
}

func (c *taken) wipe() {
	c.probe.Wipe()
	c.capture.Wipe()
}

// forget wipes the captures of one hand.
func (e *enrolment) forget(side int) {
	for _, c := range e.hands[side] {
		c.wipe()
	}
	e.hands[side] = nil
}

// endEnrolment wipes an enrolment that is under way.
func (s *session) endEnrolment() {
	if s.enrolled == nil {
		return
	}
	s.enrolled.forget(0)
	s.enrolled.forget(1)
	s.enrolled = nil
}

// enrol takes one wave of an enrolment.
func (s *session) enrol(ctx context.Context, t *tenant, c *taken) wire.Answer {
	e := s.enrolled
	if e == nil || time.Since(e.begun) > enrolmentLimit {
		s.endEnrolment()
		e = &enrolment{begun: time.Now()}
		s.enrolled = e
	}
	if e.waves++; e.waves > enrolmentWaves {
		c.wipe()
		s.endEnrolment()
		return wire.Answer{}
	}
	hand := c.capture.Hand()
	if e.want == 0 {
		e.want = hand
	}
	if hand != e.want {
		c.wipe()
		return wire.Answer{Status: wire.More, Hand: e.want}
	}
	if !e.agrees(c, s.vault.policy) {
		c.wipe()
		return wire.Answer{Status: wire.Again}
	}
	e.hands[side(hand)] = append(e.hands[side(hand)], c)
	for _, next := range []wire.Hand{hand, wire.Left, wire.Right} {
		if len(e.hands[side(next)]) < wavesPerHand {
			e.want = next
			return wire.Answer{Status: wire.More, Hand: next}
		}
	}
	return s.finish(ctx, t, e, hand)
}

// agrees says whether a capture shows the same palm as an earlier one of its
// hand. Where several in a row do not, the first was the bad one: the hand
// begins anew.
func (e *enrolment) agrees(c *taken, policy matcher.Policy) bool {
	i := side(c.capture.Hand())
	if len(e.hands[i]) == 0 || slices.ContainsFunc(e.hands[i], func(was *taken) bool {
		return matcher.SamePalm(c.probe, was.capture, policy)
	}) {
		e.misses = 0
		return true
	}
	if e.misses++; e.misses >= missesToRetake {
		e.misses = 0
		e.forget(i)
	}
	return false
}

// finish enrols the person, unless somebody with one of these palms is there already.
func (s *session) finish(ctx context.Context, t *tenant, e *enrolment, last wire.Hand) wire.Answer {
	t.change.Lock()
	defer t.change.Unlock()
	var p person
	for i := range e.hands {
		for _, c := range e.hands[i] {
			if r := t.identify(c.probe, s.vault.policy); r.Found || r.Ambiguous {
				s.endEnrolment()
				return wire.Answer{}
			}
			p.palms[i] = append(p.palms[i], c.capture)
		}
	}
	_, _ = rand.Read(p.id[:]) // never fails: crypto/rand ends the program instead
	err := s.store(ctx, t, p)
	if err != nil && !errors.Is(err, gallery.ErrFull) { // the store failed: the last wave is asked for again
		list := &e.hands[side(last)]
		n := len(*list) - 1
		(*list)[n].wipe()
		*list = (*list)[:n]
		return wire.Answer{Status: wire.Again}
	}
	s.endEnrolment()
	if err != nil {
		return wire.Answer{}
	}
	return accepted(p.id)
}
