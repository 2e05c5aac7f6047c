package attest_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"volar/enclave/attest"
	"volar/enclave/attest/simulated"
)

var (
	program = sha256.Sum256([]byte("the vault program"))
	vault   = [32]byte{1, 2, 3}
	nonce   = [32]byte{9, 8, 7}
	now     = time.Unix(1_800_000_000, 0)
	signing = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{4}, 32))
)

func platform(t *testing.T, key ed25519.PrivateKey) *simulated.Platform {
	t.Helper()
	p, err := simulated.New(simulated.Config{Key: key, Sealing: [32]byte{5}, Measurement: program, Persist: func(uint64) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func policy() attest.Policy {
	return attest.Policy{
		Tenant:       "acme",
		Measurements: [][32]byte{{0xee}, program},
		Simulated:    []ed25519.PublicKey{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{6}, 32)).Public().(ed25519.PublicKey), signing.Public().(ed25519.PublicKey)},
		Development:  true,
	}
}

// evidence is what an honest platform says to this nonce and tenant.
func evidence(t *testing.T) attest.Evidence {
	t.Helper()
	p := platform(t, signing)
	if err := p.Bind(context.Background(), vault); err != nil {
		t.Fatal(err)
	}
	e, err := p.Evidence(context.Background(), attest.ReportData(vault, nonce, "acme"))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func encode(t *testing.T, e attest.Evidence) []byte {
	t.Helper()
	b, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVerify(t *testing.T) {
	c, err := attest.Verify(encode(t, evidence(t)), policy(), nonce, now)
	if err != nil {
		t.Fatal(err)
	}
	if c.Kind != attest.KindSimulated || c.Measurement != program || c.VaultKey != vault {
		t.Errorf("claims %+v", c)
	}
	if !strings.HasPrefix(c.Notice(), "SIMULATED") {
		t.Errorf("notice %q hides that it is simulated", c.Notice())
	}
}

// A policy that lacks any one thing refuses what the whole policy accepts.
func TestPolicyRefuses(t *testing.T) {
	b := encode(t, evidence(t))
	for name, c := range map[string]struct {
		change func(*attest.Policy)
		want   error
	}{
		"zero":               {func(p *attest.Policy) { *p = attest.Policy{} }, attest.ErrKind},
		"not development":    {func(p *attest.Policy) { p.Development = false }, attest.ErrKind},
		"no tenant":          {func(p *attest.Policy) { p.Tenant = "" }, attest.ErrKind},
		"other tenant":       {func(p *attest.Policy) { p.Tenant = "acme2" }, attest.ErrSignature},
		"no measurements":    {func(p *attest.Policy) { p.Measurements = nil }, attest.ErrMeasurement},
		"other measurement":  {func(p *attest.Policy) { p.Measurements = [][32]byte{{1}} }, attest.ErrMeasurement},
		"no platform keys":   {func(p *attest.Policy) { p.Simulated = nil }, attest.ErrSignature},
		"empty platform key": {func(p *attest.Policy) { p.Simulated = []ed25519.PublicKey{{}} }, attest.ErrSignature},
	} {
		p := policy()
		c.change(&p)
		if _, err := attest.Verify(b, p, nonce, now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := attest.Verify(b, policy(), [32]byte{1}, now); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("evidence for another nonce: %v", err)
	}
}

// Evidence whose parts do not belong together is refused, whoever signed it.
func TestEvidenceRefuses(t *testing.T) {
	log := func(e attest.Events) []byte {
		b, err := e.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, c := range map[string]struct {
		change func(*attest.Evidence)
		want   error
	}{
		"unknown kind":         {func(e *attest.Evidence) { e.Kind = "tpm" }, attest.ErrKind},
		"log with another key": {func(e *attest.Evidence) { e.Log = log(attest.Events{Measurement: program, VaultKey: [32]byte{7}}) }, attest.ErrSignature},
		"log with program 0":   {func(e *attest.Evidence) { e.Log = log(attest.Events{VaultKey: vault}) }, attest.ErrMeasurement},
		"register of another start": {func(e *attest.Evidence) {
			e.Body, _ = attest.SignSimulated(signing, attest.ReportData(vault, nonce, "acme"), attest.Events{Measurement: program, VaultKey: [32]byte{7}}.Register())
		}, attest.ErrSignature},
		"appended event": {func(e *attest.Evidence) {
			r := attest.ExtendKey(attest.Events{Measurement: program, VaultKey: vault}.Register(), [32]byte{7})
			e.Body, _ = attest.SignSimulated(signing, attest.ReportData(vault, nonce, "acme"), r)
		}, attest.ErrSignature},
		"stranger's signature": {func(e *attest.Evidence) {
			e.Body, _ = attest.SignSimulated(ed25519.NewKeyFromSeed(make([]byte, 32)), attest.ReportData(vault, nonce, "acme"), attest.Events{Measurement: program, VaultKey: vault}.Register())
		}, attest.ErrSignature},
		"empty body is no evidence": {func(e *attest.Evidence) { e.Body = []byte{0xa0} }, attest.ErrMalformed},
	} {
		e := evidence(t)
		c.change(&e)
		if _, err := attest.Verify(encode(t, e), policy(), nonce, now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// No single bit of the evidence can change.
func TestEveryBitCounts(t *testing.T) {
	good := encode(t, evidence(t))
	p, flips := policy(), 0
	for i := range good {
		for bit := range 8 {
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			flips++
			if _, err := attest.Verify(b, p, nonce, now); err == nil {
				t.Errorf("accepted with bit %d of byte %d flipped", bit, i)
			}
		}
	}
	for n := range good {
		if _, err := attest.Verify(good[:n], p, nonce, now); !errors.Is(err, attest.ErrMalformed) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	if flips < 2000 {
		t.Errorf("only %d bits were flipped", flips)
	}
}

func TestReportDataSeparatesItsFields(t *testing.T) {
	seen := map[[64]byte]string{}
	for name, r := range map[string][64]byte{
		"plain":        attest.ReportData(vault, nonce, "acme"),
		"other key":    attest.ReportData([32]byte{}, nonce, "acme"),
		"other nonce":  attest.ReportData(vault, [32]byte{}, "acme"),
		"other tenant": attest.ReportData(vault, nonce, "acm"),
		"swapped":      attest.ReportData(nonce, vault, "acme"),
	} {
		if was, ok := seen[r]; ok {
			t.Errorf("%s and %s give the same report data", name, was)
		}
		seen[r] = name
	}
}
