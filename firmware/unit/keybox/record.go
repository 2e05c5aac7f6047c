package keybox

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// Limits of what a box holds.
const (
	MaxKeys = 12   // sealed keys
	MaxName = 32   // bytes of a name
	MaxBlob = 4096 // bytes of a sealed key
)

const magic = "VOLARKB1"

// Sealed is one key as the TPM sealed it for a kernel and its initramfs.
type Sealed struct {
	PCR8 [32]byte // what PCR 8 must be for it to open
	Name string   // what it is for: "data" is the key of the data partition
	Blob []byte   // 1 to MaxBlob bytes, opaque here
}

// Keys are all that a box holds. No two have both name and PCR8 in common.
type Keys struct{ Sealed []Sealed }

// Find returns the blobs of a name, those for pcr8 alone.
func (k Keys) Find(name string, pcr8 [32]byte) []byte {
	for _, s := range k.Sealed {
		if s.Name == name && s.PCR8 == pcr8 {
			return s.Blob
		}
	}
	return nil
}

// With returns k with one more key, or with that key in place of the one of
// the same name and PCR8.
func (k Keys) With(s Sealed) Keys {
	var list []Sealed
	for _, old := range k.Sealed {
		if old.Name != s.Name || old.PCR8 != s.PCR8 {
			list = append(list, old)
		}
	}
	return Keys{append(list, s)}
}

// Only returns the keys that are sealed for one of these values of PCR 8.
func (k Keys) Only(pcr8 ...[32]byte) Keys {
	var list []Sealed
	for _, s := range k.Sealed {
		for _, p := range pcr8 {
			if s.PCR8 == p {
				list = append(list, s)
				break
			}
		}
	}
	return Keys{list}
}

func (k Keys) check() error {
	if len(k.Sealed) > MaxKeys {
		return fmt.Errorf("keybox: %d keys, allowed %d", len(k.Sealed), MaxKeys)
	}
	for i, s := range k.Sealed {
		if len(s.Name) < 1 || len(s.Name) > MaxName || len(s.Blob) < 1 || len(s.Blob) > MaxBlob {
			return fmt.Errorf("keybox: key %d has a name of %d and a blob of %d bytes, allowed 1 to %d and 1 to %d", i, len(s.Name), len(s.Blob), MaxName, MaxBlob)
		}
		for _, other := range k.Sealed[:i] {
			if other.Name == s.Name && other.PCR8 == s.PCR8 {
				return fmt.Errorf("keybox: two keys %q for one PCR 8", s.Name)
			}
		}
	}
	return nil
}

// record is one copy: magic, generation, keys, SHA-256 of all that, zeros.
type record struct {
	generation uint64 // counts from 1
	keys       Keys
}

var errRecord = errors.New("keybox: no whole record")

func (r record) marshal() ([]byte, error) {
	if err := r.keys.check(); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	b := le.AppendUint64([]byte(magic), r.generation)
	b = append(b, byte(len(r.keys.Sealed)))
	for _, s := range r.keys.Sealed {
		b = append(b, s.PCR8[:]...)
		b = append(b, byte(len(s.Name)))
		b = append(b, s.Name...)
		b = le.AppendUint16(b, uint16(len(s.Blob)))
		b = append(b, s.Blob...)
	}
	sum := sha256.Sum256(b)
	b = append(b, sum[:]...)
	return append(b, make([]byte, copySize-len(b))...), nil
}

// parse is the inverse of marshal: exactly those bytes, or an error.
func parse(b []byte) (record, error) {
	whole := b
	le := binary.LittleEndian
	take := func(n int) (part []byte) {
		if n > len(b) {
			b = nil
			return make([]byte, n)
		}
		part, b = b[:n], b[n:]
		return part
	}
	if len(b) != copySize || string(take(len(magic))) != magic {
		return record{}, errRecord
	}
	r := record{generation: le.Uint64(take(8))}
	for range int(take(1)[0]) {
		var s Sealed
		copy(s.PCR8[:], take(32))
		s.Name = string(take(int(take(1)[0])))
		s.Blob = bytes.Clone(take(int(le.Uint16(take(2)))))
		if r.keys.Sealed = append(r.keys.Sealed, s); len(r.keys.Sealed) > MaxKeys {
			return record{}, errRecord
		}
	}
	again, err := r.marshal()
	if err != nil || r.generation == 0 || !bytes.Equal(again, whole) {
		return record{}, errRecord
	}
	return r, nil
}
