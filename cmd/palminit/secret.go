package main

import (
	"crypto/rand"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"volar/firmware/unit"
	"volar/firmware/unit/keybox"
	"volar/hal/linux/tpm"
)

// secretName is what the keybox calls the one secret of a unit, from which the
// key of the data partition and the identity are derived.
const secretName = "unit"

// keys open the unit's secret with the TPM.
type keys struct {
	chip   *tpm.TPM
	medium *os.File
	box    *keybox.Box
	floor  uint64 // of the release that runs
}

func openKeys(chip *tpm.TPM, floor uint64) (*keys, error) {
	device, err := partition("unit", 0)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &keys{chip, f, keybox.Open(f), floor}, nil
}

// find looks for the secret. Where it does not open, the error says why and
// the opening what follows from it.
func (k *keys) find() (secret []byte, how unit.Opening, err error) {
	var facts unit.Facts
	all, err := k.box.Load()
	switch {
	case errors.Is(err, keybox.ErrBlank):
		facts.Blank = true
	case err == nil:
		if secret, err = k.unseal(all); err == nil {
			facts.Unsealed = true
		}
		facts.Wiped = errors.Is(err, tpm.ErrWiped)
	}
	return secret, unit.Decide(facts), err
}

// unseal opens the blob of this boot's PCR 8. Where there is none, any other
// one tells what the chip thinks of them.
func (k *keys) unseal(all keybox.Keys) ([]byte, error) {
	pcr8, err := k.chip.PCR8()
	if err != nil {
		return nil, err
	}
	blob := all.Find(secretName, pcr8)
	if blob == nil && len(all.Sealed) > 0 {
		blob = all.Sealed[0].Blob
	}
	return k.chip.Unseal(blob)
}

// draw makes a secret for a new unit. It lasts once keep has returned.
func draw() []byte {
	secret := make([]byte, 32)
	rand.Read(secret)
	return secret
}

// keep seals the secret for the system that runs. That makes a new unit one:
// everything that needs the secret is in place before.
func (k *keys) keep(secret []byte) error {
	pcr8, err := k.chip.PCR8()
	if err != nil {
		return err
	}
	blob, err := k.chip.Seal(secret, pcr8, k.floor)
	if err != nil {
		return err
	}
	return k.box.Save(keybox.Keys{}.With(keybox.Sealed{PCR8: pcr8, Name: secretName, Blob: blob}))
}

// openSecret opens the secret, and with it the data partition. A new unit gets
// both; the secret is kept last, so that a power cut before starts anew.
func (k *keeper) openSecret() ([]byte, error) {
	chip, err := tpm.Open(k.board.TPM.Device)
	if err != nil {
		return nil, err
	}
	if k.keys, err = openKeys(chip, k.release.Floor); err != nil {
		return nil, err
	}
	secret, how, err := k.keys.find()
	switch how {
	case unit.Fresh:
		say("a new unit: %v", err)
		secret = draw()
	case unit.Locked:
		return nil, k.locked(err)
	}
	if err := openData(secret, how == unit.Fresh); err != nil {
		return nil, err
	}
	if how == unit.Fresh {
		unix.Sync()
		return secret, k.keys.keep(secret)
	}
	return secret, nil
}
