package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The largest bodies of frames, in bytes.
const (
	MaxFrame16 = 1<<16 - 1 // between device and host
	MaxFrame32 = 1 << 20   // between host and vault
)

// ErrFrameSize means a frame that is empty or longer than allowed.
var ErrFrameSize = errors.New("frame size")

// WriteFrame16 writes a length (16 bits, big-endian) and the body, in one Write.
func WriteFrame16(w io.Writer, body []byte) error {
	if err := checkFrame(len(body), MaxFrame16); err != nil {
		return fmt.Errorf("wire: write frame: %w", err)
	}
	return writeFrame(w, binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(body)), uint16(len(body))), body)
}

// ReadFrame16 reads what WriteFrame16 writes. At the end of the stream, and
// only between frames, the error is io.EOF itself.
func ReadFrame16(r io.Reader) ([]byte, error) {
	var head [2]byte
	if err := readHead(r, head[:]); err != nil {
		return nil, err
	}
	return readBody(r, int(binary.BigEndian.Uint16(head[:])), MaxFrame16)
}

// WriteFrame32 writes a length (32 bits, big-endian) and the body, in one
// Write. The body is MaxFrame32 bytes at most.
func WriteFrame32(w io.Writer, body []byte) error {
	if err := checkFrame(len(body), MaxFrame32); err != nil {
		return fmt.Errorf("wire: write frame: %w", err)
	}
	return writeFrame(w, binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), uint32(len(body))), body)
}

// ReadFrame32 reads what WriteFrame32 writes, with a body of limit bytes at
// most. At the end of the stream, and only between frames, the error is io.EOF itself.
func ReadFrame32(r io.Reader, limit int) ([]byte, error) {
	var head [4]byte
	if err := readHead(r, head[:]); err != nil {
		return nil, err
	}
	// Where int has 32 bits a large length turns negative, which is refused too.
	return readBody(r, int(binary.BigEndian.Uint32(head[:])), min(limit, MaxFrame32))
}

func checkFrame(size, limit int) error {
	if size < 1 || size > limit {
		return fmt.Errorf("%w: %d bytes, 1 to %d", ErrFrameSize, size, limit)
	}
	return nil
}

func writeFrame(w io.Writer, frame, body []byte) error {
	if _, err := w.Write(append(frame, body...)); err != nil {
		return fmt.Errorf("wire: write frame: %w", err)
	}
	return nil
}

func readHead(r io.Reader, head []byte) error {
	_, err := io.ReadFull(r, head)
	if err == io.EOF {
		return io.EOF
	}
	if err != nil {
		return fmt.Errorf("wire: read frame: length: %w", err)
	}
	return nil
}

// readBody allocates once the length is known to be allowed.
func readBody(r io.Reader, size, limit int) ([]byte, error) {
	if err := checkFrame(size, limit); err != nil {
		return nil, fmt.Errorf("wire: read frame: %w", err)
	}
	body := make([]byte, size)
	if n, err := io.ReadFull(r, body); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("wire: read frame: %d of %d bytes: %w", n, size, err)
	}
	return body, nil
}
