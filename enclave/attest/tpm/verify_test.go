package tpm

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"volar/enclave/attest"
)

var (
	program   = sha256.Sum256([]byte("the vault program"))
	vault     = [32]byte{1, 2, 3}
	nonce     = [32]byte{9, 8, 7}
	now       = time.Unix(1_800_000_000, 0)
	boot      = Boot{{1}, {2}, {3}}
	chipKey   = newKey() // stands for an attestation key: a chip would not sign what these tests do
	release   = newKey()
	certifier = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32))
	events    = attest.Events{Measurement: program, VaultKey: vault}
)

func newKey() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

func public(k *ecdsa.PrivateKey) PublicKey {
	p, err := KeyOf(&k.PublicKey)
	if err != nil {
		panic(err)
	}
	return p
}

func keyHash(k *ecdsa.PrivateKey) [32]byte {
	return public(k).Attestation(public(release)).Name().Hash()
}

// quote is a TPMS_ATTEST, field by field.
type quote struct {
	magic    uint32
	kind     uint16
	extra    []byte
	safe     byte
	selected []byte
	digest   []byte
	rest     []byte
}

func goodQuote() quote {
	h := sha256.New()
	for _, v := range boot {
		h.Write(v[:])
	}
	register := events.Register()
	h.Write(register[:])
	extra := Nonce(attest.ReportData(vault, nonce, 0, "acme"))
	return quote{0xff544347, 0x8018, extra[:], 1, []byte{0, 0, 0, 1, 0, 0x0b, 3, 0xff, 0x13, 0}, h.Sum(nil), nil}
}

func (q quote) bytes() []byte {
	be := binary.BigEndian
	b := be.AppendUint16(be.AppendUint32(nil, q.magic), q.kind)
	b = append(be.AppendUint16(b, 34), append([]byte{0, 0x0b}, make([]byte, 32)...)...)
	b = append(be.AppendUint16(b, uint16(len(q.extra))), q.extra...)
	b = append(append(b, make([]byte, 16)...), q.safe)
	b = append(append(b, make([]byte, 8)...), q.selected...)
	return append(append(be.AppendUint16(b, uint16(len(q.digest))), q.digest...), q.rest...)
}

