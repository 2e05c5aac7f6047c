package main

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"

	"volar/enclave/attest/tpm"
	"volar/firmware/provision/rehearsal"
	"volar/wire/prov"
)

// liar is a chip that says something else than its own.
type liar struct {
	*rehearsal.Chip
	key   func() ([64]byte, error)
	quote func(nonce [32]byte) ([]byte, [64]byte, error)
}

func (l liar) AttestationKey() ([64]byte, error) {
	if l.key != nil {
		return l.key()
	}
	return l.Chip.AttestationKey()
}

func (l liar) Quote(nonce [32]byte) ([]byte, [64]byte, error) {
	if l.quote != nil {
		return l.quote(nonce)
	}
	return l.Chip.Quote(nonce)
}

// TestFalseUnits: a unit gets no certificate if its firmware is another one,
// if its attestation key lies in another chip, or if what its chip signed is
// not about its own key in this session.
func TestFalseUnits(t *testing.T) {
	s := newShop(t)
	other := rehearsal.NewChip(new(rehearsal.Fuse))
	for name, c := range map[string]struct {
		lie  func(*rehearsal.Unit) liar
		want error // nil: any
	}{
		"other firmware": {func(u *rehearsal.Unit) liar { u.Chip.PCR[0] ^= 1; return liar{Chip: u.Chip} }, errFirmware},
		"the firmware is claimed": {func(u *rehearsal.Unit) liar { // PCR 8 is said to be another than what is quoted
			return liar{Chip: u.Chip, quote: func(n [32]byte) ([]byte, [64]byte, error) {
				said := u.Chip.PCR
				defer func() { u.Chip.PCR = said }()
				u.Chip.PCR[0] ^= 1
				return u.Chip.Quote(n)
			}}
		}, tpm.ErrUnitQuote},
		"a quote about another key": {func(u *rehearsal.Unit) liar {
			return liar{Chip: u.Chip, quote: func(n [32]byte) ([]byte, [64]byte, error) { n[0] ^= 1; return u.Chip.Quote(n) }}
		}, tpm.ErrUnitQuote},
		"an old quote": {func(u *rehearsal.Unit) liar {
			return liar{Chip: u.Chip, quote: func([32]byte) ([]byte, [64]byte, error) { return u.Chip.Quote([32]byte{7}) }}
		}, tpm.ErrUnitQuote},
		"another chip's attestation key": {func(u *rehearsal.Unit) liar {
			return liar{Chip: u.Chip, key: other.AttestationKey, quote: other.Quote}
		}, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			u := rehearsal.NewUnit(unitSerial)
			u.TPM = c.lie(u)
			_, err := s.attempt(u, rehearsal.NewCable(1, rehearsal.Faults{}))
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
			if got, _ := u.Applied(); got.State != prov.Blank || got.Settings != nil {
				t.Errorf("%s: the unit is %v", name, got.State)
			}
		})
	}
}

// TestNothingSecretOnTheLine: whoever listens to the line learns neither the
// network's password nor the settings, the certificate or the ticket.
func TestNothingSecretOnTheLine(t *testing.T) {
	const password = "correct horse battery"
	s := newShop(t)
	s.plan.WiFi, s.plan.password = "dock", password
	ticket, err := s.plan.ticket(unitSerial)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		u := rehearsal.NewUnit(unitSerial)
		c := rehearsal.NewCable(1, rehearsal.Faults{})
		if _, err := s.attempt(u, c); err != nil {
			t.Fatal(err)
		}
		got, _ := u.Applied()
		if got.Settings == nil || got.Settings.Password != password {
			t.Fatal("the unit was not told the password")
		}
		toBench, toUnit := c.Heard()
		packets := 0
		for _, heard := range [][]byte{toBench, toUnit} {
			var scan prov.Scanner
			for _, e := range scan.Push(heard) {
				if e.Packet != nil {
					packets++
				}
				for what, secret := range map[string][]byte{"password": []byte(password), "certificate": got.Settings.Credential, "policy": s.plan.policy, "gateway": []byte(s.plan.Gateway), "ticket": ticket} {
					if bytes.Contains(e.Packet, secret) || bytes.Contains([]byte(e.Line), secret) {
						t.Errorf("the %s is on the line", what)
					}
				}
			}
		}
		if packets < 40 {
			t.Errorf("only %d packets were heard", packets)
		}
	})
}
