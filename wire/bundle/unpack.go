package bundle

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// unpacker gives the bytes of a part.
type unpacker struct {
	part   Part
	packed io.Reader // at most part.Packed bytes
	base   io.ReaderAt
	left   int64 // bytes that are still to come out
	ready  []byte
	dict   []byte
	buffer []byte
	out    []byte
	hash   hash.Hash
	err    error
}

// Unpack gives the bytes of a part as they belong on the unit, from its
// packed bytes and, for a delta, from the same part of the system that it was
// made from. It ends with io.EOF only where all bytes are those that were
// signed; the caller keeps nothing of what ends otherwise. It needs about 32
// MiB of memory. base is not read where the part was not made from one.
func (p Part) Unpack(packed io.Reader, base io.ReaderAt) io.Reader {
	return &unpacker{part: p, packed: io.LimitReader(packed, int64(p.Packed)), base: base, left: int64(p.Size), hash: sha256.New()}
}

// Read is an io.Reader's.
func (u *unpacker) Read(b []byte) (int, error) {
	for len(u.ready) == 0 && u.err == nil {
		if u.err = u.next(); u.err != nil && u.err != io.EOF {
			u.err = fmt.Errorf("bundle: unpack: %w", u.err)
		}
	}
	n := copy(b, u.ready)
	u.ready = u.ready[n:]
	if n > 0 {
		return n, nil
	}
	return 0, u.err
}

// next unpacks one segment.
func (u *unpacker) next() error {
	if u.left == 0 {
		return u.end()
	}
	s, err := readSegment(u.packed)
	if err == nil {
		err = s.check(u.left, int64(u.part.BaseSize))
	}
	var out []byte
	if err == nil {
		out, err = u.unpack(&s)
	}
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return fmt.Errorf("%w: %d bytes are missing", ErrDamaged, u.left)
	case err != nil:
		return err
	}
	u.hash.Write(out)
	u.left -= s.size
	u.ready = out
	return nil
}

// end tells whether what came out is what was signed.
func (u *unpacker) end() error {
	if n, err := io.ReadFull(u.packed, make([]byte, 1)); n != 0 || err != io.EOF {
		return fmt.Errorf("%w: bytes after the last segment", ErrDamaged)
	}
	if [32]byte(u.hash.Sum(nil)) != u.part.Hash {
		return fmt.Errorf("%w: what comes out is something else", ErrDamaged)
	}
	return io.EOF
}

// unpack gives the bytes of one segment, which has been checked.
func (u *unpacker) unpack(s *segment) ([]byte, error) {
	u.dict = u.dict[:0]
	for _, r := range s.spans {
		have := len(u.dict)
		u.dict = slices.Grow(u.dict, int(r.size))[:have+int(r.size)]
		if _, err := io.ReadFull(io.NewSectionReader(u.base, r.at, r.size), u.dict[have:]); err != nil {
			return nil, fmt.Errorf("read the base: %w", errors.Join(err, ErrBase))
		}
	}
	if s.packed == 0 {
		return u.dict, nil
	}
	if u.buffer = u.buffer[:0]; int64(cap(u.buffer)) < s.packed {
		u.buffer = make([]byte, 0, s.packed)
	}
	packed := u.buffer[:s.packed]
	if _, err := io.ReadFull(u.packed, packed); err != nil {
		return nil, err
	}
	out, err := expand(u.out, packed, u.dict, s.size)
	if err == nil {
		u.out = out
	}
	return out, err
}

// expand unpacks one zstd frame of size bytes, into out where it has room.
func expand(out, packed, dict []byte, size int64) ([]byte, error) {
	options := []zstd.DOption{
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true),
		zstd.WithDecodeAllCapLimit(true), // no more than size bytes, whatever the frame says
		zstd.WithDecoderMaxMemory(MaxSegment + MaxBase),
		zstd.WithDecoderMaxWindow(MaxSegment + MaxBase),
	}
	if len(dict) > 0 {
		options = append(options, zstd.WithDecoderDictRaw(0, dict))
	}
	d, err := zstd.NewReader(nil, options...)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	if int64(cap(out)) < size {
		out = make([]byte, 0, size)
	}
	if out, err = d.DecodeAll(packed, out[:0:size]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if int64(len(out)) != size {
		return nil, fmt.Errorf("%w: segment of %d bytes, not %d", ErrDamaged, len(out), size)
	}
	return out, nil
}
