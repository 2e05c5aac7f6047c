package provision

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"volar/enclave/attest"
	"volar/hal"
	"volar/wire"
	"volar/wire/prov"
)

// prove says which key, chip and firmware this is, for this session.
func (s *server) prove(context.Context, []byte) ([]byte, error) {
	u := s.unit
	p := prov.Proof{Identity: u.Identity.Public()}
	var err error
	if p.Attestation, err = u.Chip.AttestationKey(); err != nil {
		return nil, err
	}
	modulus, err := u.Chip.EndorsementKey()
	if err != nil || len(modulus) != len(p.Endorsement) {
		return nil, fmt.Errorf("endorsement key of %d bytes: %w", len(modulus), err)
	}
	copy(p.Endorsement[:], modulus)
	if der, err := u.Chip.Endorsement(); err == nil { // a chip without one is the bench's to judge
		p.Certificate = uint32(len(der))
	}
	if p.PCR8, err = u.Chip.PCR8(); err != nil {
		return nil, err
	}
	p.Quote, p.Signature, err = u.Chip.Quote(prov.ProofNonce(p.Identity, s.talk.cable.Binding(), u.Serial))
	if err != nil {
		return nil, err
	}
	return prov.EncodeBody(p)
}

func (s *server) activate(_ context.Context, body []byte) ([]byte, error) {
	a, err := prov.ParseBody[prov.Activation](body)
	if err != nil {
		return nil, err
	}
	secret, err := s.unit.Chip.Activate(a.Credential, a.Secret)
	if err != nil {
		return nil, err
	}
	return prov.EncodeBody(prov.Answered{Secret: secret})
}

// keep notes that a bench has accepted the proof.
func (s *server) keep(context.Context, []byte) ([]byte, error) {
	if s.record.State >= prov.Keyed {
		return nil, nil
	}
	return nil, s.change(func(r *record) { r.State = prov.Keyed })
}

// setTime sets the clock, never to before the firmware was built.
func (s *server) setTime(_ context.Context, body []byte) ([]byte, error) {
	c, err := prov.ParseBody[prov.Clock](body)
	if err != nil {
		return nil, err
	}
	t := time.Unix(c.Unix, 0)
	if t.Before(s.unit.Built) || t.After(s.unit.Built.AddDate(30, 0, 0)) {
		return nil, refuse(prov.CodeInvalid, "%s is not a time at which this firmware can run", t.UTC().Format(time.DateTime))
	}
	if d := time.Until(t).Abs(); d < 2*time.Second {
		return nil, nil
	}
	return nil, s.unit.SetTime(t)
}

// validate checks what was staged as if it counted already.
func (s *server) validate(_ context.Context, body []byte) ([]byte, error) {
	p, err := prov.ParseBody[prov.Part](body)
	if err != nil {
		return nil, err
	}
	b, err := s.whole(p.Name)
	if err != nil {
		return nil, err
	}
	return nil, s.valid(p.Name, b)
}

func (s *server) valid(part string, b []byte) error {
	switch part {
	case prov.PartSettings:
		return s.validSettings(b)
	case prov.PartCalibration:
		_, err := hal.ParseCalibration(b)
		return err
	}
	return refuse(prov.CodeInvalid, "no part %q", part)
}

// validSettings refuses settings that the ticket does not allow, or that the
// operator did not sign.
func (s *server) validSettings(b []byte) error {
	v, err := prov.ParseSettings(b)
	if err != nil {
		return refuse(prov.CodeInvalid, "%w", err)
	}
	ticket := s.talk.ticket
	switch {
	case v.Tenant != ticket.Tenant:
		return refuse(prov.CodeDenied, "settings for tenant %s, the ticket is for %s", v.Tenant, ticket.Tenant)
	case v.Operator != ticket.Operator:
		return refuse(prov.CodeDenied, "settings of another operator than the ticket's")
	case v.Development && !s.unit.Development:
		return refuse(prov.CodeDenied, "settings for development, and this firmware is not")
	}
	c, err := wire.VerifyCredential(v.Credential, v.Operator[:], s.unit.now())
	if err != nil {
		return refuse(prov.CodeInvalid, "certificate: %w", err)
	}
	if c.Tenant != v.Tenant || c.Device != s.unit.Identity.Public() {
		return refuse(prov.CodeInvalid, "certificate: for another tenant or another unit")
	}
	policy, err := attest.OpenPolicy(v.Policy, v.Operator[:])
	if err != nil {
		return refuse(prov.CodeInvalid, "%w", err)
	}
	now := s.unit.now().Unix()
	switch {
	case policy.Tenant != v.Tenant:
		return refuse(prov.CodeInvalid, "policy: of tenant %s, not %s", policy.Tenant, v.Tenant)
	case policy.Development && !v.Development:
		return refuse(prov.CodeInvalid, "policy: for development, and the settings are not")
	case now < policy.NotBefore || now > policy.NotAfter:
		return refuse(prov.CodeInvalid, "policy: not valid now")
	}
	if s.unit.CheckNetwork != nil && v.Network != "" {
		if err := s.unit.CheckNetwork(v.Network); err != nil {
			return refuse(prov.CodeInvalid, "network: %w", err)
		}
	}
	return nil
}

