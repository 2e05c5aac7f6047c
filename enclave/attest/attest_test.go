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
	stranger := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{6}, 32))
	return attest.Policy{
		Tenant: "acme", Version: 3, NotBefore: now.Unix() - 10, NotAfter: now.Unix() + 10, Floor: 4,
		Vaults:      []attest.Vault{{Measurement: [32]byte{0xee}, Release: 4}, {Measurement: program, Release: 5}},
		Simulated:   &attest.Simulated{Keys: [][32]byte{[32]byte(stranger.Public().(ed25519.PublicKey)), [32]byte(signing.Public().(ed25519.PublicKey))}},
		Development: true,
	}
}

// with is what a device on a bench can check.
var with = []attest.Verifier{simulated.Verifier{}}

// evidence is what an honest platform says to this nonce and tenant.
func evidence(t *testing.T) attest.Evidence {
	t.Helper()
	p := platform(t, signing)
	if err := p.Bind(context.Background(), vault); err != nil {
		t.Fatal(err)
	}
	e, err := p.Evidence(context.Background(), attest.ReportData(vault, nonce, epoch, "acme"))
	if err != nil {
		t.Fatal(err)
	}
	e.Epoch = epoch
	return e
}

// epoch is how far the gallery of the honest vault has come.
const epoch = 7

// statement is a simulated platform's, over the honest report data.
func statement(t *testing.T, key ed25519.PrivateKey, register [32]byte) []byte {
	t.Helper()
	b, err := simulated.Sign(key, attest.ReportData(vault, nonce, epoch, "acme"), register)
	if err != nil {
		t.Fatal(err)
	}
	return b
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
	c, err := attest.Verify(encode(t, evidence(t)), policy(), nonce, now, with...)
	if err != nil {
		t.Fatal(err)
	}
	if c.Kind != attest.KindSimulated || c.Measurement != program || c.VaultKey != vault || c.Release != 5 || c.Epoch != epoch {
		t.Errorf("claims %+v", c)
	}
	if !strings.HasPrefix(c.Notice, "SIMULATED") {
		t.Errorf("notice %q hides that it is simulated", c.Notice)
	}
}

// A policy that lacks any one thing refuses what the whole policy accepts.
func TestPolicyRefuses(t *testing.T) {
	b := encode(t, evidence(t))
	for name, c := range map[string]struct {
		change func(*attest.Policy)
		want   error
	}{
		"zero":              {func(p *attest.Policy) { *p = attest.Policy{} }, attest.ErrKind},
		"not development":   {func(p *attest.Policy) { p.Development = false }, attest.ErrSimulated},
		"no tenant":         {func(p *attest.Policy) { p.Tenant = "" }, attest.ErrKind},
		"other tenant":      {func(p *attest.Policy) { p.Tenant = "acme2" }, attest.ErrBinding},
		"no vaults":         {func(p *attest.Policy) { p.Vaults = nil }, attest.ErrMeasurement},
		"other vaults":      {func(p *attest.Policy) { p.Vaults = p.Vaults[:1] }, attest.ErrMeasurement},
		"higher floor":      {func(p *attest.Policy) { p.Floor = 6 }, attest.ErrFloor},
		"not yet":           {func(p *attest.Policy) { p.NotBefore = now.Unix() + 1 }, attest.ErrPolicyTime},
		"no longer":         {func(p *attest.Policy) { p.NotAfter = now.Unix() - 1 }, attest.ErrPolicyTime},
		"not simulated":     {func(p *attest.Policy) { p.Simulated = nil }, attest.ErrSimulated},
		"no platform keys":  {func(p *attest.Policy) { p.Simulated.Keys = nil }, attest.ErrSignature},
		"zero platform key": {func(p *attest.Policy) { p.Simulated.Keys = [][32]byte{{}} }, attest.ErrSignature},
	} {
		p := policy()
		c.change(&p)
		if _, err := attest.Verify(b, p, nonce, now, with...); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := attest.Verify(b, policy(), [32]byte{1}, now, with...); !errors.Is(err, attest.ErrBinding) {
		t.Errorf("evidence for another nonce: %v", err)
	}
	if _, err := attest.Verify(b, policy(), nonce, now); !errors.Is(err, attest.ErrKind) {
		t.Errorf("on a device without a verifier: %v", err)
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
		"unknown kind":         {func(e *attest.Evidence) { e.Kind = "sgx" }, attest.ErrKind},
		"other kind":           {func(e *attest.Evidence) { e.Kind = attest.KindTPM }, attest.ErrKind},
		"later epoch":          {func(e *attest.Evidence) { e.Epoch++ }, attest.ErrBinding},
		"log with another key": {func(e *attest.Evidence) { e.Log = log(attest.Events{Measurement: program, VaultKey: [32]byte{7}}) }, attest.ErrBinding},
		"log with program 0":   {func(e *attest.Evidence) { e.Log = log(attest.Events{VaultKey: vault}) }, attest.ErrMeasurement},
		"register of another start": {func(e *attest.Evidence) {
			e.Body = statement(t, signing, attest.Events{Measurement: program, VaultKey: [32]byte{7}}.Register())
		}, attest.ErrBinding},
		"appended event": {func(e *attest.Evidence) {
			e.Body = statement(t, signing, attest.ExtendKey(attest.Events{Measurement: program, VaultKey: vault}.Register(), [32]byte{7}))
		}, attest.ErrBinding},
		"stranger's signature": {func(e *attest.Evidence) {
			e.Body = statement(t, ed25519.NewKeyFromSeed(make([]byte, 32)), attest.Events{Measurement: program, VaultKey: vault}.Register())
		}, attest.ErrSignature},
		"empty body is no evidence": {func(e *attest.Evidence) { e.Body = []byte{0xa0} }, attest.ErrMalformed},
	} {
		e := evidence(t)
		c.change(&e)
		if _, err := attest.Verify(encode(t, e), policy(), nonce, now, with...); !errors.Is(err, c.want) {
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
			if _, err := attest.Verify(b, p, nonce, now, with...); err == nil {
				t.Errorf("accepted with bit %d of byte %d flipped", bit, i)
			}
		}
	}
	for n := range good {
		if _, err := attest.Verify(good[:n], p, nonce, now, with...); !errors.Is(err, attest.ErrMalformed) {
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
		"plain":          attest.ReportData(vault, nonce, 1, "acme"),
		"other key":      attest.ReportData([32]byte{}, nonce, 1, "acme"),
		"other nonce":    attest.ReportData(vault, [32]byte{}, 1, "acme"),
		"other tenant":   attest.ReportData(vault, nonce, 1, "acm"),
		"other epoch":    attest.ReportData(vault, nonce, 256, "acme"),
		"swapped":        attest.ReportData(nonce, vault, 1, "acme"),
		"bound":          attest.Bound(attest.ReportData(vault, nonce, 1, "acme"), [32]byte{}),
		"other register": attest.Bound(attest.ReportData(vault, nonce, 1, "acme"), [32]byte{1}),
	} {
		if was, ok := seen[r]; ok {
			t.Errorf("%s and %s give the same report data", name, was)
		}
		seen[r] = name
	}
}
