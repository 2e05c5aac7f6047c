package tpm

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"volar/enclave/attest"
)

// Sizes of a quote's parts, in bytes.
const (
	attestSize = 145 // TPMS_ATTEST of a quote, with names and digests of SHA-256
	maxBody    = 2 << 10
)

// Boot are the values of PCR 0 to 9: how the machine was started.
type Boot [BootPCRs][32]byte

// Digest is what a policy lists: SHA-256 of the values, one after another.
func (b Boot) Digest() [32]byte {
	h := sha256.New()
	for _, v := range b {
		h.Write(v[:])
	}
	return [32]byte(h.Sum(nil))
}

// Measured tells whether anything was measured. Software TPMs without
// firmware, and machines without measured boot, have zeros.
func (b Boot) Measured() bool { return b != Boot{} }

// Programs are the values that a release approves: PCR 4, 8 and 9.
func (b Boot) Programs() [3][32]byte { return [3][32]byte{b[4], b[8], b[9]} }

// Board are the values that secrets are bound to, in the order of BoardPCRs.
func (b Boot) Board() (values [][32]byte) {
	for _, p := range BoardPCRs {
		values = append(values, b[p])
	}
	return values
}

// Body is the body of evidence of kind tpm.
type Body struct {
	Key         PublicKey        // the attestation key
	Release     PublicKey        // the release key that the platform's secrets are sealed to
	Boot        Boot             // what the quoted registers 0 to 9 hold
	Attest      [attestSize]byte // TPMS_ATTEST, as signed
	Signature   Signature        // by Key
	Certificate []byte           // of Key, up to MaxCertificate bytes; may be empty
}

// bodyForm is a Body as CBOR. The registers' values lie one after another.
type bodyForm struct {
	_           struct{} `cbor:",toarray"`
	Version     uint8
	Key         PublicKey
	Release     PublicKey
	Boot        [BootPCRs * 32]byte
	Attest      [attestSize]byte
	Signature   Signature
	Certificate []byte
}

// Marshal is the body's encoding.
func (b Body) Marshal() ([]byte, error) {
	if len(b.Certificate) > MaxCertificate {
		return nil, fmt.Errorf("tpm: encode body: certificate of %d bytes, at most %d", len(b.Certificate), MaxCertificate)
	}
	f := bodyForm{Version: version, Key: b.Key, Release: b.Release, Attest: b.Attest, Signature: b.Signature, Certificate: b.Certificate}
	for i, v := range b.Boot {
		copy(f.Boot[i*32:], v[:])
	}
	return codec.Marshal(f)
}

// ParseBody reads what Marshal wrote, and nothing else; other bytes are an
// error that wraps attest.ErrMalformed.
func ParseBody(b []byte) (Body, error) {
	if len(b) > maxBody {
		return Body{}, fmt.Errorf("tpm: parse body: %w: %d bytes, at most %d", attest.ErrMalformed, len(b), maxBody)
	}
	var f bodyForm
	if err := codec.Unmarshal(b, &f); err != nil {
		return Body{}, fmt.Errorf("tpm: parse body: %w: %w", attest.ErrMalformed, err)
	}
	if f.Version != version || len(f.Certificate) > MaxCertificate {
		return Body{}, fmt.Errorf("tpm: parse body: %w: version %d with a certificate of %d bytes, want %d and at most %d", attest.ErrMalformed, f.Version, len(f.Certificate), version, MaxCertificate)
	}
	body := Body{Key: f.Key, Release: f.Release, Attest: f.Attest, Signature: f.Signature, Certificate: f.Certificate}
	for i := range body.Boot {
		body.Boot[i] = [32]byte(f.Boot[i*32:])
	}
	return body, nil
}

// Nonce is what a quote carries as extra data: SHA-256("palm/quote/v1" ||
// report data). Some chips take no more than the 32 bytes.
func Nonce(reportData [64]byte) [32]byte {
	return sha256.Sum256(append([]byte("palm/quote/v1"), reportData[:]...))
}

// Fields of a TPMS_ATTEST whose bytes a verifier cannot know: where they
// begin, and how long they are (TPM 2.0 Library, part 2, table 145). README.md
// has the whole table.
const (
	signerAt, signerSize = 10, 32 // qualifiedSigner: the key's name with those of its parents
	clockAt, clockSize   = 76, 16
	safeAt               = 92
	firmwareAt           = 93
	firmwareSize         = 8
)

// Why a quote is refused, beside the reasons of package attest.
var (
	errQuote  = errors.New("not a quote of exactly these registers, values and nonce")
	errUnsafe = errors.New("the chip's clock may have gone back")
)

// checkQuote compares every byte of a quote with what it must be. Only four
// fields stay open: they name the key's place, the clock's counts and the
// chip's firmware, and the signature covers them.
func checkQuote(q [attestSize]byte, boot Boot, register, nonce [32]byte) error {
	if q[safeAt] != 1 {
		return errUnsafe
	}
	h := sha256.New()
	for _, v := range boot {
		h.Write(v[:])
	}
	h.Write(register[:])
	want := slices.Concat(
		[]byte("\xffTCG"), u16(0x8018), // TPM_GENERATED_VALUE, TPM_ST_ATTEST_QUOTE
		u16(34), u16(algSHA256), q[signerAt:signerAt+signerSize],
		u16(32), nonce[:],
		q[clockAt:clockAt+clockSize], []byte{1},
		q[firmwareAt:firmwareAt+firmwareSize],
		Selection(QuotedPCRs), u16(32), h.Sum(nil),
	)
	if !bytes.Equal(q[:], want) {
		return errQuote
	}
	return nil
}
