package search

import (
	"encoding/binary"
	"fmt"

	"volar/enclave/vault/matcher"
	"volar/enclave/vault/memory"
)

// templates holds the whole codes of captures, row by row, outside of the heap. A row is a template's length
// and its bytes, filled up with zeros. Rows that were given back are zeros and are used again first.
type templates struct {
	rows *memory.Array
	free []uint32
}

const (
	lengthBytes = 4
	rowBytes    = (lengthBytes + matcher.TemplateMax + 63) / 64 * 64 // whole cache lines
)

// room makes sure that n templates fit.
func (t *templates) room(n int) error {
	if n -= len(t.free); n <= 0 {
		return nil
	}
	had := t.rows.Len()
	if err := t.rows.Resize(had + n); err != nil {
		return fmt.Errorf("search: room for %d captures: %w", n, err)
	}
	for i := range n {
		t.free = append(t.free, uint32(had+n-1-i))
	}
	return nil
}

// put takes a row for a template; there must be room.
func (t *templates) put(template []byte) uint32 {
	last := len(t.free) - 1
	at := t.free[last]
	t.free = t.free[:last]
	row := t.rows.At(int(at))
	binary.LittleEndian.PutUint32(row, uint32(len(template)))
	copy(row[lengthBytes:], template)
	return at
}

// at is a template. It is good until the row is dropped.
func (t *templates) at(i uint32) []byte {
	row := t.rows.At(int(i))
	return row[lengthBytes:][:binary.LittleEndian.Uint32(row)]
}

// drop overwrites a row and gives it back.
func (t *templates) drop(i uint32) {
	clear(t.rows.At(int(i)))
	t.free = append(t.free, i)
}
