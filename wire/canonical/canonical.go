// Package canonical is CBOR (RFC 8949) in which every value has one encoding
// and every other encoding of it is refused: core deterministic on the way
// out, and on the way in whatever encoding again does not give byte for byte.
package canonical

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// ErrNotCanonical means that the bytes mean something, but are not the one
// encoding of it that is allowed.
var ErrNotCanonical = errors.New("not the canonical encoding")

// Codec encodes and decodes within bounds. The zero Codec does not work.
type Codec struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

// New makes a codec that decodes values at most nested levels deep (4 and
// up), whose lists have at most elements elements (16 and up) and whose maps
// have at most 16 pairs. It panics where the bounds are none, which is a
// mistake in a program and not in its input.
func New(nested, elements int) Codec {
	enc, err := cbor.EncOptions{
		Sort:          cbor.SortCoreDeterministic,
		ShortestFloat: cbor.ShortestFloat16,
		NaNConvert:    cbor.NaNConvert7e00,
		InfConvert:    cbor.InfConvertFloat16,
		IndefLength:   cbor.IndefLengthForbidden,
		TagsMd:        cbor.TagsForbidden,
		NilContainers: cbor.NilContainerAsEmpty, // nil and empty are one value, so they have one encoding
	}.EncMode()
	if err != nil {
		panic(err)
	}
	return Codec{enc, decoder(nested, elements, 16)} // 16 pairs are the least that the library takes
}

func decoder(nested, elements, pairs int) cbor.DecMode {
	dec, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxNestedLevels:   nested,
		MaxArrayElements:  elements,
		MaxMapPairs:       pairs,
		UTF8:              cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return dec
}

// Foreign decodes what others encoded, who may order the keys of a map and
// choose the length of an integer as they like. All other bounds are those of
// Codec: no tags, no indefinite lengths, no unknown and no doubled keys,
// nothing behind the value. Whatever authenticates the bytes must cover all of them.
type Foreign struct{ dec cbor.DecMode }

// NewForeign makes a decoder with the bounds of New, and of at most pairs
// (16 and up) in a map.
func NewForeign(nested, elements, pairs int) Foreign {
	return Foreign{decoder(nested, elements, pairs)}
}

// Unmarshal reads b into v, a pointer. The caller bounds the length of b.
func (f Foreign) Unmarshal(b []byte, v any) error { return f.dec.Unmarshal(b, v) }

// Marshal is the encoding of v.
func (c Codec) Marshal(v any) ([]byte, error) { return c.enc.Marshal(v) }

// Unmarshal reads b into v, a pointer. Bytes that Marshal would not have made
// of it are ErrNotCanonical. The caller bounds the length of b.
func (c Codec) Unmarshal(b []byte, v any) error {
	if err := c.dec.Unmarshal(b, v); err != nil {
		return err
	}
	again, err := c.enc.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode again: %w", err)
	}
	same := bytes.Equal(again, b)
	clear(again) // it may hold a secret
	if !same {
		return ErrNotCanonical
	}
	return nil
}
