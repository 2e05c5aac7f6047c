package bundle

import (
	"encoding/binary"
	"fmt"
	"io"
)

// A packed part is a row of segments. Each is unpacked for itself, from at
// most MaxBase bytes of the part that runs, so the unit needs a bounded and
// small memory however large the systems are.

// Limits of one segment.
const (
	MaxSegment = 4 << 20  // bytes that come out
	MaxBase    = 12 << 20 // bytes of the base that it needs
	MaxRanges  = 8        // places where these lie
)

// span is a piece of the base.
type span struct {
	at   int64
	size int64
}

// segment is the head of one segment. Where packed is 0 the segment is the
// spans' bytes, one after the other; otherwise packed bytes of zstd follow,
// with the spans' bytes as dictionary.
type segment struct {
	packed int64
	size   int64
	spans  []span
}

func (s *segment) base() (n int64) {
	for _, r := range s.spans {
		n += r.size
	}
	return n
}

// maxPacked bounds what zstd makes of n bytes that it cannot compress.
func maxPacked(n int64) int64 { return n + n/128 + 512 }

// check says whether the segment can be one, in a part of which left bytes
// are still to come, from a base of baseSize bytes.
func (s *segment) check(left, baseSize int64) error {
	switch {
	case s.size < 1 || s.size > MaxSegment || s.size > left:
		return fmt.Errorf("%w: segment of %d bytes, %d are left", ErrDamaged, s.size, left)
	case s.packed > maxPacked(s.size):
		return fmt.Errorf("%w: segment of %d bytes packed in %d", ErrDamaged, s.size, s.packed)
	case len(s.spans) > MaxRanges || s.base() > MaxBase:
		return fmt.Errorf("%w: segment from %d bytes at %d places", ErrDamaged, s.base(), len(s.spans))
	case s.packed == 0 && s.base() != s.size:
		return fmt.Errorf("%w: segment of %d bytes copied from %d", ErrDamaged, s.size, s.base())
	}
	for _, r := range s.spans {
		if r.size < 1 || r.at < 0 || r.at > baseSize-r.size {
			return fmt.Errorf("%w: segment from %d bytes at %d of a base of %d", ErrDamaged, r.size, r.at, baseSize)
		}
	}
	return nil
}

// headSize is the length of a segment's head without its spans.
const headSize = 9

// append appends the head.
func (s *segment) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(s.packed))
	b = binary.BigEndian.AppendUint32(b, uint32(s.size))
	b = append(b, byte(len(s.spans)))
	for _, r := range s.spans {
		b = binary.BigEndian.AppendUint32(b, uint32(r.at))
		b = binary.BigEndian.AppendUint32(b, uint32(r.size))
	}
	return b
}

// readSegment reads a head.
func readSegment(r io.Reader) (s segment, err error) {
	var head [headSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return s, err
	}
	s = segment{packed: int64(binary.BigEndian.Uint32(head[:])), size: int64(binary.BigEndian.Uint32(head[4:]))}
	if head[8] > MaxRanges {
		return s, fmt.Errorf("%w: segment from %d places, at most %d", ErrDamaged, head[8], MaxRanges)
	}
	for range head[8] {
		var b [8]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return s, err
		}
		s.spans = append(s.spans, span{int64(binary.BigEndian.Uint32(b[:])), int64(binary.BigEndian.Uint32(b[4:]))})
	}
	return s, nil
}