// body signs a quote.
func body(t testing.TB, q quote, by *ecdsa.PrivateKey) Body {
	t.Helper()
	b := Body{Key: public(by), Release: public(release), Boot: boot}
	made := q.bytes()
	if len(made) != len(b.Attest) {
		t.Fatalf("quote of %d bytes", len(made))
	}
	copy(b.Attest[:], made)
	d := sha256.Sum256(made)
	r, s, err := ecdsa.Sign(rand.Reader, by, d[:])
	if err == nil {
		b.Signature, err = NewSignature(r, s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func policy() attest.Policy {
	return attest.Policy{
		Tenant: "acme", Version: 1, NotBefore: 1, NotAfter: now.Unix() + 1, Vaults: []attest.Vault{{Measurement: program}},
		TPM: &attest.TPM{Keys: [][32]byte{{7}, keyHash(chipKey)}, Boot: [][32]byte{{8}, boot.Digest()}},
	}
}

func verify(t testing.TB, b Body, p attest.Policy) error {
	t.Helper()
	raw, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	log, err := events.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	e, err := attest.Evidence{Kind: attest.KindTPM, Body: raw, Log: log}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	_, err = attest.Verify(e, p, nonce, now, Verifier{})
	return err
}

func TestVerify(t *testing.T) {
	if err := verify(t, body(t, goodQuote(), chipKey), policy()); err != nil {
		t.Fatal(err)
	}
}

// A quote that the right key signed, and that is not what it must be.
func TestQuoteRefuses(t *testing.T) {
	appended := attest.ExtendKey(events.Register(), [32]byte{6})
	for name, change := range map[string]func(*quote){
		"magic of no TPM":   func(q *quote) { q.magic = 0 },
		"another statement": func(q *quote) { q.kind = 0x8017 },
		"another nonce":     func(q *quote) { q.extra = make([]byte, 32) },
		"clock not safe":    func(q *quote) { q.safe = 0 },
		"clock byte of 2":   func(q *quote) { q.safe = 2 },
		"fewer registers":   func(q *quote) { q.selected[8] = 0x03 },
		"more registers":    func(q *quote) { q.selected[9] = 0x01 },
		"another register":  func(q *quote) { q.selected[8] = 0x23 },
		"bank of SHA-1":     func(q *quote) { q.selected[5] = 0x04 },
		"two banks":         func(q *quote) { q.selected[3] = 2 },
		"other values":      func(q *quote) { q.digest = make([]byte, 32) },
		"an appended event": func(q *quote) { q.digest = composite(appended) },
		"M alone":           func(q *quote) { q.digest = composite(attest.ExtendMeasurement([32]byte{}, program)) },
		"without the cap": func(q *quote) {
			q.digest = composite(attest.ExtendKey(attest.ExtendMeasurement([32]byte{}, program), vault))
		},
		"register 12 zero": func(q *quote) { q.digest = composite([32]byte{}) },
	} {
		q := goodQuote()
		q.selected = slices.Clone(q.selected)
		change(&q)
		if err := verify(t, body(t, q, chipKey), policy()); !errors.Is(err, attest.ErrBinding) {
			t.Errorf("%s: %v", name, err)
		} else if q.safe != 1 && !errors.Is(err, errUnsafe) {
			t.Errorf("%s: %v, which does not say what is wrong", name, err)
		}
	}
}

func composite(register [32]byte) []byte {
	h := sha256.New()
	for _, v := range boot {
		h.Write(v[:])
	}
	h.Write(register[:])
	return h.Sum(nil)
}

// T7: keys that no operator has seen in a chip, and bodies that claim another's.
func TestFakeKey(t *testing.T) {
	fake := newKey()
	for name, c := range map[string]struct {
		change func(*Body)
		by     *ecdsa.PrivateKey
		want   error
	}{
		"a key that is on no list":   {func(*Body) {}, fake, attest.ErrPlatform},
		"signed by another key":      {func(b *Body) { b.Key = public(chipKey) }, fake, attest.ErrSignature},
		"key of another release":     {func(b *Body) { b.Release = public(fake) }, chipKey, attest.ErrPlatform},
		"no point of the curve":      {func(b *Body) { b.Key = PublicKey{1} }, chipKey, attest.ErrSignature},
		"a boot that is on no list":  {func(b *Body) { b.Boot[0][0]++ }, chipKey, attest.ErrBinding},
		"the other half's signature": {func(b *Body) { b.Signature = negate(b.Signature) }, chipKey, attest.ErrSignature},
		"signature zero":             {func(b *Body) { b.Signature = Signature{} }, chipKey, attest.ErrSignature},
	} {
		b := body(t, goodQuote(), c.by)
		c.change(&b)
		if err := verify(t, b, policy()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// negate is the same signature with s in the upper half.
func negate(sig Signature) Signature {
	s := new(big.Int).Sub(order, new(big.Int).SetBytes(sig[32:]))
	s.FillBytes(sig[32:])
	return sig
}

func TestPolicyRefuses(t *testing.T) {
	good := body(t, goodQuote(), chipKey)
	for name, c := range map[string]struct {
		change func(*attest.Policy)
		want   error
	}{
		"no TPMs":       {func(p *attest.Policy) { p.TPM = nil }, attest.ErrKind},
		"no keys":       {func(p *attest.Policy) { p.TPM.Keys = nil }, attest.ErrPlatform},
		"no boots":      {func(p *attest.Policy) { p.TPM.Boot = nil }, attest.ErrPlatform},
		"another boot":  {func(p *attest.Policy) { p.TPM.Boot = [][32]byte{{1}} }, attest.ErrPlatform},
		"another vault": {func(p *attest.Policy) { p.Vaults[0].Measurement[0]++ }, attest.ErrMeasurement},
	} {
		p := policy()
		c.change(&p)
		if err := verify(t, good, p); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// A machine that measured nothing is for development.
func TestUnmeasuredBoot(t *testing.T) {
	was := boot
	boot = Boot{}
	defer func() { boot = was }()
	b, p := body(t, goodQuote(), chipKey), policy()
	if err := verify(t, b, p); !errors.Is(err, attest.ErrDebug) {
		t.Errorf("in service: %v", err)
	}
	p.Development = true
	if err := verify(t, b, p); err != nil {
		t.Errorf("in development: %v", err)
	}
	if b.Boot.Notice() == "" || was.Notice() != "" {
		t.Error("the notice is not where it belongs")
	}
}

func TestCertificate(t *testing.T) {
	certificate := func(by ed25519.PrivateKey, c Certificate) []byte {
		b, err := Certify(by, c)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	good := Certificate{Key: keyHash(chipKey), Endorsement: [32]byte{1}, NotBefore: now.Unix() - 10, NotAfter: now.Unix() + 10}
	p := policy()
	p.TPM.Keys = nil
	p.TPM.Certifiers = [][32]byte{{1}, [32]byte(certifier.Public().(ed25519.PublicKey))}
	b := body(t, goodQuote(), chipKey)
	b.Certificate = certificate(certifier, good)
	if err := verify(t, b, p); err != nil {
		t.Fatal(err)
	}
	early, late, other := good, good, good
	early.NotBefore, late.NotAfter, other.Key = now.Unix()+1, now.Unix()-1, keyHash(release)
	for name, c := range map[string][]byte{
		"none": nil, "by a stranger": certificate(ed25519.NewKeyFromSeed(make([]byte, 32)), good), "not valid yet": certificate(certifier, early),
		"expired": certificate(certifier, late), "of another key": certificate(certifier, other), "cut": b.Certificate[:20],
	} {
		b := b
		b.Certificate = c
		if err := verify(t, b, p); !errors.Is(err, attest.ErrPlatform) {
			t.Errorf("certificate %s: %v", name, err)
		}
	}
	if _, err := Certify(certifier, Certificate{NotBefore: 2, NotAfter: 1}); err == nil {
		t.Error("a certificate without time is made")
	}
	for i := range b.Certificate {
		for bit := range 8 {
			bad := bytes.Clone(b.Certificate)
			bad[i] ^= 1 << bit
			if _, err := OpenCertificate(certifier.Public().(ed25519.PublicKey), bad, now); err == nil {
				t.Errorf("bit %d of byte %d of the certificate changed, and it counts", bit, i)
			}
		}
	}
}

func TestApproval(t *testing.T) {
	a, err := Approve(release, program, boot.Programs())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := a.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseApproval(raw)
	if err != nil || again != a || again.Check() != nil {
		t.Fatalf("%v, %v", err, again.Check())
	}
	for i := range raw {
		for bit := range 8 {
			bad := bytes.Clone(raw)
			bad[i] ^= 1 << bit
			if a, err := ParseApproval(bad); err == nil && a.Check() == nil {
				t.Errorf("bit %d of byte %d of the approval changed, and it counts", bit, i)
			}
		}
	}
	if _, err := ParseApproval(make([]byte, MaxApproval+1)); !errors.Is(err, ErrApprovalForm) {
		t.Error(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Approve(p384, program, boot.Programs()); err == nil {
		t.Error("a key of another curve approves")
	}
}
