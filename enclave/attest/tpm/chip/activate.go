package chip

import (
	"encoding/asn1"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"volar/enclave/attest/tpm"
)

// Where makers put the endorsement key and its certificate (TCG EK Credential
// Profile 2.5, 2.2.1.4 and TCG TPM v2.0 Provisioning Guidance 1.0, 7.8).
const (
	endorsementHandle      = tpm2.TPMHandle(0x81010001) // RSA 2048, template L-1
	endorsementCertificate = tpm2.TPMHandle(0x01C00002)
)

const (
	maxEndorsement = 4 << 10
	nvChunk        = 512
)

// Endorsement is the certificate (DER) that the chip's maker gave to its RSA
// endorsement key.
func (c *Chip) Endorsement() (der []byte, err error) {
	err = c.do("read the endorsement certificate", func(t transport.TPM) error {
		p, err := tpm2.NVReadPublic{NVIndex: endorsementCertificate}.Execute(t)
		if errors.Is(err, tpm2.TPMRCHandle) {
			return ErrNoCert
		}
		if err != nil {
			return err
		}
		public, err := p.NVPublic.Contents()
		if err != nil {
			return err
		}
		if public.DataSize > maxEndorsement {
			return fmt.Errorf("certificate of %d bytes, at most %d", public.DataSize, maxEndorsement)
		}
		index := tpm2.NamedHandle{Handle: endorsementCertificate, Name: p.NVName}
		all := make([]byte, 0, public.DataSize)
		for at := uint16(0); at < public.DataSize; at += nvChunk {
			r, err := tpm2.NVRead{AuthHandle: tpm2.AuthHandle{Handle: index.Handle, Name: index.Name, Auth: tpm2.PasswordAuth(nil)},
				NVIndex: index, Size: min(nvChunk, public.DataSize-at), Offset: at}.Execute(t)
			if err != nil {
				return err
			}
			all = append(all, r.Data.Buffer...)
		}
		der, err = first(all)
		return err
	})
	return der, err
}

// first is the one DER value at the beginning: some makers fill the rest.
func first(b []byte) ([]byte, error) {
	var v asn1.RawValue
	if _, err := asn1.Unmarshal(b, &v); err != nil {
		return nil, fmt.Errorf("endorsement certificate: %w", err)
	}
	return v.FullBytes, nil
}

// Activate opens a credential that was made for the chip's endorsement key
// and the platform's attestation key: it can only where both lie in it.
func (c *Chip) Activate(state []byte, credential, secret []byte) (opened []byte, err error) {
	st, err := ParseState(state)
	if err != nil {
		return nil, err
	}
	storage, err := st.storage()
	if err != nil {
		return nil, err
	}
	err = c.do("activate the credential", func(t transport.TPM) error {
		c.storage = storage
		key, err := c.load(t, st.Key)
		if err != nil {
			return err
		}
		defer flush(t, key.Handle)
		endorsement, transient, err := endorsementKey(t)
		if err != nil {
			return err
		}
		if transient {
			defer flush(t, endorsement.Handle)
		}
		r, err := tpm2.ActivateCredential{
			ActivateHandle: tpm2.AuthHandle{Handle: key.Handle, Name: key.Name, Auth: tpm2.Policy(tpm2.TPMAlgSHA256, 16, activation(st.Release))},
			KeyHandle:      tpm2.AuthHandle{Handle: endorsement.Handle, Name: endorsement.Name, Auth: tpm2.Policy(tpm2.TPMAlgSHA256, 16, byEndorsement)},
			CredentialBlob: tpm2.TPM2BIDObject{Buffer: credential},
			Secret:         tpm2.TPM2BEncryptedSecret{Buffer: secret},
		}.Execute(t)
		if err == nil {
			opened = r.CertInfo.Buffer
		}
		return err
	})
	return opened, err
}

// endorsementKey is the one that the maker left, or the same made again.
func endorsementKey(t transport.TPM) (key tpm2.NamedHandle, transient bool, err error) {
	if r, err := (tpm2.ReadPublic{ObjectHandle: endorsementHandle}).Execute(t); err == nil {
		return tpm2.NamedHandle{Handle: endorsementHandle, Name: r.Name}, false, nil
	} else if !errors.Is(err, tpm2.TPMRCHandle) {
		return key, false, err
	}
	r, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHEndorsement, InPublic: tpm2.New2B(tpm2.RSAEKTemplate)}.Execute(t)
	if err != nil {
		return key, false, err
	}
	return tpm2.NamedHandle{Handle: r.ObjectHandle, Name: r.Name}, true, nil
}

// activation is the branch of the attestation key's policy that anybody meets.
func activation(release tpm.PublicKey) tpm2.PolicyCallback {
	a, b := tpm.Activation(), tpm.Custody(release)
	return func(t transport.TPM, s tpm2.TPMISHPolicy, _ tpm2.TPM2BNonce) error {
		if _, err := (tpm2.PolicyCommandCode{PolicySession: s, Code: tpm2.TPMCCActivateCredential}).Execute(t); err != nil {
			return err
		}
		_, err := tpm2.PolicyOr{PolicySession: s, PHashList: tpm2.TPMLDigest{Digests: []tpm2.TPM2BDigest{{Buffer: a[:]}, {Buffer: b[:]}}}}.Execute(t)
		return err
	}
}

// byEndorsement is the policy of endorsement keys: the hierarchy's auth value.
func byEndorsement(t transport.TPM, s tpm2.TPMISHPolicy, nonce tpm2.TPM2BNonce) error {
	_, err := tpm2.PolicySecret{AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHEndorsement, Auth: tpm2.PasswordAuth(nil)}, PolicySession: s, NonceTPM: nonce}.Execute(t)
	return err
}
