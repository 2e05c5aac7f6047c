package chip

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"volar/enclave/attest/tpm"
)

// SetUp makes a platform of a chip without an owner: a storage key, an
// attestation key, a counter, and auth values that only the sealed seed
// knows. keep is given the state and returns when it is on the disk; only
// then the chip gets its owner. A set-up that was interrupted before that is
// begun again; one that was interrupted after it is completed by Start.
func (c *Chip) SetUp(release tpm.PublicKey, keep func(state []byte) error) error {
	if _, err := release.ECDSA(); err != nil {
		return fmt.Errorf("tpm: set up: release key: %w", err)
	}
	var s seed
	var st State
	err := c.do("set up", func(t transport.TPM) (err error) {
		if err := unowned(t); err != nil {
			return err
		}
		_, _ = rand.Read(s.secret[:]) // never fails: crypto/rand ends the program instead
		if st, err = c.makePlatform(t, &s); err != nil {
			return err
		}
		st.Release = release
		if st.Key, err = c.makeKey(t, s, release); err != nil {
			return err
		}
		boot, err := c.boot(t)
		if err != nil {
			return err
		}
		st.Seed, err = c.seal(t, s.bytes(), tpm.Sealed(release, boot.Board()))
		return err
	})
	if err != nil {
		return err
	}
	b, err := st.Marshal()
	if err == nil {
		err = keep(b)
	}
	if err != nil {
		return fmt.Errorf("tpm: set up: keep the state: %w", err)
	}
	return c.do("take ownership", func(t transport.TPM) error { return c.own(t, s) })
}

// The bits of TPM_PT_PERMANENT.
const (
	ownerAuthSet   = 1 << 0
	lockoutAuthSet = 1 << 2
)

func permanent(t transport.TPM) (uint32, error) {
	v, err := properties(t, tpm2.TPMPTPermanent, 1)
	if err != nil {
		return 0, err
	}
	return v[0], nil
}

func unowned(t transport.TPM) error {
	set, err := permanent(t)
	if err == nil && set&(ownerAuthSet|lockoutAuthSet) != 0 {
		err = ErrOwned
	}
	return err
}

// makePlatform makes the storage key and the counter, in place of those that
// an interrupted set-up left.
func (c *Chip) makePlatform(t transport.TPM, s *seed) (State, error) {
	public, err := c.makeStorage(t)
	if err != nil {
		return State{}, err
	}
	auth, err := s.auth(counterAuth)
	if err != nil {
		return State{}, err
	}
	if err := c.makeCounter(t, auth); err != nil {
		return State{}, err
	}
	s.base, err = c.readCounter(t, auth)
	return State{Storage: public}, err
}

func (c *Chip) makeStorage(t transport.TPM) ([]byte, error) {
	owner := tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.PasswordAuth(nil)}
	old, err := tpm2.ReadPublic{ObjectHandle: storageHandle}.Execute(t)
	if err == nil {
		_, err = tpm2.EvictControl{Auth: owner, ObjectHandle: tpm2.NamedHandle{Handle: storageHandle, Name: old.Name}, PersistentHandle: storageHandle}.Execute(t)
	} else if errors.Is(err, tpm2.TPMRCHandle) {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("storage key: %w", err)
	}
	k, err := tpm2.CreatePrimary{PrimaryHandle: owner, InPublic: tpm2.New2B(tpm2.ECCSRKTemplate)}.Execute(t)
	if err != nil {
		return nil, fmt.Errorf("storage key: %w", err)
	}
	defer flush(t, k.ObjectHandle)
	if _, err := (tpm2.EvictControl{Auth: owner, ObjectHandle: tpm2.NamedHandle{Handle: k.ObjectHandle, Name: k.Name}, PersistentHandle: storageHandle}).Execute(t); err != nil {
		return nil, fmt.Errorf("storage key: %w", err)
	}
	c.storage, err = k.OutPublic.Contents()
	return bytes.Clone(k.OutPublic.Bytes()), err
}

func (c *Chip) makeCounter(t transport.TPM, auth []byte) error {
	owner := tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.PasswordAuth(nil)}
	old, err := tpm2.NVReadPublic{NVIndex: counterHandle}.Execute(t)
	if err == nil {
		_, err = tpm2.NVUndefineSpace{AuthHandle: owner, NVIndex: tpm2.NamedHandle{Handle: counterHandle, Name: old.NVName}}.Execute(t)
	} else if errors.Is(err, tpm2.TPMRCHandle) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("counter: %w", err)
	}
	owner.Auth = c.session(nil, tpm2.AESEncryption(128, tpm2.EncryptIn)) // the auth value is a secret
	if _, err := (tpm2.NVDefineSpace{AuthHandle: owner, Auth: tpm2.TPM2BAuth{Buffer: auth}, PublicInfo: tpm2.New2B(counterPublic(false))}).Execute(t); err != nil {
		return fmt.Errorf("counter: %w", err)
	}
	return c.count(t, auth, false) // from here on its name stays
}

