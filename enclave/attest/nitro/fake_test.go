package nitro

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/veraison/go-cose"

	"volar/enclave/attest"
)

var (
	now     = time.Unix(1_800_000_000, 0)
	program = [32]byte{1}
	vault   = [32]byte{2}
	nonce   = [32]byte{3}
	events  = attest.Events{Measurement: program, VaultKey: vault}
	data    = attest.ReportData(vault, nonce, 4, "acme")
	field   = attest.Bound(data, events.Register())
	image   = attest.NitroImage{PCR0: [48]byte{10}, PCR1: [48]byte{11}, PCR2: [48]byte{12}}
)

// aws is a hypervisor with certificates of our own.
type aws struct {
	t                   testing.TB
	root, between, leaf *x509.Certificate
	key                 *ecdsa.PrivateKey
}

func newAWS(t testing.TB) *aws {
	rootKey, betweenKey, leafKey := newKey(t, elliptic.P384()), newKey(t, elliptic.P384()), newKey(t, elliptic.P384())
	a := &aws{t: t, key: leafKey}
	a.root = certify(t, "root", &rootKey.PublicKey, nil, rootKey, now.Add(-time.Hour*24), now.Add(time.Hour*24))
	a.between = certify(t, "between", &betweenKey.PublicKey, a.root, rootKey, now.Add(-time.Hour*24), now.Add(time.Hour*24))
	a.leaf = certify(t, "leaf", &leafKey.PublicKey, a.between, betweenKey, now.Add(-time.Hour), now.Add(2*time.Hour))
	return a
}

func newKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// certify makes a certificate; one without a parent signs itself.
func certify(t testing.TB, name string, key *ecdsa.PublicKey, parent *x509.Certificate, by *ecdsa.PrivateKey, from, to time.Time) *x509.Certificate {
	t.Helper()
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to,
		IsCA: name != "leaf", BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if form.IsCA {
		form.KeyUsage |= x509.KeyUsageCertSign
	}
	if parent == nil {
		parent = form
	}
	der, err := x509.CreateCertificate(rand.Reader, form, parent, key, by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// document is what the hypervisor says about an honest enclave.
func (a *aws) document() *document {
	d := &document{
		ModuleID: "i-0-enc1", Digest: "SHA384", Timestamp: uint64(now.UnixMilli()), PCRs: map[uint64][]byte{},
		Certificate: a.leaf.Raw, CABundle: [][]byte{a.root.Raw, a.between.Raw}, UserData: field[:],
	}
	for i := range uint64(16) {
		d.PCRs[i] = make([]byte, pcrSize)
	}
	copy(d.PCRs[0], image.PCR0[:])
	copy(d.PCRs[1], image.PCR1[:])
	copy(d.PCRs[2], image.PCR2[:])
	return d
}

func (a *aws) sign(d *document) []byte {
	a.t.Helper()
	payload, err := encoder.Marshal(d)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.signBytes(payload, a.key, cose.AlgorithmES384)
}

func (a *aws) signBytes(payload []byte, key *ecdsa.PrivateKey, alg cose.Algorithm) []byte {
	a.t.Helper()
	signer, err := cose.NewSigner(alg, key)
	if err != nil {
		a.t.Fatal(err)
	}
	m := cose.UntaggedSign1Message{Headers: cose.Headers{Protected: cose.ProtectedHeader{cose.HeaderLabelAlgorithm: alg}}, Payload: payload}
	if err := m.Sign(rand.Reader, nil, signer); err != nil {
		a.t.Fatal(err)
	}
	b, err := m.MarshalCBOR()
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

func policy() attest.Policy {
	return attest.Policy{
		Tenant: "acme", Version: 1, NotBefore: 1, NotAfter: now.Unix() + 3600,
		Vaults: []attest.Vault{{Measurement: program}},
		Nitro:  &attest.Nitro{Images: []attest.NitroImage{{PCR0: [48]byte{1}, PCR1: [48]byte{1}, PCR2: [48]byte{1}}, image}},
	}
}
