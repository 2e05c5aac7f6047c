package vault

import (
	"context"
	"slices"

	"volar/enclave/vault/gallery"
	"volar/enclave/vault/matcher"
	"volar/liveness"
	"volar/wire"
)

// alive judges a sample as its device did, by the same evidence: what a
// device says of itself may be a lie.
func alive(m *wire.Sample) bool { return liveness.Judge(liveness.Fitted, liveness.Of(m)).Live() }

// decide answers a sample whose nonce was right. Every way through that does
// not end in another answer refuses. What does not live is compared all the
// same, and the answer is that to a stranger: neither what is said nor what it
// costs tells which it was.
func (s *session) decide(ctx context.Context, b wire.Begin, m wire.Sample) wire.Answer {
	t := s.vault.tenants[s.link.Tenant()]
	if t == nil {
		return wire.Answer{}
	}
	lives := s.vault.alive(&m)
	capture, err := t.scheme.Encode(m.Hand, m.Views)
	m.Wipe()
	if err != nil {
		return wire.Answer{Status: wire.Again} // too little skin to compare
	}
	if b.Purpose == wire.Enrol {
		return s.enrol(ctx, t, capture, lives)
	}
	defer capture.Wipe()
	probe := matcher.NewProbe(capture)
	defer probe.Wipe()
	switch b.Purpose {
	case wire.Identify:
		if id, ok := s.identify(t, probe, lives); ok {
			return accepted(id)
		}
	case wire.Verify:
		if s.verify(t, b.Person, probe, lives) {
			return accepted(b.Person)
		}
	case wire.Update:
		return s.update(ctx, t, b.Person, capture, probe, lives)
	case wire.Delete:
		return s.delete(ctx, t, b.Person, probe, lives)
	}
	return wire.Answer{}
}

func accepted(p wire.Person) wire.Answer { return wire.Answer{Status: wire.Accepted, Person: p} }

// identify searches everyone, unless this device or the tenant's have been
// refused too often. That answer is the same as any other refusal, and so is
// the work: the search runs all the same.
func (s *session) identify(t *tenant, probe *matcher.Probe, lives bool) (wire.Person, bool) {
	who := claim{tenant: t.Name, device: s.link.DeviceKey()}
	allowed := s.vault.limits.allows(who)
	r := t.identify(probe)
	if !allowed {
		return wire.Person{}, false
	}
	found := r.Found && lives
	s.vault.limits.note(who, found)
	if !found {
		return wire.Person{}, false
	}
	return r.Person, true
}

// verify compares with one person, unless there were too many refusals. It
// works the same where the answer is known before.
func (s *session) verify(t *tenant, id wire.Person, probe *matcher.Probe, lives bool) bool {
	who := claim{t.Name, s.link.DeviceKey(), id}
	allowed := s.vault.limits.allows(who)
	ok := t.verify(probe, id) && lives
	if !allowed {
		return false
	}
	s.vault.limits.note(who, ok)
	return ok
}

// keptFromEnrolment is how many captures of a hand updates never push out, so
// that a template cannot be walked away from the palm that was enrolled.
const keptFromEnrolment = wavesPerHand

// maxCaptures is how many captures of a hand are compared with.
const maxCaptures = gallery.MaxCaptures

// update keeps this capture too. Where a hand has no room the oldest earlier
// update goes.
func (s *session) update(ctx context.Context, t *tenant, id wire.Person, capture *matcher.Capture, probe *matcher.Probe, lives bool) wire.Answer {
	defer t.pending.hold(id)()
	if !s.verify(t, id, probe, lives) {
		return wire.Answer{}
	}
	p := t.person(id)
	defer p.wipe()
	list := &p.palms[side(capture.Hand())]
	if *list = append(*list, capture); len(*list) > maxCaptures {
		(*list)[keptFromEnrolment].Wipe()
		*list = slices.Delete(*list, keptFromEnrolment, keptFromEnrolment+1)
	}
	if err := s.store(ctx, t, p); err != nil {
		return wire.Answer{Status: wire.Again}
	}
	return accepted(id)
}

// delete forgets the person whose palm this is, and says so with a receipt.
func (s *session) delete(ctx context.Context, t *tenant, id wire.Person, probe *matcher.Probe, lives bool) wire.Answer {
	defer t.pending.hold(id)()
	if !s.verify(t, id, probe, lives) {
		return wire.Answer{}
	}
	receipt, err := s.vault.gallery.Delete(ctx, t.Name, id)
	s.vault.changed(err)
	if err != nil {
		return wire.Answer{Status: wire.Again}
	}
	t.remove(id)
	a := accepted(id)
	if slip, err := wire.NewSlip(receipt); err == nil { // a receipt fits
		a.Slip = slip
	}
	return a
}

// store writes a person to the gallery and, when that is on disk and
// committed, to memory. It may wait for others' changes.
func (s *session) store(ctx context.Context, t *tenant, p person) error {
	r, err := t.record(p)
	if err != nil {
		return err
	}
	defer r.Wipe()
	err = s.vault.gallery.Put(ctx, t.Name, r)
	s.vault.changed(err)
	if err != nil {
		return err
	}
	if err := t.restore(r); err != nil {
		// On disk, and not in memory: another start will see it.
		s.vault.end()
		return err
	}
	return nil
}
