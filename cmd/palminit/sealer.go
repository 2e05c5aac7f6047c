package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"volar/firmware/unit/keybox"
	"volar/hal/linux/slots"
	"volar/wire/bootstate"
)

// sealer lets a new system open the unit's secret.
type sealer struct {
	keys  *keys
	slots *slots.Slots
}

// pcr8Of is what the boot loader makes of PCR 8 with a signed image.
func pcr8Of(fit [32]byte) [32]byte { return sha256.Sum256(append(make([]byte, 32), fit[:]...)) }

// SealFor seals the secret for the system whose signed image has the SHA-256
// fit. What the running one needs stays. The slot does not matter: a slot that
// holds the same image makes the same PCR 8.
func (s sealer) SealFor(_ context.Context, _ string, fit [32]byte, floor uint64) error {
	all, err := s.keys.box.Load()
	if err != nil {
		return err
	}
	secret, err := s.keys.unseal(all)
	if err != nil {
		return err
	}
	defer clear(secret)
	mine, err := s.keys.chip.PCR8()
	if err != nil {
		return err
	}
	next := pcr8Of(fit)
	if next == mine {
		return nil
	}
	blob, err := s.keys.chip.Seal(secret, next, floor)
	if err != nil {
		return err
	}
	return s.keys.box.Save(all.Only(mine).With(keybox.Sealed{PCR8: next, Name: secretName, Blob: blob}))
}

// Prune forgets what neither slot needs.
func (s sealer) Prune(context.Context) error {
	all, err := s.keys.box.Load()
	if err != nil {
		return err
	}
	mine, err := s.keys.chip.PCR8()
	if err != nil {
		return err
	}
	keep := [][32]byte{mine}
	if fit, err := fitHash(s.slots, bootstate.Other(s.slots.Running())); err == nil { // an empty slot needs nothing
		keep = append(keep, pcr8Of(fit))
	}
	if only := all.Only(keep...); len(only.Sealed) != len(all.Sealed) {
		return s.keys.box.Save(only)
	}
	return nil
}

// maxFIT bounds a signed image, in bytes.
const maxFIT = 256 << 20

// fitHash is the SHA-256 of the signed image in a slot. Its length stands in
// its header (a flattened device tree: magic, then totalsize, big endian).
func fitHash(s *slots.Slots, slot string) (sum [32]byte, err error) {
	r, done, err := s.Read(slot, slots.Boot)
	if err != nil {
		return sum, err
	}
	defer done()
	var head [8]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return sum, err
	}
	size := int64(binary.BigEndian.Uint32(head[4:]))
	if binary.BigEndian.Uint32(head[:]) != 0xd00dfeed || size > maxFIT {
		return sum, fmt.Errorf("slot %s holds no signed image", slot)
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(r, 0, size)); err != nil {
		return sum, err
	}
	return [32]byte(h.Sum(nil)), nil
}
