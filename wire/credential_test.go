package wire

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/veraison/go-cose"
)

var credential = Credential{Tenant: "acme", Device: [32]byte{1}, NotAfter: 1 << 40}

func operatorKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)) }

func operator() ed25519.PublicKey { return operatorKey().Public().(ed25519.PublicKey) }

func sign(t testing.TB, c Credential) []byte {
	t.Helper()
	b, err := SignCredential(c, operatorKey())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// byHand builds the credential for NotAfter from RFC 9052, sections 4.2 and
// 4.4, without a library, and signs it by the function given.
func byHand(notAfter int64, sign func(message []byte) []byte) []byte {
	payload := must(hex.DecodeString("850106" + "6461636d65" + "5820" + "01" + strings.Repeat("00", 31) + "1b" + fmt.Sprintf("%016x", notAfter)))
	structure := append([]byte("\x84\x6aSignature1"), "\x43\xa1\x01\x27"...)
	structure = append(structure, "\x52volar/credential/1"...)
	structure = append(append(structure, 0x58, byte(len(payload))), payload...)
	b := append([]byte("\xd2\x84\x43\xa1\x01\x27\xa0\x58"), byte(len(payload)))
	b = append(append(b, payload...), 0x58, ed25519.SignatureSize)
	return append(b, sign(structure)...)
}

func TestCredential(t *testing.T) {
	b := sign(t, credential)
	if want := byHand(1<<40, func(m []byte) []byte { return ed25519.Sign(operatorKey(), m) }); !bytes.Equal(b, want) {
		t.Errorf("%x, want %x", b, want)
	}
	for _, now := range []int64{0, 1 << 40} {
		if c, err := VerifyCredential(b, operator(), time.Unix(now, 999)); err != nil || c != credential {
			t.Errorf("at %d: %v, %v", now, c, err)
		}
	}
	if c, err := VerifyCredential(b, operator(), time.Unix(1<<40+1, 0)); !errors.Is(err, ErrCredentialExpired) || c != (Credential{}) {
		t.Errorf("after its time: %v, %v", c, err)
	}
}

// No byte of a credential can be changed, not even one that means the same.
func TestCredentialBits(t *testing.T) {
	b := sign(t, credential)
	for bit := range len(b) * 8 {
		bad := bytes.Clone(b)
		bad[bit/8] ^= 1 << (bit % 8)
		if _, err := VerifyCredential(bad, operator(), time.Unix(0, 0)); err == nil {
			t.Errorf("bit %d flipped: accepted", bit)
		}
	}
	for n := range b {
		if _, err := VerifyCredential(b[:n], operator(), time.Unix(0, 0)); err == nil {
			t.Errorf("%d bytes: accepted", n)
		}
	}
}

func TestCredentialKeys(t *testing.T) {
	b := sign(t, credential)
	other, _, _ := ed25519.GenerateKey(rand.Reader)
	for name, key := range map[string]ed25519.PublicKey{"none": nil, "short": operator()[:31], "zero": make([]byte, 32), "other": other} {
		if _, err := VerifyCredential(b, key, time.Unix(0, 0)); err == nil {
			t.Errorf("operator %s: accepted", name)
		}
	}
	if _, err := VerifyCredential(b, other, time.Unix(0, 0)); !errors.Is(err, ErrCredentialSignature) {
		t.Errorf("another operator: %v", err)
	}
	for _, key := range []ed25519.PrivateKey{nil, operatorKey()[:32]} {
		if _, err := SignCredential(credential, key); err == nil {
			t.Errorf("signed with a key of %d bytes", len(key))
		}
	}
}

// An operator's key that was never set is a point of order four, under which
// anyone can sign: with R the neutral element and S zero, one message in four.
func TestCredentialForgedForNoKey(t *testing.T) {
	unset := make([]byte, ed25519.PublicKeySize)
	signature := append([]byte{1}, make([]byte, ed25519.SignatureSize-1)...)
	forged := 0
	for i := range int64(64) {
		verifies := false
		b := byHand(1<<40+i, func(m []byte) []byte {
			verifies = ed25519.Verify(unset, m, signature)
			return signature
		})
		if !verifies {
			continue
		}
		forged++
		if _, err := VerifyCredential(b, unset, time.Unix(0, 0)); err == nil {
			t.Errorf("a forged credential was accepted: %x", b)
		}
	}
	if forged == 0 {
		t.Error("no forgery was tried")
	}
}

func TestCredentialValues(t *testing.T) {
	for name, c := range map[string]Credential{
		"zero":   {},
		"tenant": {Tenant: "Acme", Device: [32]byte{1}, NotAfter: 1},
		"device": {Tenant: "acme", NotAfter: 1},
		"time 0": {Tenant: "acme", Device: [32]byte{1}},
		"time":   {Tenant: "acme", Device: [32]byte{1}, NotAfter: -1},
	} {
		if _, err := SignCredential(c, operatorKey()); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
}

// What an operator's key could sign that is no credential, or a careless
// signer's credential that is not in the one form.
func TestCredentialForms(t *testing.T) {
	payload := must(marshal(TypeCredential, credentialForm{Version: Version, Type: TypeCredential,
		Tenant: credential.Tenant, Device: credential.Device, NotAfter: credential.NotAfter}, MaxCredential))
	signer := must(cose.NewSigner(cose.AlgorithmEdDSA, operatorKey()))
	build := func(protected cose.ProtectedHeader, unprotected cose.UnprotectedHeader, payload []byte, context string) []byte {
		return must(cose.Sign1(rand.Reader, signer, cose.Headers{Protected: protected, Unprotected: unprotected}, payload, []byte(context)))
	}
	alg := cose.ProtectedHeader{cose.HeaderLabelAlgorithm: cose.AlgorithmEdDSA}
	good := build(alg, nil, payload, credentialContext)
	if _, err := VerifyCredential(good, operator(), time.Unix(0, 0)); err != nil {
		t.Fatal("the way these are built is wrong: ", err)
	}
	p256 := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	es256 := must(cose.NewSigner(cose.AlgorithmES256, p256))
	for name, b := range map[string][]byte{
		"no context":      build(alg, nil, payload, ""),
		"other context":   build(alg, nil, payload, "volar/credential/2"),
		"no algorithm":    build(cose.ProtectedHeader{}, nil, payload, credentialContext),
		"more protected":  build(cose.ProtectedHeader{cose.HeaderLabelAlgorithm: cose.AlgorithmEdDSA, cose.HeaderLabelKeyID: []byte{1}}, nil, payload, credentialContext),
		"unprotected":     build(alg, cose.UnprotectedHeader{cose.HeaderLabelKeyID: []byte{1}}, payload, credentialContext),
		"empty payload":   build(alg, nil, []byte{}, credentialContext),
		"payload behind":  build(alg, nil, append(bytes.Clone(payload), 0), credentialContext),
		"payload of more": build(alg, nil, append([]byte{0x86}, append(payload[1:], 0)...), credentialContext),
		"other version":   build(alg, nil, append([]byte{0x85, 2}, payload[2:]...), credentialContext),
		"other type":      build(alg, nil, append([]byte{0x85, 1, 5}, payload[3:]...), credentialContext),
		"long":            build(alg, nil, make([]byte, MaxCredential), credentialContext),
		"untagged":        good[1:],
		"byte behind":     append(bytes.Clone(good), 0),
		"tag in two":      append([]byte{0xd8, 18}, good[1:]...),
		"other algorithm": must(cose.Sign1(rand.Reader, es256, cose.Headers{Protected: cose.ProtectedHeader{cose.HeaderLabelAlgorithm: cose.AlgorithmES256}}, payload, []byte(credentialContext))),
		"nothing":         nil,
	} {
		if c, err := VerifyCredential(b, operator(), time.Unix(0, 0)); err == nil || c != (Credential{}) {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

// must is for what cannot fail in a test that is right.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
