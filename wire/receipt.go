package wire

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"

	"volar/wire/signed"
)

// MaxReceipt is the longest signed receipt, in bytes.
const MaxReceipt = 256

// receiptContext separates this signature from every other one that a
// receipt key may make: COSE's external additional data.
const receiptContext = "volar/receipt/1"

// Clock is where a receipt's time comes from. The zero Clock is invalid.
type Clock uint8

// HostClock is the clock of the machine under the vault. Nothing proves that
// it is right: what a receipt proves about time is the order of epochs.
const HostClock Clock = 1

// Receipt is a vault's word that a person's record was destroyed: the key of
// epoch Before, which led to it, is gone, and epoch After holds a gallery
// without it.
type Receipt struct {
	Handle      [32]byte // the pseudonym, bound to its tenant; see enclave/receipt
	Before      uint64   // epoch of the gallery that was destroyed
	After       uint64   // epoch of the one that replaced it: more than Before
	Root        [32]byte // of the tenant's tree at After
	Time        int64    // seconds since 1970, more than 0
	Clock       Clock
	Measurement [32]byte // SHA-256 of the vault's program
}

type receiptForm struct {
	_           struct{} `cbor:",toarray"`
	Version     uint8
	Type        Type
	Handle      [32]byte
	Before      uint64
	After       uint64
	Root        [32]byte
	Time        int64
	Clock       Clock
	Measurement [32]byte
}

func (r Receipt) check() error {
	switch {
	case r.Handle == [32]byte{}:
		return errors.New("the handle is zero")
	case r.Before < 1 || r.After <= r.Before:
		return fmt.Errorf("epoch %d after %d", r.After, r.Before)
	case r.Root == [32]byte{}:
		return errors.New("the root is zero")
	case r.Time <= 0:
		return fmt.Errorf("time %d, more than 0", r.Time)
	case r.Clock != HostClock:
		return fmt.Errorf("clock %d is unknown", r.Clock)
	case r.Measurement == [32]byte{}:
		return errors.New("the measurement is zero")
	}
	return nil
}

// SignReceipt gives a COSE_Sign1 (RFC 9052, section 4.2), tagged, EdDSA.
// Equal input gives equal bytes, so a receipt can be given twice.
func SignReceipt(r Receipt, key ed25519.PrivateKey) ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("wire: sign receipt: %w", err)
	}
	payload, err := marshal(TypeReceipt, receiptForm{Version: Version, Type: TypeReceipt, Handle: r.Handle, Before: r.Before,
		After: r.After, Root: r.Root, Time: r.Time, Clock: r.Clock, Measurement: r.Measurement}, MaxReceipt)
	if err != nil {
		return nil, err
	}
	b, err := signed.Sign(key, receiptContext, payload)
	if err != nil {
		return nil, fmt.Errorf("wire: sign receipt: %w", err)
	}
	return b, nil
}

// VerifyReceipt checks form, then signature: signed.ErrForm, signed.ErrSignature.
func VerifyReceipt(b []byte, key ed25519.PublicKey) (Receipt, error) {
	r, err := verifyReceipt(b, key)
	if err != nil {
		return Receipt{}, fmt.Errorf("wire: verify receipt: %w", err)
	}
	return r, nil
}

func verifyReceipt(b []byte, key ed25519.PublicKey) (Receipt, error) {
	if len(b) > MaxReceipt {
		return Receipt{}, fmt.Errorf("%d bytes, at most %d", len(b), MaxReceipt)
	}
	payload, err := signed.Open(key, receiptContext, b)
	if err != nil {
		return Receipt{}, err
	}
	f, err := unmarshal[receiptForm](TypeReceipt, payload, MaxReceipt)
	if err != nil {
		return Receipt{}, err
	}
	r := Receipt{f.Handle, f.Before, f.After, f.Root, f.Time, f.Clock, f.Measurement}
	return r, r.check()
}

// Slip is a signed receipt in an Answer: two bytes of length, the receipt,
// zeros. An answer without a receipt has a Slip of zeros, so all answers have
// one length.
type Slip [2 + MaxReceipt]byte

// NewSlip puts a signed receipt into a Slip.
func NewSlip(receipt []byte) (Slip, error) {
	var s Slip
	if len(receipt) > MaxReceipt {
		return s, fmt.Errorf("wire: slip: a receipt of %d bytes, at most %d", len(receipt), MaxReceipt)
	}
	s[0], s[1] = byte(len(receipt)>>8), byte(len(receipt))
	copy(s[2:], receipt)
	return s, nil
}

// Receipt is the signed receipt, or nil where there is none.
func (s Slip) Receipt() []byte {
	n := int(s[0])<<8 | int(s[1])
	if n == 0 || n > MaxReceipt {
		return nil
	}
	return bytes.Clone(s[2 : 2+n])
}

// check refuses a length out of range and anything but zeros after the receipt.
func (s Slip) check() error {
	n := int(s[0])<<8 | int(s[1])
	if n > MaxReceipt {
		return fmt.Errorf("a receipt of %d bytes, at most %d", n, MaxReceipt)
	}
	if rest := s[2+n:]; !bytes.Equal(rest, make([]byte, len(rest))) {
		return errors.New("bytes after the receipt")
	}
	return nil
}
