// Package nitro is the platform AWS Nitro Enclaves: the hypervisor signs an
// attestation document over what it loaded and over 64 bytes of the enclave's
// choice.
//
// The form of the document and the order of the checks are those of AWS's
// "Verifying the root of trust" (aws-nitro-enclaves-nsm-api,
// docs/attestation_process.md).
package nitro

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/veraison/go-cose"

	"volar/enclave/attest"
	"volar/wire/canonical"
)

// Limits of a document, in bytes where nothing else is said.
const (
	maxDocument = 16 << 10
	maxChain    = 8 // certificates
	maxDER      = 1 << 10
	maxField    = 1 << 10
	maxPCRs     = 32
	pcrSize     = 48 // SHA-384
)

// document is the payload of a COSE_Sign1 message.
type document struct {
	ModuleID    string            `cbor:"module_id"`
	Digest      string            `cbor:"digest"`
	Timestamp   uint64            `cbor:"timestamp"` // milliseconds since 1970
	PCRs        map[uint64][]byte `cbor:"pcrs"`
	Certificate []byte            `cbor:"certificate"`
	CABundle    [][]byte          `cbor:"cabundle"` // the root first
	PublicKey   []byte            `cbor:"public_key"`
	UserData    []byte            `cbor:"user_data"`
	Nonce       []byte            `cbor:"nonce"`
}

var codec = canonical.NewForeign(4, 16, maxPCRs)

// open checks the signature of a document and the chain of its certificates
// up to root, at the document's own time: a certificate lives three hours.
// What the document says is the caller's to judge, its time first.
func open(b []byte, root *x509.Certificate) (*document, error) {
	m, d, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", attest.ErrMalformed, err)
	}
	key, err := d.signer(root)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", attest.ErrSignature, err)
	}
	v, err := cose.NewVerifier(cose.AlgorithmES384, key)
	if err == nil {
		err = m.Verify(nil, v)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", attest.ErrSignature, err)
	}
	return d, nil
}

// parse reads a document in its one encoding: a COSE_Sign1, untagged, ES384
// in the protected header and no other header.
func parse(b []byte) (*cose.UntaggedSign1Message, *document, error) {
	if len(b) > maxDocument {
		return nil, nil, fmt.Errorf("document of %d bytes, at most %d", len(b), maxDocument)
	}
	var read cose.UntaggedSign1Message
	if err := read.UnmarshalCBOR(b); err != nil {
		return nil, nil, err
	}
	m := &cose.UntaggedSign1Message{
		Headers: cose.Headers{
			Protected:   cose.ProtectedHeader{cose.HeaderLabelAlgorithm: cose.AlgorithmES384},
			Unprotected: cose.UnprotectedHeader{},
		},
		Payload: read.Payload, Signature: read.Signature,
	}
	if again, err := m.MarshalCBOR(); err != nil || !bytes.Equal(again, b) {
		return nil, nil, errors.New("not a COSE_Sign1 message in the form of a document")
	}
	var d document
	if err := codec.Unmarshal(m.Payload, &d); err != nil {
		return nil, nil, err
	}
	return m, &d, d.check()
}

// check holds the fields against AWS's rules.
func (d *document) check() error {
	switch {
	case d.ModuleID == "" || d.Digest != "SHA384" || d.Timestamp == 0 || d.Timestamp > 1<<52:
		return fmt.Errorf("module %.64q, digest %.16q, time %d", d.ModuleID, d.Digest, d.Timestamp)
	case len(d.PCRs) == 0 || len(d.PCRs) > maxPCRs:
		return fmt.Errorf("%d PCRs, 1 to %d", len(d.PCRs), maxPCRs)
	case len(d.CABundle) == 0 || len(d.CABundle) > maxChain:
		return fmt.Errorf("%d certificates in the bundle, 1 to %d", len(d.CABundle), maxChain)
	case len(d.PublicKey) > maxField || len(d.UserData) > maxField || len(d.Nonce) > maxField:
		return fmt.Errorf("public key, user data and nonce of %d, %d and %d bytes, at most %d", len(d.PublicKey), len(d.UserData), len(d.Nonce), maxField)
	}
	for i, v := range d.PCRs {
		if i >= maxPCRs || len(v) != pcrSize {
			return fmt.Errorf("PCR %d of %d bytes", i, len(v))
		}
	}
	for _, der := range append([][]byte{d.Certificate}, d.CABundle...) {
		if len(der) == 0 || len(der) > maxDER {
			return fmt.Errorf("certificate of %d bytes, 1 to %d", len(der), maxDER)
		}
	}
	return nil
}

// time is when the hypervisor made the document.
func (d *document) time() time.Time { return time.UnixMilli(int64(d.Timestamp)) }

// signer is the key of the document's certificate, which must lead to root.
func (d *document) signer(root *x509.Certificate) (*ecdsa.PublicKey, error) {
	if !bytes.Equal(d.CABundle[0], root.Raw) {
		return nil, errors.New("the bundle begins with another root")
	}
	leaf, err := x509.ParseCertificate(d.Certificate)
	if err != nil {
		return nil, err
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root)
	for _, der := range d.CABundle[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		between.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: d.time(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}); err != nil {
		return nil, err
	}
	key, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P384() {
		return nil, errors.New("the certificate's key is not of P-384")
	}
	return key, nil
}

//go:embed root.pem
var rootPEM []byte

// awsRoot is the root that AWS publishes, in
// https://aws-nitro-enclaves.amazonaws.com/AWS_NitroEnclaves_Root-G1.zip.
// A test holds it against the published fingerprint.
var awsRoot = mustRoot()

func mustRoot() *x509.Certificate {
	block, _ := pem.Decode(rootPEM)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		panic(err) // the file is part of the program
	}
	return c
}
