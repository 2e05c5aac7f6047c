// Package tdx is the platform Intel TDX: a quoting enclave signs a quote
// over what a trust domain measured as and over 64 bytes of its choice, with
// a key that leads to Intel's root.
//
// Quotes (version 4) are read and checked with
// github.com/google/go-tdx-guest, offline; what Intel's service would say
// about the versions of the platform is the policy's to say.
package tdx

import (
	"bytes"
	"crypto/x509"
	_ "embed"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/google/go-tdx-guest/abi"
	"github.com/google/go-tdx-guest/pcs"
	pb "github.com/google/go-tdx-guest/proto/tdx"
	"github.com/google/go-tdx-guest/verify"

	"volar/enclave/attest"
)

// Sizes of a quote, in bytes (Intel TDX DCAP Quoting Library API, appendix A.3).
const (
	maxQuote   = 16 << 10
	bodyEnd    = 0x278 // header and body; then the length of what is signed with, 4 bytes
	signedData = bodyEnd + 4
)

// statement is a genuine quote.
type statement struct {
	body *pb.TDQuoteBody
	qe   *pb.EnclaveReport
	key  *pcs.PckExtensions // of the certificate of the processor's key
}

// open checks the signatures of a quote, from the trust domain's report to
// the root: attestation key, quoting enclave, processor, Intel.
func open(b []byte, root *x509.Certificate, now time.Time) (*statement, error) {
	q, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", attest.ErrMalformed, err)
	}
	signed := q.GetSignedData().GetCertificationData().GetQeReportCertificationData()
	leaf, err := chain(signed.GetPckCertificateChainData().GetPckCertChain(), root)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", attest.ErrSignature, err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	if err := verify.TdxQuote(q, &verify.Options{TrustedRoots: roots, Now: now}); err != nil {
		return nil, fmt.Errorf("%w: %w", attest.ErrSignature, err)
	}
	key, err := pcs.PckCertificateExtensions(leaf)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", attest.ErrMalformed, err)
	}
	s := &statement{q.GetTdQuoteBody(), signed.GetQeReport(), key}
	return s, s.quotingEnclave()
}

// parse reads a quote that has only bytes that mean something.
func parse(b []byte) (*pb.QuoteV4, error) {
	if err := shape(b); err != nil {
		return nil, err
	}
	form, err := abi.QuoteToProto(b)
	if err != nil {
		return nil, err
	}
	q, ok := form.(*pb.QuoteV4)
	if !ok {
		return nil, errors.New("not a quote of version 4")
	}
	again, err := abi.QuoteToAbiBytes(q)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) {
		return nil, errors.New("quote is not in its one form")
	}
	return q, nil
}

// shape checks that the lengths inside a quote add up to all of it. The
// library that reads the quote trusts some of them, and panics on others'.
//
//	header and body 0x278 | n 4 | signature 64, key 64, type 2, m 4 | report 384, signature 64, a 2, a bytes, type 2, c 4, c bytes
//	                              └──────────────────────────── n ───┴───────────────────────── m ────────────────────────────┘
func shape(b []byte) error {
	if len(b) > maxQuote {
		return fmt.Errorf("quote of %d bytes, at most %d", len(b), maxQuote)
	}
	rest := b
	take := func(n int) []byte { // of no bytes once there are too few
		if n > len(rest) {
			rest = nil
			return make([]byte, min(n, 4))
		}
		part := rest[:n]
		rest = rest[n:]
		return part
	}
	take(bodyEnd)
	n := binary.LittleEndian.Uint32(take(4))
	outer := len(rest)
	take(64 + 64 + 2)
	m := binary.LittleEndian.Uint32(take(4))
	inner := len(rest)
	take(384 + 64)
	take(int(binary.LittleEndian.Uint16(take(2))))
	take(2)
	c := binary.LittleEndian.Uint32(take(4))
	if len(rest) == 0 || uint64(n) != uint64(outer) || uint64(m) != uint64(inner) || uint64(c) != uint64(len(rest)) {
		return fmt.Errorf("quote of %d bytes whose lengths do not add up", len(b))
	}
	return nil
}

// chain reads the certificates of a quote (the processor's, Intel's
// intermediate, Intel's root; PEM, perhaps with a zero byte behind) in their
// one form, and gives the first.
func chain(text []byte, root *x509.Certificate) (leaf *x509.Certificate, err error) {
	var again []byte
	rest := text
	for i := range 3 {
		block, behind := pem.Decode(rest)
		if block == nil {
			return nil, fmt.Errorf("%d certificates in the chain, want 3", i)
		}
		if i == 0 {
			if leaf, err = x509.ParseCertificate(block.Bytes); err != nil {
				return nil, err
			}
		}
		if i == 2 && !bytes.Equal(block.Bytes, root.Raw) {
			return nil, errors.New("the chain ends in another root")
		}
		again = append(again, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: block.Bytes})...)
		rest = behind
	}
	if !bytes.Equal(text, again) && !bytes.Equal(text, append(again, 0)) {
		return nil, errors.New("the chain is not in its one form")
	}
	return leaf, nil
}

// Intel's quoting enclave for TDX, as Intel's service describes it
// (api.trustedservices.intel.com/tdx/certification/v4/qe/identity). The
// processor's key signs reports of others too, so who reported matters.
var (
	qeSigner         = []byte("\xdc\x9e\x2a\x7c\x6f\x94\x8f\x17\x47\x4e\x34\xa7\xfc\x43\xed\x03\x0f\x7c\x15\x63\xf1\xba\xbd\xdf\x63\x40\xc8\x2e\x0e\x54\xa8\xc5")
	qeAttributes     = []byte("\x11\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	qeAttributesMask = []byte("\xfb\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00")
)

const qeProduct = 2

// quotingEnclave tells whether Intel's quoting enclave made the quote.
func (s *statement) quotingEnclave() error {
	same := bytes.Equal(s.qe.GetMrSigner(), qeSigner) && s.qe.GetIsvProdId() == qeProduct && s.qe.GetMiscSelect() == 0
	for i, b := range s.qe.GetAttributes() {
		same = same && b&qeAttributesMask[i] == qeAttributes[i]
	}
	if !same {
		return fmt.Errorf("%w: not Intel's quoting enclave: signer %x, product %d", attest.ErrSignature, s.qe.GetMrSigner(), s.qe.GetIsvProdId())
	}
	return nil
}

//go:embed root.pem
var rootPEM []byte

// intelRoot is Intel's SGX Root CA,
// https://certificates.trustedservices.intel.com/Intel_SGX_Provisioning_Certification_RootCA.cer.
var intelRoot = mustRoot()

func mustRoot() *x509.Certificate {
	block, _ := pem.Decode(rootPEM)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		panic(err) // the file is part of the program
	}
	return c
}
