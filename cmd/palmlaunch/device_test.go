package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"volar/enclave/attest"
	"volar/enclave/attest/tpm"
	"volar/liveness/living"
	"volar/wire"
	"volar/wire/link"
)

// device is a device of tenant acme that accepts this box's vault.
func (b *box) device() link.ClientConfig {
	key, err := link.GenerateKey()
	if err != nil {
		b.t.Fatal(err)
	}
	credential, err := wire.SignCredential(wire.Credential{Tenant: "acme", Device: key.Public(), NotAfter: time.Now().Add(time.Hour).Unix()}, operator)
	if err != nil {
		b.t.Fatal(err)
	}
	m, _ := hex.DecodeString(b.facts.Measurement)
	k, _ := hex.DecodeString(b.facts.Key)
	policy := attest.Policy{Tenant: "acme", NotAfter: math.MaxInt64, Vaults: []attest.Vault{{Measurement: [32]byte(m)}}, Development: true,
		TPM: &attest.TPM{Keys: [][32]byte{[32]byte(k)}, Boot: [][32]byte{tpm.Boot{}.Digest()}}}
	return link.ClientConfig{Tenant: "acme", Static: key, Credential: credential, Verify: func(evidence []byte, nonce [32]byte) ([32]byte, error) {
		c, err := attest.Verify(evidence, policy, nonce, time.Now(), tpm.Verifier{})
		return c.VaultKey, err
	}}
}

func (r *running) mustDial() *link.Session {
	r.box.t.Helper()
	s, err := r.dial()
	if err != nil {
		r.box.t.Fatalf("%v; the vault said: %s", err, r.said)
	}
	return s
}

// try shows a palm.
func try(s *link.Session, p wire.Purpose, who wire.Person, hand wire.Hand, palm uint64) (wire.Answer, error) {
	m, err := s.Call(context.Background(), wire.Begin{Purpose: p, Person: who})
	if err != nil {
		return wire.Answer{}, err
	}
	n := m.(wire.Challenge).Nonce
	m, err = s.Call(context.Background(), living.Sample(n, hand, palm*2+uint64(hand), uint64(n[0])))
	if err != nil {
		return wire.Answer{}, err
	}
	return m.(wire.Answer), nil
}

func wave(t *testing.T, s *link.Session, p wire.Purpose, who wire.Person, hand wire.Hand, palm uint64) wire.Answer {
	t.Helper()
	a, err := try(s, p, who, hand, palm)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// tryEnrol enrols a person with both hands.
func tryEnrol(s *link.Session, palm uint64) (wire.Person, error) {
	hand := wire.Left
	for range 6 {
		a, err := try(s, wire.Enrol, wire.Person{}, hand, palm)
		switch {
		case err != nil:
			return wire.Person{}, err
		case a.Status == wire.Accepted:
			return a.Person, nil
		case a.Status != wire.More:
			return wire.Person{}, fmt.Errorf("enrolment: %v", a.Status)
		}
		hand = a.Hand
	}
	return wire.Person{}, errors.New("an enrolment without end")
}

func enrol(t *testing.T, s *link.Session, palm uint64) wire.Person {
	t.Helper()
	who, err := tryEnrol(s, palm)
	if err != nil {
		t.Fatal(err)
	}
	return who
}
