package chip

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"volar/enclave/attest"
	"volar/enclave/attest/tpm"
	"volar/enclave/attest/tpm/swtpm"
)

// bound is a machine whose vault has bound its key.
func bound(t testing.TB) (*board, *Platform) {
	t.Helper()
	b, p := started(t)
	must(t, p.Bind(context.Background(), vault))
	return b, p
}

// No bit of a quote, of its signature, or of what else evidence holds can change.
func TestEveryBitOfEvidenceCounts(t *testing.T) {
	b, p := bound(t)
	e, policy := p.evidence(t), b.policy()
	good, err := e.Marshal()
	must(t, err)
	flips := 0
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			flips++
			if _, err := attest.Verify(bad, policy, nonce, time.Now(), tpm.Verifier{}); err == nil {
				t.Errorf("bit %d of byte %d changed, and it is accepted", bit, i)
			}
		}
	}
	if _, err := verify(t, e, policy); err != nil {
		t.Error(err)
	}
	t.Logf("%d bits, none accepted", flips)
}

// T7: evidence for another nonce, tenant or key, and of another machine.
func TestEvidenceOfAnother(t *testing.T) {
	b, p := bound(t)
	e, policy := p.evidence(t), b.policy()
	raw, err := e.Marshal()
	must(t, err)
	if _, err := attest.Verify(raw, policy, [32]byte{1}, time.Now(), tpm.Verifier{}); !errors.Is(err, attest.ErrBinding) {
		t.Errorf("old evidence under a new nonce: %v", err)
	}
	tenant := policy
	tenant.Tenant = "other"
	if _, err := verify(t, e, tenant); !errors.Is(err, attest.ErrBinding) {
		t.Errorf("evidence for another tenant: %v", err)
	}
	otherKey := e
	otherKey.Log, err = attest.Events{Measurement: program, VaultKey: [32]byte{6}}.Marshal()
	must(t, err)
	if _, err := verify(t, otherKey, policy); !errors.Is(err, attest.ErrBinding) {
		t.Errorf("a log with another key: %v", err)
	}
	_, q := bound(t)
	if _, err := verify(t, q.evidence(t), policy); !errors.Is(err, attest.ErrPlatform) {
		t.Errorf("the attestation key of another TPM: %v", err)
	}
}

// A program that comes after the vault can only append to the register, and
// then no evidence is accepted, with any log.
func TestAppended(t *testing.T) {
	b, p := bound(t)
	policy := b.policy()
	if _, err := verify(t, p.evidence(t), policy); err != nil {
		t.Fatal(err)
	}
	evil := [32]byte{0xee}
	b.extendDigest(tpm.VaultPCR, attest.KeyDigest(evil))
	e := p.evidence(t)
	if _, err := verify(t, e, policy); !errors.Is(err, attest.ErrBinding) {
		t.Errorf("the honest log after another extend: %v", err)
	}
	var err error
	e.Log, err = attest.Events{Measurement: program, VaultKey: evil}.Marshal()
	must(t, err)
	if _, err := verify(t, e, policy); !errors.Is(err, attest.ErrBinding) {
		t.Errorf("a log with the evil key: %v", err)
	}
}

// A launcher finds a register in which another program has been.
func TestRegisterIsWatched(t *testing.T) {
	b := newBoard(t)
	b.setUp()
	b.extend(tpm.VaultPCR, "somebody was first")
	_, err := b.chip.Start(b.launch(program))
	wants(t, "start", err, ErrUsed)
	b.restart()
	p := b.start()
	b.extend(tpm.VaultPCR, "somebody was between")
	wants(t, "bind", p.Bind(context.Background(), vault), errUnexpected)
}

// The attestation key signs for nobody but the launcher: another program on
// the machine has its blob, and neither its auth value nor a policy for it.
func TestStrangersCannotQuote(t *testing.T) {
	b, p := bound(t)
	other, err := Open(swtpm.Socket(b.dir))
	must(t, err)
	other.storage = p.chip.storage
	for name, session := range map[string]tpm2.Session{
		"no auth value":          tpm2.PasswordAuth(nil),
		"a guessed one":          tpm2.PasswordAuth([]byte("guess")),
		"policy of a credential": tpm2.Policy(tpm2.TPMAlgSHA256, 16, activation(p.state.Release)),
	} {
		err := other.do("quote", func(t transport.TPM) error {
			key, err := other.load(t, p.state.Key)
			if err != nil {
				return err
			}
			defer flush(t, key.Handle)
			_, err = tpm2.Quote{SignHandle: tpm2.AuthHandle{Handle: key.Handle, Name: key.Name, Auth: session},
				InScheme: tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull}, PCRSelect: selection(tpm.QuotedPCRs...)}.Execute(t)
			return err
		})
		if !isRC(err, tpm2.TPMRCBadAuth) && !isRC(err, tpm2.TPMRCAuthFail) && !isRC(err, tpm2.TPMRCPolicyCC) && !isRC(err, tpm2.TPMRCAuthUnavailable) {
			t.Errorf("quote with %s: %v", name, err)
		}
	}
}

