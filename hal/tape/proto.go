package tape

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// The few words of Protocol Buffers that an image needs. Messages are written
// field by field, since the library promises no order of its own.

func putVarint(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func putFixed32(b []byte, field protowire.Number, v uint32) []byte {
	return protowire.AppendFixed32(protowire.AppendTag(b, field, protowire.Fixed32Type), v)
}

func putBytes[T string | []byte](b []byte, field protowire.Number, v T) []byte {
	b = protowire.AppendVarint(protowire.AppendTag(b, field, protowire.BytesType), uint64(len(v)))
	return append(b, v...)
}

// protoField is one field of a message: num is its value unless it is bytes.
type protoField struct {
	field protowire.Number
	kind  protowire.Type
	num   uint64
	data  []byte // aliases the message
}

// nextField cuts the first field off b.
func nextField(b []byte) (f protoField, rest []byte, err error) {
	field, kind, n := protowire.ConsumeTag(b)
	if n < 0 {
		return f, nil, protowire.ParseError(n)
	}
	f.field, f.kind, b = field, kind, b[n:]
	switch kind {
	case protowire.VarintType:
		f.num, n = protowire.ConsumeVarint(b)
	case protowire.Fixed32Type:
		var v uint32
		v, n = protowire.ConsumeFixed32(b)
		f.num = uint64(v)
	case protowire.BytesType:
		f.data, n = protowire.ConsumeBytes(b)
	default:
		return f, nil, errors.New("a field of a kind that no image has")
	}
	if n < 0 {
		return f, nil, protowire.ParseError(n)
	}
	return f, b[n:], nil
}

// eachField reads a message whose fields have these kinds, by number. They may
// come in any order, none twice, and none beside these.
func eachField(b []byte, kinds []protowire.Type, do func(protoField) error) error {
	seen := make([]bool, len(kinds))
	for len(b) > 0 {
		f, rest, err := nextField(b)
		if err != nil {
			return err
		}
		if int(f.field) >= len(kinds) || seen[f.field] || f.kind != kinds[f.field] {
			return fmt.Errorf("field %d is unknown, mistyped or there twice", f.field)
		}
		if err := do(f); err != nil {
			return err
		}
		seen[f.field], b = true, rest
	}
	return nil
}
