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
	maxEnrolments  = 128 // at a time: each holds pixels until it ends
)

// enrolment is a person who is being enrolled in one session.
type enrolment struct {
	begun  time.Time
	waves  int
	want   wire.Hand // of the next wave; zero: either
	hands  [2][]*matcher.Capture
	misses int // waves in a row that did not agree with the hand's earlier ones
}

// endEnrolment wipes an enrolment that is under way.
func (s *session) endEnrolment() {
	if s.enrolled == nil {
		return
	}
	wipe(s.enrolled.hands[0])
	wipe(s.enrolled.hands[1])
	s.enrolled = nil
	s.vault.enrolments.Add(-1)
}

// beginEnrolment begins one, or gives nil where too many are under way.
func (s *session) beginEnrolment() *enrolment {
	if s.vault.enrolments.Add(1) > maxEnrolments {
		s.vault.enrolments.Add(-1)
		return nil
	}
	s.enrolled = &enrolment{begun: time.Now()}
	return s.enrolled
}

// enrol takes one wave of an enrolment. The capture is the enrolment's when
// it agrees, and otherwise wiped. What does not live ends the enrolment, with
// the answer that somebody who is enrolled already gets.
func (s *session) enrol(ctx context.Context, t *tenant, c *matcher.Capture, lives bool) wire.Answer {
	if !lives {
		c.Wipe()
		s.endEnrolment()
		return wire.Answer{}
	}
	e := s.enrolled
	if e == nil || time.Since(e.begun) > enrolmentLimit {
		s.endEnrolment()
		if e = s.beginEnrolment(); e == nil {
			c.Wipe()
			return wire.Answer{Status: wire.Again}
		}
	}
	if e.waves++; e.waves > enrolmentWaves {
		c.Wipe()
		s.endEnrolment()
		return wire.Answer{}
	}
	hand := c.Hand()
	if e.want == 0 {
		e.want = hand
	}
	if hand != e.want {
		c.Wipe()
		return wire.Answer{Status: wire.More, Hand: e.want}
	}
	if !e.agrees(c, t.policy) {
		c.Wipe()
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
func (e *enrolment) agrees(c *matcher.Capture, policy matcher.Policy) bool {
	hand := &e.hands[side(c.Hand())]
	if len(*hand) == 0 {
		e.misses = 0
		return true
	}
	probe := matcher.NewProbe(c)
	defer probe.Wipe()
	if slices.ContainsFunc(*hand, func(was *matcher.Capture) bool {
		return matcher.SamePalm(probe, was, policy)
	}) {
		e.misses = 0
		return true
	}
	if e.misses++; e.misses >= missesToRetake {
		e.misses = 0
		wipe(*hand)
		*hand = nil
	}
	return false
}

// finish enrols the person, unless somebody with one of these palms is there
// already or is being enrolled at another device. The person is accepted when
// the record is on disk and committed, and not before.
func (s *session) finish(ctx context.Context, t *tenant, e *enrolment, last wire.Hand) wire.Answer {
	p := t.newcomer(e.hands)
	if p == nil {
		s.endEnrolment()
		return wire.Answer{}
	}
	err := s.welcome(ctx, t, p)
	if err != nil && !errors.Is(err, gallery.ErrFull) { // the store failed: the last wave is asked for again
		list := &e.hands[side(last)]
		n := len(*list) - 1
		(*list)[n].Wipe()
		*list = (*list)[:n]
		return wire.Answer{Status: wire.Again}
	}
	s.endEnrolment()
	if err != nil {
		return wire.Answer{}
	}
	return accepted(p.id)
}

// welcome stores a newcomer.
func (s *session) welcome(ctx context.Context, t *tenant, p *person) error {
	defer t.settle(p)
	return s.store(ctx, t, *p)
}

// newcomer is a new person with these palms, who is being enrolled until
// settle; nil if one of the palms may be somebody's.
func (t *tenant) newcomer(palms [2][]*matcher.Capture) *person {
	t.change.Lock()
	defer t.change.Unlock()
	all := slices.Concat(palms[:]...)
	if slices.ContainsFunc(all, func(c *matcher.Capture) bool { return t.knows(c) }) || t.pending.knows(all, t.policy) {
		return nil
	}
	p := &person{palms: palms}
	_, _ = rand.Read(p.id[:]) // never fails: crypto/rand ends the program instead
	t.pending.enrolling = append(t.pending.enrolling, p)
	return p
}

// settle ends what newcomer began: the person is in the gallery, or is not.
func (t *tenant) settle(p *person) {
	t.change.Lock()
	defer t.change.Unlock()
	t.pending.leave(p)
}