// T7: an operator certifies an attestation key only where it lies in the TPM
// that a maker certified.
func TestCertify(t *testing.T) {
	b, roots := manufactured(t, t.TempDir())
	b.setUp()
	der, err := b.chip.Endorsement()
	must(t, err)
	ek, err := CheckEndorsement(der, roots, roots, time.Now())
	must(t, err)
	st, err := ParseState(b.state)
	must(t, err)
	ak, err := st.PublicKey()
	must(t, err)
	c, err := NewChallenge(ek, ak, public(release))
	must(t, err)
	answer, err := b.chip.Activate(b.state, c.Credential, c.Secret)
	must(t, err)
	must(t, c.Check(answer))
	wants(t, "another answer", c.Check(make([]byte, 32)), ErrAnswer)
	wants(t, "no answer", c.Check(nil), ErrAnswer)

	activates := func(name string, c *Challenge, on *board) {
		t.Helper()
		if answer, err := on.chip.Activate(on.state, c.Credential, c.Secret); err == nil && c.Check(answer) == nil {
			t.Errorf("%s is certified", name)
		}
	}
	fake, err := NewChallenge(ek, public(key()), public(release))
	must(t, err)
	activates("a key that is not in the TPM", fake, b)
	foreign, err := NewChallenge(ek, ak, public(key()))
	must(t, err)
	activates("a key under another release key", foreign, b)
	other := newBoard(t)
	other.setUp()
	activates("a key in another TPM", c, other)
	_, err = other.chip.Endorsement()
	wants(t, "a TPM without certificate", err, ErrNoCert)

	_, strangers := manufactured(t, t.TempDir())
	_, err = CheckEndorsement(der, strangers, strangers, time.Now())
	wants(t, "a maker that is not accepted", err, ErrEndorsement)
	_, err = CheckEndorsement(der, roots, roots, time.Unix(0, 0))
	wants(t, "before its time", err, ErrEndorsement)
	_, err = CheckEndorsement(der[:100], roots, roots, time.Now())
	wants(t, "half a certificate", err, ErrEndorsement)

	// With the vault running, nothing is disturbed.
	certificate, err := tpm.Certify(operator, tpm.Certificate{Key: ak.Attestation(public(release)).Name().Hash(), Endorsement: sha256.Sum256(der), NotBefore: 1, NotAfter: time.Now().Unix() + 60})
	must(t, err)
	l := b.launch(program)
	l.Certificate = certificate
	p, err := b.chip.Start(l)
	must(t, err)
	must(t, p.Bind(context.Background(), vault))
	p.evidence(t)
	second, err := Open(swtpm.Socket(b.dir))
	must(t, err)
	_, err = second.Activate(b.state, c.Credential, c.Secret)
	must(t, err)
	policy := b.policy()
	policy.TPM.Keys, policy.TPM.Certifiers = nil, [][32]byte{[32]byte(operator.Public().(ed25519.PublicKey))}
	if _, err := verify(t, p.evidence(t), policy); err != nil {
		t.Error(err)
	}
}

var operator = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))

// manufactured is a machine whose TPM has a maker, and the maker's authority.
func manufactured(t testing.TB, authority string) (*board, *x509.CertPool) {
	t.Helper()
	b := newBoard(t)
	b.cut()
	pem, err := swtpm.Manufacture(b.dir, authority)
	if errors.Is(err, swtpm.ErrMissing) {
		t.Skip(err)
	}
	must(t, err)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("no certificates")
	}
	b.powerOn()
	return b, roots
}

// Auth values have no zero in them: one would cut what go-tpm makes of them.
func TestAuthValues(t *testing.T) {
	seen := map[string]bool{}
	for range 2000 {
		var s seed
		_, _ = rand.Read(s.secret[:])
		for _, use := range []string{ownerAuth, lockoutAuth, counterAuth, keyAuth} {
			a, err := s.auth(use)
			must(t, err)
			if len(a) != 32 || bytes.IndexByte(a, 0) >= 0 || seen[string(a)] {
				t.Fatalf("auth value %x", sha256.Sum256(a))
			}
			seen[string(a)] = true
		}
	}
}

func FuzzParseState(f *testing.F) {
	good, err := State{Release: public(release), Storage: []byte{1}, Key: Object{Public: []byte{2}, Private: []byte{3}}, Seed: Object{Public: []byte{4}, Private: []byte{5}}}.Marshal()
	must(f, err)
	f.Add(good)
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := ParseState(in)
		if err != nil {
			return
		}
		_, _ = s.storage()
		_, _ = s.AttestationKey()
		if out, err := s.Marshal(); err != nil || !bytes.Equal(in, out) {
			t.Errorf("two encodings of one state: %v", err)
		}
	})
}

func FuzzParseSealed(f *testing.F) {
	good, err := codec.Marshal(sealedForm{Version: 1, Object: Object{Public: []byte{2}, Private: []byte{3}}})
	must(f, err)
	f.Add(good)
	f.Fuzz(func(t *testing.T, in []byte) {
		o, err := parseSealed(in)
		if err != nil {
			return
		}
		if out, err := codec.Marshal(sealedForm{Version: 1, Object: o}); err != nil || !bytes.Equal(in, out) {
			t.Errorf("two encodings of one sealed secret: %v", err)
		}
	})
}

func FuzzCheckEndorsement(f *testing.F) {
	f.Add([]byte{0x30, 0x82, 0, 1, 0})
	roots := x509.NewCertPool()
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, err := first(in); err == nil && len(in) == 0 {
			t.Error("something from nothing")
		}
		if _, err := CheckEndorsement(in, roots, roots, time.Now()); err == nil {
			t.Error("accepted without roots")
		}
	})
}