// commitStaged keeps a part so that it lasts, and says what was read back.
func (s *server) commitStaged(_ context.Context, body []byte) ([]byte, error) {
	p, err := prov.ParseBody[prov.Part](body)
	if err != nil {
		return nil, err
	}
	b, err := s.whole(p.Name)
	if err != nil {
		return nil, err
	}
	if err := s.valid(p.Name, b); err != nil {
		return nil, err
	}
	sum, err := s.commit(p.Name, b)
	if err != nil {
		return nil, err
	}
	return prov.EncodeBody(prov.Digest{Part: p.Name, Sum: sum})
}

// confirmPart makes a part count.
func (s *server) confirmPart(_ context.Context, body []byte) ([]byte, error) {
	d, err := prov.ParseBody[prov.Digest](body)
	if err != nil {
		return nil, err
	}
	if err := s.confirm(d.Part, d.Sum); err != nil {
		return nil, err
	}
	delete(s.staged, d.Part)
	if err := s.apply(); err != nil {
		return nil, fmt.Errorf("it is kept, and could not be put to use: %w", err)
	}
	return nil, nil
}

// seal ends provisioning: the ticket is spent, the unit works.
func (s *server) seal(context.Context, []byte) ([]byte, error) {
	if err := s.complete(); err != nil {
		return nil, err
	}
	number := s.talk.ticket.Number
	if err := s.change(func(r *record) { r.State, r.Ticket = prov.Sealed, number }); err != nil {
		return nil, err
	}
	if err := s.spend(number); err != nil { // the next start does it
		return nil, err
	}
	return nil, s.apply()
}

// complete names what is missing before the unit may be sealed.
func (s *server) complete() error {
	settings, err := s.record.settings()
	if err != nil || settings == nil {
		return refuse(prov.CodeState, "no settings: %w", errors.Join(err))
	}
	if err := s.validSettings(s.record.Settings); err != nil {
		return err
	}
	if len(s.record.Calibration) == 0 && !settings.ByDesign {
		return refuse(prov.CodeState, "the cameras are not calibrated, and the settings do not waive it")
	}
	var missing []string
	done := s.record.tests(s.unit.Version)
	for _, name := range Tests {
		passed := slices.ContainsFunc(done, func(t prov.Tested) bool { return t.Name == name && t.Passed })
		if !passed && !slices.Contains(settings.Waived, name) {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return refuse(prov.CodeState, "tests %s have not passed under firmware %s", say(missing), s.unit.Version)
	}
	return nil
}

// forget is the factory reset: the chip's key goes first, so that from then
// on nothing that is left can be read, by nobody.
func (s *server) forget(_ context.Context, body []byte) ([]byte, error) {
	p, err := prov.ParseBody[prov.Part](body)
	if err != nil || p.Name != "reset" {
		return nil, refuse(prov.CodeInvalid, "a reset is asked for by its name")
	}
	number := s.talk.ticket.Number
	if err := s.unit.Chip.Wipe(); err != nil {
		return nil, fmt.Errorf("wipe the chip: %w", err)
	}
	err = s.spend(number)
	if s.unit.Store != nil {
		err = errors.Join(err, s.unit.Store.Delete(recordKey), s.unit.Store.Delete(candidateKey))
	}
	s.record = record{Version: prov.Version}
	err = errors.Join(err, s.unit.Reset())
	s.talk.ticket.Rights = 0
	s.restart = true
	return nil, err
}

// trySeal seals and opens something, as every start of the unit does.
func trySeal(chip Chip) error {
	now, err := chip.PCR8()
	if err != nil {
		return err
	}
	want := sha256.Sum256([]byte("volar/self-test"))
	sealed, err := chip.Seal(want[:], now, 1<<30) // a test's secret may live under any floor
	if err != nil {
		return err
	}
	got, err := chip.Unseal(sealed)
	if err == nil && !bytes.Equal(got, want[:]) {
		err = errors.New("another secret came back")
	}
	return err
}
