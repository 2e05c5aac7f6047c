// Package keybox keeps the sealed keys of a unit on a small raw partition, so
// that a power cut at any moment leaves the keys of before or those of after.
//
// The partition holds two copies (README.md of the parent folder has the byte
// table). A writer replaces the older one, makes it durable and reads it back;
// a reader takes the newer of those that are whole. What is kept is sealed by
// the TPM already: the box protects against loss, not against readers.
package keybox

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
)

// Size of what the box uses of its partition, in bytes.
const (
	copySize = 64 << 10
	spacing  = 2 << 20 // from one copy to the other: they share no erase block
	// MinSize is the least a partition may have.
	MinSize = spacing + copySize
)

// ErrBlank is Load's answer where nothing was ever saved, or all was wiped.
var ErrBlank = errors.New("keybox: blank")

// ErrDamaged is Load's answer where something was saved and no copy is whole.
var ErrDamaged = errors.New("keybox: no whole copy")

// Medium is the partition. Sync returns when what was written is durable.
type Medium interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// Box is the partition's user. It is not safe for use by several goroutines.
type Box struct{ on Medium }

// Open takes the partition; nothing is read yet.
func Open(on Medium) *Box { return &Box{on} }

// copies reads both copies. A zero generation is a copy that is not whole;
// blank tells that every byte of both is zero.
func (b *Box) copies() (found [2]record, blank bool, err error) {
	blank = true
	for i := range found {
		raw := make([]byte, copySize)
		if _, err := b.on.ReadAt(raw, int64(i)*spacing); err != nil {
			return found, false, fmt.Errorf("keybox: read copy %d: %w", i, err)
		}
		blank = blank && len(bytes.Trim(raw, "\x00")) == 0
		if r, err := parse(raw); err == nil {
			found[i] = r
		}
	}
	return found, blank, nil
}

// Load returns what was saved last.
func (b *Box) Load() (Keys, error) {
	found, blank, err := b.copies()
	switch {
	case err != nil:
		return Keys{}, err
	case blank:
		return Keys{}, ErrBlank
	}
	r := found[newer(found)]
	if r.generation == 0 {
		return Keys{}, ErrDamaged
	}
	return r.keys, nil
}

func newer(found [2]record) int {
	if found[1].generation > found[0].generation {
		return 1
	}
	return 0
}

// Save replaces what was saved. When it returns nil, Load returns k whatever
// happens next; when it fails, Load returns k or what was there before.
func (b *Box) Save(k Keys) error {
	found, _, err := b.copies()
	if err != nil {
		return err
	}
	last := newer(found)
	raw, err := record{found[last].generation + 1, k}.marshal()
	if err != nil {
		return err
	}
	return b.put(1-last, raw)
}

// put writes one copy, makes it durable and reads it back.
func (b *Box) put(n int, raw []byte) error {
	at := int64(n) * spacing
	if _, err := b.on.WriteAt(raw, at); err != nil {
		return fmt.Errorf("keybox: write copy %d: %w", n, err)
	}
	if err := b.on.Sync(); err != nil {
		return fmt.Errorf("keybox: sync copy %d: %w", n, err)
	}
	back := make([]byte, len(raw))
	if _, err := b.on.ReadAt(back, at); err != nil {
		return fmt.Errorf("keybox: read copy %d back: %w", n, err)
	}
	if !bytes.Equal(raw, back) {
		return fmt.Errorf("keybox: copy %d reads back other than it was written", n)
	}
	return nil
}

// Wipe makes the box blank. Each copy is overwritten with random bytes before
// it is zeroed, and both are read back: a medium that compresses or skips
// zeros must not keep the keys. After a power cut in between, the box is
// damaged or holds one copy; Wipe again finishes.
func (b *Box) Wipe() error {
	noise := make([]byte, copySize)
	rand.Read(noise)
	for _, raw := range [][]byte{noise, make([]byte, copySize)} {
		for n := range 2 {
			if err := b.put(n, raw); err != nil {
				return fmt.Errorf("wipe: %w", err)
			}
		}
	}
	return nil
}
