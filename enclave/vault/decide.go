package vault

import (
	"context"
	"slices"

	"volar/enclave/vault/gallery"
	"volar/enclave/vault/matcher"
	"volar/wire"
)

// decide answers a sample whose nonce was right. Every way through that does
// not end in another answer refuses.
func (s *session) decide(ctx context.Context, b wire.Begin, m wire.Sample) wire.Answer {
	t := s.vault.tenants[s.link.Tenant()]
	if t == nil {
		return wire.Answer{}
	}
	capture, err := matcher.Encode(m.Hand, m.Views)
	m.Wipe()
	if err != nil {
		return wire.Answer{Status: wire.Again} // too little skin to compare
	}
	if b.Purpose == wire.Enrol {
		return s.enrol(ctx, t, capture)
	}
	defer capture.Wipe()
	probe := matcher.NewProbe(capture)
	defer probe.Wipe()
	switch b.Purpose {
	case wire.Identify:
		if r := t.identify(probe, s.vault.policy); r.Found {
			return accepted(r.Person)
		}
	case wire.Verify:
		if s.verify(t, b.Person, probe) {
			return accepted(b.Person)
		}
	case wire.Update:
		return s.update(ctx, t, b.Person, capture, probe)
	case wire.Delete:
		return s.delete(ctx, t, b.Person, probe)
	}
	return wire.Answer{}
}

func accepted(p wire.Person) wire.Answer { return wire.Answer{Status: wire.Accepted, Person: p} }

// verify compares with one person, unless this device has failed too often
// with that person. That answer is the same as any other refusal.
func (s *session) verify(t *tenant, id wire.Person, probe *matcher.Probe) bool {
	who := claim{t.Name, s.link.DeviceKey(), id}
	if !s.vault.limits.allows(who) {
		return false
	}
	ok := t.verify(probe, id, s.vault.policy)
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
func (s *session) update(ctx context.Context, t *tenant, id wire.Person, capture *matcher.Capture, probe *matcher.Probe) wire.Answer {
	t.change.Lock()
	defer t.change.Unlock()
	if !s.verify(t, id, probe) {
		return wire.Answer{}
	}
	p := t.person(id)
	list := &p.palms[side(capture.Hand())]
	if *list = append(*list, capture); len(*list) > maxCaptures {
		*list = slices.Delete(*list, keptFromEnrolment, keptFromEnrolment+1)
	}
	if err := s.store(ctx, t, p); err != nil {
		return wire.Answer{Status: wire.Again}
	}
	return accepted(id)
}

// delete forgets the person whose palm this is.
func (s *session) delete(ctx context.Context, t *tenant, id wire.Person, probe *matcher.Probe) wire.Answer {
	t.change.Lock()
	defer t.change.Unlock()
	if !s.verify(t, id, probe) {
		return wire.Answer{}
	}
	err := s.vault.gallery.Delete(ctx, t.Name, id)
	s.vault.changed(err)
	if err != nil {
		return wire.Answer{Status: wire.Again}
	}
	t.remove(id)
	return accepted(id)
}

// store writes a person to the gallery and, when that is done, to memory.
func (s *session) store(ctx context.Context, t *tenant, p person) error {
	r, err := p.record()
	if err != nil {
		return err
	}
	defer r.Wipe()
	err = s.vault.gallery.Put(ctx, t.Name, r)
	s.vault.changed(err)
	if err != nil {
		return err
	}
	return t.restore(r)
}
