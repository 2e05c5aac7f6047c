package tape

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/foxglove/mcap/go/mcap"
	"github.com/klauspost/compress/zstd"
)

// The library's own lexer trusts lengths inside chunks and attachments (it
// slices by them, or allocates them), so records are cut here, and only their
// plain contents are parsed by the library.

// records cuts a stream into MCAP records. The error for a stream that ends
// inside a record is io.ErrUnexpectedEOF, between records io.EOF.
type records struct {
	r      io.Reader
	sum    uint32 // CRC-32 of all that was read
	before uint32 // of all before the record that next returned last
}

func (r *records) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.sum = crc32.Update(r.sum, crc32.IEEETable, p[:n])
	return n, err
}

// maxRecord bounds what next hands out; longer records of other kinds are skipped unread.
const maxRecord = maxChunk + 1<<20

// next returns the next record that a tape's reader acts on. body is the caller's.
func (r *records) next() (op mcap.OpCode, body []byte, err error) {
	for {
		r.before = r.sum
		var head [9]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return 0, nil, err
		}
		op, size := mcap.OpCode(head[0]), binary.LittleEndian.Uint64(head[1:])
		switch op {
		case mcap.OpHeader, mcap.OpFooter, mcap.OpSchema, mcap.OpChannel, mcap.OpMessage, mcap.OpChunk,
			mcap.OpAttachment, mcap.OpMetadata, mcap.OpDataEnd:
			if size > maxRecord {
				return 0, nil, fmt.Errorf("%v record of %d bytes, allowed %d: %w", op, size, maxRecord, ErrDamaged)
			}
			body, err := readN(r, int64(size))
			return op, body, err
		case mcap.OpReserved:
			return 0, nil, fmt.Errorf("record without a kind: %w", ErrDamaged)
		}
		// Indexes and statistics repeat what the data section says; kinds from
		// 0x80 on are other people's.
		if size > 1<<62 {
			return 0, nil, fmt.Errorf("%v record of %d bytes: %w", op, size, ErrDamaged)
		}
		if _, err := io.CopyN(io.Discard, r, int64(size)); err != nil {
			return 0, nil, unexpected(err)
		}
	}
}

// readN reads n bytes. It takes memory as the bytes come, so a length that
// lies costs nothing.
func readN(r io.Reader, n int64) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(min(n, 64<<10)))
	if _, err := io.CopyN(&b, r, n); err != nil {
		return nil, unexpected(err)
	}
	return b.Bytes(), nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// cursor reads little-endian fields. After the first that does not fit, ok is
// false and all are zero.
type cursor struct {
	b  []byte
	ok bool
}

func (c *cursor) take(n uint64) []byte {
	if !c.ok || n > uint64(len(c.b)) {
		c.ok = false
		return make([]byte, min(n, 8))
	}
	var head []byte
	head, c.b = c.b[:n], c.b[n:]
	return head
}

func (c *cursor) u32() uint32  { return binary.LittleEndian.Uint32(c.take(4)) }
func (c *cursor) u64() uint64  { return binary.LittleEndian.Uint64(c.take(8)) }
func (c *cursor) text() string { return string(c.take(uint64(c.u32()))) }

// unpacker opens chunks.
type unpacker struct {
	zstd *zstd.Decoder
}

func newUnpacker() (*unpacker, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxChunk), zstd.WithDecoderMaxWindow(64<<20))
	return &unpacker{d}, err
}

// unpack returns the records of a chunk after checking their sum.
func (u *unpacker) unpack(body []byte) ([]byte, error) {
	c := cursor{body, true}
	c.u64() // time of the first message
	c.u64() // of the last
	size, sum, compression := c.u64(), c.u32(), c.text()
	packed := c.take(c.u64())
	if !c.ok || len(c.b) != 0 {
		return nil, fmt.Errorf("chunk whose fields do not fit: %w", ErrDamaged)
	}
	if size > maxChunk {
		return nil, fmt.Errorf("chunk of %d bytes, allowed %d: %w", size, maxChunk, ErrDamaged)
	}
	plain := packed
	switch mcap.CompressionFormat(compression) {
	case mcap.CompressionNone:
	case mcap.CompressionZSTD:
		if err := u.zstd.Reset(bytes.NewReader(packed)); err != nil {
			return nil, fmt.Errorf("chunk: %w: %w", err, ErrDamaged)
		}
		var b bytes.Buffer
		b.Grow(int(min(size, 64*uint64(len(packed))))) // what compresses better grows as it comes
		if _, err := io.Copy(&b, io.LimitReader(u.zstd, int64(size)+1)); err != nil {
			return nil, fmt.Errorf("chunk: %w: %w", err, ErrDamaged)
		}
		plain = b.Bytes()
	default:
		return nil, fmt.Errorf("chunk packed with %.16q, known are zstd and none: %w", compression, ErrForeign)
	}
	if uint64(len(plain)) != size {
		return nil, fmt.Errorf("chunk of %d bytes, announced as %d: %w", len(plain), size, ErrDamaged)
	}
	if sum != 0 && crc32.ChecksumIEEE(plain) != sum {
		return nil, fmt.Errorf("chunk with a wrong checksum: %w", ErrDamaged)
	}
	return plain, nil
}

// parseAttachment checks the sum of an attachment and returns its content.
func parseAttachment(body []byte) (name string, data []byte, err error) {
	c := cursor{body, true}
	c.u64() // log time
	c.u64() // creation time
	name = c.text()
	c.text() // media type
	data = c.take(c.u64())
	covered := len(body) - len(c.b)
	sum := c.u32()
	if !c.ok || len(c.b) != 0 {
		return "", nil, fmt.Errorf("attachment whose fields do not fit: %w", ErrDamaged)
	}
	if sum != 0 && crc32.ChecksumIEEE(body[:covered]) != sum {
		return "", nil, fmt.Errorf("attachment with a wrong checksum: %w", ErrDamaged)
	}
	return name, data, nil
}
