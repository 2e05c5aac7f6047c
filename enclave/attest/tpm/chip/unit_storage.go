package chip

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// ownerOfUnit has the empty auth value that the owner of a unit's chip has.
func ownerOfUnit() tpm2.AuthHandle {
	return tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.PasswordAuth(nil)}
}

// storage reads the unit's storage key, ErrWiped where there is none, and
// makes it the one of the sessions.
func (u *Unit) storage(t transport.TPM) ([]byte, error) {
	r, err := tpm2.ReadPublic{ObjectHandle: storageHandle}.Execute(t)
	if errors.Is(err, tpm2.TPMRCHandle) {
		return nil, ErrWiped
	}
	if err != nil {
		return nil, err
	}
	u.chip.storage, err = r.OutPublic.Contents()
	return bytes.Clone(r.OutPublic.Bytes()), err
}

// makeUnitStorage makes the storage key: drawn in the chip, kept in the chip,
// and in no other place, so that Wipe ends what was sealed with it for ever.
// A primary key would not do: the chip makes the same one again.
func (u *Unit) makeUnitStorage(t transport.TPM) ([]byte, error) {
	root, err := tpm2.CreatePrimary{PrimaryHandle: ownerOfUnit(), InPublic: tpm2.New2B(tpm2.ECCSRKTemplate)}.Execute(t)
	if err != nil {
		return nil, fmt.Errorf("storage root key: %w", err)
	}
	defer flush(t, root.ObjectHandle)
	parent := tpm2.AuthHandle{Handle: root.ObjectHandle, Name: root.Name, Auth: tpm2.PasswordAuth(nil)}
	made, err := tpm2.Create{ParentHandle: parent, InPublic: tpm2.New2B(tpm2.ECCSRKTemplate)}.Execute(t)
	if err != nil {
		return nil, fmt.Errorf("storage key: %w", err)
	}
	key, err := tpm2.Load{ParentHandle: parent, InPrivate: made.OutPrivate, InPublic: made.OutPublic}.Execute(t)
	if err != nil {
		return nil, fmt.Errorf("storage key: %w", err)
	}
	defer flush(t, key.ObjectHandle)
	if _, err := (tpm2.EvictControl{Auth: ownerOfUnit(), ObjectHandle: tpm2.NamedHandle{Handle: key.ObjectHandle, Name: key.Name}, PersistentHandle: storageHandle}).Execute(t); err != nil {
		return nil, fmt.Errorf("storage key: %w", err)
	}
	return u.storage(t)
}

// Wipe destroys the storage key: nothing that was sealed opens again, on no
// firmware and from no copy. What the chip counts stays. A chip that is wiped
// already is no error.
func (u *Unit) Wipe() error {
	return u.chip.do("wipe", func(t transport.TPM) error {
		u.chip.storage = nil // no session is salted with a key that is gone
		old, err := tpm2.ReadPublic{ObjectHandle: storageHandle}.Execute(t)
		if errors.Is(err, tpm2.TPMRCHandle) {
			return nil
		}
		if err != nil {
			return err
		}
		_, err = tpm2.EvictControl{Auth: ownerOfUnit(), ObjectHandle: tpm2.NamedHandle{Handle: storageHandle, Name: old.Name}, PersistentHandle: storageHandle}.Execute(t)
		return err
	})
}
