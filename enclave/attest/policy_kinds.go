package attest

import (
	"errors"
	"fmt"
	"slices"
)

// The kinds of evidence.
const (
	KindTPM       = "tpm"
	KindNitro     = "nitro"
	KindSNP       = "sev-snp"
	KindTDX       = "tdx"
	KindSimulated = "simulated" // signed with a key in an ordinary file
)

// TPM says which chips and which boots of the machine are accepted. A chip is
// accepted by its key or by a certificate.
type TPM struct {
	Keys       [][32]byte `cbor:"1,keyasint"` // SHA-256 of an attestation key's public area, admitted by credential activation
	Certifiers [][32]byte `cbor:"2,keyasint"` // Ed25519 keys whose certificates of attestation keys count
	Boot       [][32]byte `cbor:"3,keyasint"` // SHA-256 of the values of PCR 0 to 9, one after another
}

func (k *TPM) check() error {
	if len(k.Keys)+len(k.Certifiers) == 0 {
		return errors.New("neither attestation keys nor certifiers")
	}
	return errors.Join(optional("attestation keys", k.Keys, maxKeys), optional("certifiers", k.Certifiers, maxKeys), list("boot states", k.Boot, maxImages))
}

// Nitro says which enclave images are accepted.
type Nitro struct {
	Images []NitroImage `cbor:"1,keyasint"`
}

// NitroImage is the measurement of an enclave image file (SHA-384): the whole
// image, its kernel with the boot ramdisk, and the application.
type NitroImage struct {
	PCR0 [48]byte `cbor:"1,keyasint"`
	PCR1 [48]byte `cbor:"2,keyasint"`
	PCR2 [48]byte `cbor:"3,keyasint"`
}

func (k *Nitro) check() error {
	for _, i := range k.Images {
		if i.PCR0 == [48]byte{} || i.PCR1 == [48]byte{} || i.PCR2 == [48]byte{} {
			return errors.New("an image with a PCR of zero, which is what every enclave in debug mode has")
		}
	}
	return list("images", k.Images, maxImages)
}

// SNP says which guests on which firmware are accepted (AMD SEV-SNP).
type SNP struct {
	Images [][48]byte `cbor:"1,keyasint"` // launch digests, field MEASUREMENT
	TCB    []SNPTCB   `cbor:"2,keyasint"` // the least for each line of products; a line that is not here is refused
	SMT    bool       `cbor:"3,keyasint"` // guests that may run with simultaneous multithreading
}

// SNPTCB is the least security version of each part of a processor's firmware.
type SNPTCB struct {
	Product    string `cbor:"1,keyasint"` // "Milan" or "Genoa"
	Bootloader uint8  `cbor:"2,keyasint"`
	TEE        uint8  `cbor:"3,keyasint"`
	SNP        uint8  `cbor:"4,keyasint"`
	Microcode  uint8  `cbor:"5,keyasint"`
}

// snpProducts are the lines of products whose versions have these parts.
var snpProducts = []string{"Milan", "Genoa"}

func (k *SNP) check() error {
	for i, t := range k.TCB {
		if !slices.Contains(snpProducts, t.Product) {
			return fmt.Errorf("product %.32q, want one of %q", t.Product, snpProducts)
		}
		if slices.ContainsFunc(k.TCB[:i], func(o SNPTCB) bool { return o.Product == t.Product }) {
			return fmt.Errorf("product %q twice", t.Product)
		}
	}
	return errors.Join(list("images", k.Images, maxImages), list("products", k.TCB, len(snpProducts)))
}

// TDX says which trust domains on which platforms are accepted (Intel TDX).
type TDX struct {
	Images []TDXImage `cbor:"1,keyasint"`
	TCB    [16]byte   `cbor:"2,keyasint"` // TEE_TCB_SVN, the least of each part
	CPU    [16]byte   `cbor:"3,keyasint"` // CPUSVN of the processor's certificate, the least of each part
	QE     uint16     `cbor:"4,keyasint"` // the least ISV SVN of Intel's quoting enclave
	PCE    uint16     `cbor:"5,keyasint"` // the least SVN of the provisioning enclave
}

// TDXImage is what a trust domain measures as (SHA-384): its first memory,
// then firmware configuration, kernel, application, and what the application measured.
type TDXImage struct {
	MRTD [48]byte    `cbor:"1,keyasint"`
	RTMR [4][48]byte `cbor:"2,keyasint"`
}

func (k *TDX) check() error {
	for _, i := range k.Images {
		if i.MRTD == [48]byte{} {
			return errors.New("an image with an MRTD of zero")
		}
	}
	return list("images", k.Images, maxImages)
}

// Simulated says which simulated platforms are accepted.
type Simulated struct {
	Keys [][32]byte `cbor:"1,keyasint"` // Ed25519 public keys
}

func (k *Simulated) check() error { return list("platform keys", k.Keys, maxKeys) }

// optional is list where there may be nothing.
func optional[T comparable](name string, of []T, most int) error {
	if len(of) == 0 {
		return nil
	}
	return list(name, of, most)
}

// list checks that there is something on a list, nothing zero, nothing twice, and not too much.
func list[T comparable](name string, of []T, most int) error {
	var zero T
	switch {
	case len(of) == 0 || len(of) > most:
		return fmt.Errorf("%d %s, 1 to %d", len(of), name, most)
	case slices.Contains(of, zero):
		return fmt.Errorf("%s: one is zero", name)
	}
	for i, v := range of {
		if slices.Contains(of[:i], v) {
			return fmt.Errorf("%s: number %d is there twice", name, i+1)
		}
	}
	return nil
}
