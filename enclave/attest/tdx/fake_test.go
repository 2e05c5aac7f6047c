package tdx

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-tdx-guest/testing/testdata"

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
)

// Where fields lie in a quote.
const (
	atBody       = 0x30
	atTCB        = atBody
	atSeamSigner = atBody + 0x40
	atSeamAttr   = atBody + 0x70
	atAttributes = atBody + 0x78
	atMRTD       = atBody + 0x88
	atRTMR       = atBody + 0x148
	atData       = atBody + 0x208
)

// intel is a manufacturer with certificates of our own, one of its
// processors and its quoting enclave.
type intel struct {
	t          testing.TB
	root       *x509.Certificate
	twin       []byte // the chain with a root that differs from root and has its key
	chain      []byte // PEM
	pck, quote *ecdsa.PrivateKey
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newIntel(t testing.TB) *intel {
	rootKey, between := newKey(t), newKey(t)
	i := &intel{t: t, pck: newKey(t), quote: newKey(t)}
	i.root = certify(t, "Intel SGX Root CA", &rootKey.PublicKey, nil, rootKey, nil)
	ca := certify(t, "Intel SGX PCK Platform CA", &between.PublicKey, i.root, rootKey, nil)
	// What a real processor's certificate says about it.
	_, rest := recordedChain(t)
	var sgx []pkix.Extension
	for _, e := range rest.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{1, 2, 840, 113741, 1, 13, 1}) {
			sgx = append(sgx, e)
		}
	}
	leaf := certify(t, "Intel SGX PCK Certificate", &i.pck.PublicKey, ca, between, sgx)
	i.chain = pems(leaf, ca, i.root)
	i.twin = pems(leaf, ca, certify(t, "Intel SGX Root CA", &rootKey.PublicKey, nil, rootKey, nil))
	return i
}

func pems(list ...*x509.Certificate) (b []byte) {
	for _, c := range list {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return b
}

// recordedChain is the certificate chain of the recorded quote and the processor's certificate.
func recordedChain(t testing.TB) ([]byte, *x509.Certificate) {
	t.Helper()
	q, err := parse(recorded(t))
	if err != nil {
		t.Fatal(err)
	}
	text := q.GetSignedData().GetCertificationData().GetQeReportCertificationData().GetPckCertificateChainData().GetPckCertChain()
	leaf, err := chain(text, intelRoot)
	if err != nil {
		t.Fatal(err)
	}
	return text, leaf
}

func certify(t testing.TB, name string, key *ecdsa.PublicKey, parent *x509.Certificate, by *ecdsa.PrivateKey, sgx []pkix.Extension) *x509.Certificate {
	t.Helper()
	id := sha256.Sum256([]byte(name))
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name, Organization: []string{"Test"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), SignatureAlgorithm: x509.ECDSAWithSHA256,
		IsCA: sgx == nil, BasicConstraintsValid: true, SubjectKeyId: id[:20],
		KeyUsage: x509.KeyUsageDigitalSignature, CRLDistributionPoints: []string{"https://example.com/crl"}, ExtraExtensions: sgx,
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

// parts are what a quote is made of.
type parts struct {
	signed   []byte // header and body
	qe       []byte // the quoting enclave's report, 384 bytes
	auth     []byte
	chain    []byte
	quoteKey *ecdsa.PrivateKey
	pck      *ecdsa.PrivateKey
}

// parts are those of an honest trust domain: the recorded one's, with our data.
func (i *intel) parts() parts {
	b := bytes.Clone(recorded(i.t))
	p := parts{signed: b[:bodyEnd], qe: b[signedData+128+6:][:384], auth: []byte("auth"), chain: i.chain, quoteKey: i.quote, pck: i.pck}
	copy(p.signed[atData:], field[:])
	return p
}

// assemble signs the parts and joins them.
func (i *intel) assemble(p parts) []byte {
	key := make([]byte, 64)
	p.quoteKey.X.FillBytes(key[:32])
	p.quoteKey.Y.FillBytes(key[32:])
	qe := bytes.Clone(p.qe)
	about := sha256.Sum256(append(bytes.Clone(key), p.auth...))
	copy(qe[320:], about[:])
	clear(qe[352:])

	inner := append(bytes.Clone(qe), i.sign(p.pck, qe)...)
	inner = binary.LittleEndian.AppendUint16(inner, uint16(len(p.auth)))
	inner = append(inner, p.auth...)
	inner = binary.LittleEndian.AppendUint16(inner, 5)
	inner = binary.LittleEndian.AppendUint32(inner, uint32(len(p.chain)))
	inner = append(inner, p.chain...)

	outer := append(i.sign(p.quoteKey, p.signed), key...)
	outer = binary.LittleEndian.AppendUint16(outer, 6)
	outer = binary.LittleEndian.AppendUint32(outer, uint32(len(inner)))
	outer = append(outer, inner...)

	b := binary.LittleEndian.AppendUint32(bytes.Clone(p.signed), uint32(len(outer)))
	return append(b, outer...)
}

func (i *intel) sign(key *ecdsa.PrivateKey, b []byte) []byte {
	i.t.Helper()
	digest := sha256.Sum256(b)
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		i.t.Fatal(err)
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out
}

// recorded is a quote that a real processor made, without what its quoting
// service left behind it. It comes with go-tdx-guest.
func recorded(t testing.TB) []byte {
	t.Helper()
	b, err := trim(testdata.RawQuote)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// policy is one for the recorded trust domain.
func policy(t testing.TB) attest.Policy {
	t.Helper()
	q, err := parse(recorded(t))
	if err != nil {
		t.Fatal(err)
	}
	own := (&statement{body: q.GetTdQuoteBody()}).image()
	return attest.Policy{
		Tenant: "acme", Version: 1, NotBefore: 1, NotAfter: now.Unix() + 3600,
		Vaults: []attest.Vault{{Measurement: program}},
		TDX:    &attest.TDX{Images: []attest.TDXImage{{MRTD: [48]byte{1}}, own}, TCB: [16]byte{3, 0, 4}, QE: 4},
	}
}
