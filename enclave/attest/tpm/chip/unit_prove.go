package chip

import (
	"bytes"
	"fmt"
	"math/big"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"volar/enclave/attest/tpm"
)

// unitKeyTemplate is tpm.PublicKey.Unit without the point. It is a primary
// key of the endorsement hierarchy: the chip makes the same one each time, for
// as long as it is that chip, and nothing of it is kept elsewhere.
var unitKeyTemplate = tpm2.TPMTPublic{
	Type: tpm2.TPMAlgECC, NameAlg: tpm2.TPMAlgSHA256,
	ObjectAttributes: tpm2.TPMAObject{FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true, NoDA: true, Restricted: true, SignEncrypt: true},
	Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, &tpm2.TPMSECCParms{CurveID: tpm2.TPMECCNistP256, Scheme: tpm2.TPMTECCScheme{Scheme: tpm2.TPMAlgECDSA,
		Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgECDSA, &tpm2.TPMSSigSchemeECDSA{HashAlg: tpm2.TPMAlgSHA256})}}),
}

// withKey loads the unit's attestation key for as long as f runs.
func (u *Unit) withKey(t transport.TPM, f func(tpm2.NamedHandle, tpm.PublicKey) error) error {
	r, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHEndorsement, InPublic: tpm2.New2B(unitKeyTemplate)}.Execute(t)
	if err != nil {
		return fmt.Errorf("attestation key: %w", err)
	}
	defer flush(t, r.ObjectHandle)
	public, err := r.OutPublic.Contents()
	if err != nil {
		return fmt.Errorf("attestation key: %w", err)
	}
	point, err := public.Unique.ECC()
	if err != nil || len(point.X.Buffer) != 32 || len(point.Y.Buffer) != 32 {
		return fmt.Errorf("attestation key: no point of P-256: %w", err)
	}
	return f(tpm2.NamedHandle{Handle: r.ObjectHandle, Name: r.Name}, tpm.PublicKey(append(bytes.Clone(point.X.Buffer), point.Y.Buffer...)))
}

// AttestationKey is the unit's attestation key, x and y.
func (u *Unit) AttestationKey() (key tpm.PublicKey, err error) {
	err = u.chip.do("make the attestation key", func(t transport.TPM) error {
		return u.withKey(t, func(_ tpm2.NamedHandle, k tpm.PublicKey) error { key = k; return nil })
	})
	return key, err
}

// EndorsementKey is the modulus of the chip's RSA endorsement key.
func (u *Unit) EndorsementKey() (modulus []byte, err error) {
	err = u.chip.do("read the endorsement key", func(t transport.TPM) error {
		key, transient, err := endorsementKey(t)
		if err != nil {
			return err
		}
		if transient {
			defer flush(t, key.Handle)
		}
		r, err := tpm2.ReadPublic{ObjectHandle: key.Handle}.Execute(t)
		if err != nil {
			return err
		}
		public, err := r.OutPublic.Contents()
		if err != nil {
			return err
		}
		n, err := public.Unique.RSA()
		if err != nil || len(n.Buffer) != 256 {
			return fmt.Errorf("no RSA key of 2048 bits: %w", err)
		}
		modulus = bytes.Clone(n.Buffer)
		return nil
	})
	return modulus, err
}

// Activate opens a credential that was made for the chip's endorsement key
// and the unit's attestation key: it can only where both lie in it.
func (u *Unit) Activate(credential, secret []byte) (opened []byte, err error) {
	err = u.chip.do("activate the credential", func(t transport.TPM) error {
		endorsement, transient, err := endorsementKey(t)
		if err != nil {
			return err
		}
		if transient {
			defer flush(t, endorsement.Handle)
		}
		return u.withKey(t, func(key tpm2.NamedHandle, _ tpm.PublicKey) error {
			policy := tpm2.Policy(tpm2.TPMAlgSHA256, 16, byEndorsement)
			r, err := tpm2.ActivateCredential{
				ActivateHandle: tpm2.AuthHandle{Handle: key.Handle, Name: key.Name, Auth: tpm2.PasswordAuth(nil)},
				KeyHandle:      tpm2.AuthHandle{Handle: endorsement.Handle, Name: endorsement.Name, Auth: policy},
				CredentialBlob: tpm2.TPM2BIDObject{Buffer: credential},
				Secret:         tpm2.TPM2BEncryptedSecret{Buffer: secret},
			}.Execute(t)
			if err != nil {
				if s := policy.Handle(); s != tpm2.TPMRHNull {
					flush(t, s)
				}
				return err
			}
			opened = r.CertInfo.Buffer
			return nil
		})
	})
	return opened, err
}

// Quote has the chip sign what the firmware register holds, with a nonce.
func (u *Unit) Quote(nonce [32]byte) (quote []byte, sig tpm.Signature, err error) {
	err = u.chip.do("quote", func(t transport.TPM) error {
		return u.withKey(t, func(key tpm2.NamedHandle, _ tpm.PublicKey) error {
			q, err := tpm2.Quote{
				SignHandle:     tpm2.AuthHandle{Handle: key.Handle, Name: key.Name, Auth: tpm2.PasswordAuth(nil)},
				QualifyingData: tpm2.TPM2BData{Buffer: nonce[:]},
				InScheme:       tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull},
				PCRSelect:      selection(tpm.FirmwarePCR),
			}.Execute(t)
			if err != nil {
				return err
			}
			s, err := q.Signature.Signature.ECDSA()
			if err != nil {
				return err
			}
			quote = bytes.Clone(q.Quoted.Bytes())
			sig, err = tpm.NewSignature(new(big.Int).SetBytes(s.SignatureR.Buffer), new(big.Int).SetBytes(s.SignatureS.Buffer))
			return err
		})
	})
	return quote, sig, err
}
