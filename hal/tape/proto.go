package tape

import (
	"encoding/binary"
	"errors"
)

// The few words of Protocol Buffers that an image needs.
// https://protobuf.dev/programming-guides/encoding/
const (
	wireVarint  = 0
	wireBytes   = 2
	wireFixed32 = 5
)

func putVarint(b []byte, field int, v uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(field)<<3|wireVarint), v)
}

func putFixed32(b []byte, field int, v uint32) []byte {
	return binary.LittleEndian.AppendUint32(binary.AppendUvarint(b, uint64(field)<<3|wireFixed32), v)
}

func putBytes[T string | []byte](b []byte, field int, v T) []byte {
	b = binary.AppendUvarint(b, uint64(field)<<3|wireBytes)
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

var errProto = errors.New("malformed protocol buffer")

// protoField is one field of a message: num is its value unless it is wireBytes.
type protoField struct {
	field, kind int
	num         uint64
	data        []byte // aliases the message
}

// nextField cuts the first field off b.
func nextField(b []byte) (f protoField, rest []byte, err error) {
	key, n := binary.Uvarint(b)
	if n <= 0 || key>>3 == 0 || key > 1<<10 {
		return f, nil, errProto
	}
	b = b[n:]
	f.field, f.kind = int(key>>3), int(key&7)
	switch f.kind {
	case wireVarint:
		if f.num, n = binary.Uvarint(b); n <= 0 {
			return f, nil, errProto
		}
		return f, b[n:], nil
	case wireFixed32:
		if len(b) < 4 {
			return f, nil, errProto
		}
		f.num = uint64(binary.LittleEndian.Uint32(b))
		return f, b[4:], nil
	case wireBytes:
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return f, nil, errProto
		}
		f.data = b[n : n+int(size)]
		return f, b[n+int(size):], nil
	}
	return f, nil, errProto
}