// makeKey makes the attestation key.
func (c *Chip) makeKey(t transport.TPM, s seed, release tpm.PublicKey) (Object, error) {
	auth, err := s.auth(keyAuth)
	if err != nil {
		return Object{}, err
	}
	policy := tpm.KeyPolicy(release)
	return c.create(t, auth, nil, tpm2.TPMTPublic{
		Type: tpm2.TPMAlgECC, NameAlg: tpm2.TPMAlgSHA256,
		ObjectAttributes: tpm2.TPMAObject{FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true,
			AdminWithPolicy: true, NoDA: true, Restricted: true, SignEncrypt: true},
		AuthPolicy: tpm2.TPM2BDigest{Buffer: policy[:]},
		Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, &tpm2.TPMSECCParms{CurveID: tpm2.TPMECCNistP256, Scheme: tpm2.TPMTECCScheme{Scheme: tpm2.TPMAlgECDSA,
			Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgECDSA, &tpm2.TPMSSigSchemeECDSA{HashAlg: tpm2.TPMAlgSHA256})}}),
	})
}

// create makes an object under the storage key.
func (c *Chip) create(t transport.TPM, auth, data []byte, public tpm2.TPMTPublic) (Object, error) {
	parent, err := c.parent()
	if err != nil {
		return Object{}, err
	}
	sensitive := &tpm2.TPMSSensitiveCreate{UserAuth: tpm2.TPM2BAuth{Buffer: auth}}
	if data != nil {
		sensitive.Data = tpm2.NewTPMUSensitiveCreate(&tpm2.TPM2BSensitiveData{Buffer: data})
	}
	r, err := tpm2.Create{
		ParentHandle: tpm2.AuthHandle{Handle: parent.Handle, Name: parent.Name, Auth: c.hidden(nil)},
		InSensitive:  tpm2.TPM2BSensitiveCreate{Sensitive: sensitive},
		InPublic:     tpm2.New2B(public),
	}.Execute(t)
	if err != nil {
		return Object{}, err
	}
	return Object{Public: bytes.Clone(r.OutPublic.Bytes()), Private: bytes.Clone(r.OutPrivate.Buffer)}, nil
}

// seal makes an object that opens under a policy and in no other way.
func (c *Chip) seal(t transport.TPM, secret []byte, policy tpm.Digest) (Object, error) {
	return c.create(t, nil, secret, tpm2.TPMTPublic{
		Type: tpm2.TPMAlgKeyedHash, NameAlg: tpm2.TPMAlgSHA256,
		ObjectAttributes: tpm2.TPMAObject{FixedTPM: true, FixedParent: true, NoDA: true}, // no UserWithAuth: by policy alone
		AuthPolicy:       tpm2.TPM2BDigest{Buffer: policy[:]},
	})
}

// load loads an object. Whoever gets it flushes it.
func (c *Chip) load(t transport.TPM, o Object) (tpm2.NamedHandle, error) {
	parent, err := c.parent()
	if err != nil {
		return tpm2.NamedHandle{}, err
	}
	r, err := tpm2.Load{
		ParentHandle: tpm2.AuthHandle{Handle: parent.Handle, Name: parent.Name, Auth: c.session(nil)},
		InPrivate:    tpm2.TPM2BPrivate{Buffer: o.Private},
		InPublic:     tpm2.BytesAs2B[tpm2.TPMTPublic](o.Public),
	}.Execute(t)
	if err != nil {
		return tpm2.NamedHandle{}, err
	}
	return tpm2.NamedHandle{Handle: r.ObjectHandle, Name: r.Name}, nil
}

// own gives the chip an owner and sets who may clear it, where that is not
// done yet. Without an owner anybody could remove the counter and define
// another one.
func (c *Chip) own(t transport.TPM, s seed) error {
	set, err := permanent(t)
	if err != nil {
		return err
	}
	for _, h := range []struct {
		bit    uint32
		handle tpm2.TPMHandle
		use    string
	}{{ownerAuthSet, tpm2.TPMRHOwner, ownerAuth}, {lockoutAuthSet, tpm2.TPMRHLockout, lockoutAuth}} {
		if set&h.bit != 0 {
			continue
		}
		auth, err := s.auth(h.use)
		if err != nil {
			return err
		}
		// The reply is keyed with the new value, with which go-tpm does not
		// reckon. So the value is set once more: this time it is known.
		err = c.changeAuth(t, h.handle, nil, auth)
		if rc := tpm2.TPMRC(0); errors.As(err, &rc) || errors.Is(err, errLost) {
			return err
		}
		if err := c.changeAuth(t, h.handle, auth, auth); err != nil {
			return err
		}
	}
	return nil
}

func (c *Chip) changeAuth(t transport.TPM, h tpm2.TPMHandle, old, now []byte) error {
	_, err := tpm2.HierarchyChangeAuth{
		AuthHandle: tpm2.AuthHandle{Handle: h, Auth: c.session(old, tpm2.AESEncryption(128, tpm2.EncryptIn))},
		NewAuth:    tpm2.TPM2BAuth{Buffer: now},
	}.Execute(t)
	return err
}
