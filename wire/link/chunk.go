package link

import (
	"encoding/binary"
	"fmt"

	"github.com/flynn/noise"

	"volar/wire"
)

// A chunk's frame: its type, whether it is the last of its message, the
// length of the whole message (32 bits, big-endian), and the ciphertext.
const (
	chunkHead = 1 + 1 + 4
	// MaxChunk is the plaintext of every chunk but a message's last.
	MaxChunk = wire.MaxFrame16 - chunkHead - tagSize
)

// stream is one direction of a session. The keys change after every message,
// on both sides at the same byte, so no key seals more than wire.MaxMessage.
type stream struct {
	cipher  *noise.CipherState
	frame   byte     // frameUp or frameDown
	session [32]byte // the handshake's hash
	message uint64   // how many messages have passed

	chunk uint32 // receiving: how many chunks of this message have come,
	total int    // how long it will be,
	part  []byte // and what there is of it
}

// additional is what a chunk's tag covers beside its bytes, so that a chunk
// fits one place of one session only:
//
//	type 1 | session 32 | message 8 | chunk 4 | total 4 | final 1
func (s *stream) additional(chunk uint32, total int, final byte) []byte {
	b := append(make([]byte, 0, 50), s.frame)
	b = append(b, s.session[:]...)
	b = binary.BigEndian.AppendUint64(b, s.message)
	b = binary.BigEndian.AppendUint32(b, chunk)
	b = binary.BigEndian.AppendUint32(b, uint32(total))
	return append(b, final)
}

// next ends a message. Noise's rekey keeps the nonce counting.
func (s *stream) next() {
	s.message++
	s.chunk, s.total, s.part = 0, 0, nil
	s.cipher.Rekey()
}

// seal cuts a message of 1 to wire.MaxMessage bytes into frames.
func (s *stream) seal(message []byte) ([][]byte, error) {
	total := len(message)
	if total < 1 || total > wire.MaxMessage {
		return nil, fmt.Errorf("link: seal: message of %d bytes, 1 to %d", total, wire.MaxMessage)
	}
	var frames [][]byte
	for chunk := uint32(0); len(message) > 0; chunk++ {
		size := min(len(message), MaxChunk)
		var final byte
		if size == len(message) {
			final = 1
		}
		frame := append(make([]byte, 0, chunkHead+size+tagSize), s.frame, final)
		frame = binary.BigEndian.AppendUint32(frame, uint32(total))
		frame, err := s.cipher.Encrypt(frame, s.additional(chunk, total, final), message[:size])
		if err != nil {
			return nil, fmt.Errorf("link: seal: %w", err)
		}
		frames = append(frames, frame)
		message = message[size:]
	}
	s.next()
	return frames, nil
}

// open takes the next frame. The message is nil until its last chunk has
// come; the caller clears it. Nothing is allocated for a length that has not been
// authenticated.
func (s *stream) open(frame []byte) (message []byte, err error) {
	total, final, err := s.head(frame)
	if err != nil {
		return nil, err
	}
	plain, err := s.cipher.Decrypt(nil, s.additional(s.chunk, total, final), frame[chunkHead:])
	if err != nil {
		return nil, fmt.Errorf("%w: message %d, chunk %d: %w", ErrFrame, s.message, s.chunk, err)
	}
	if s.chunk == 0 {
		s.total, s.part = total, make([]byte, 0, total)
	}
	s.chunk++
	s.part = append(s.part, plain...)
	clear(plain)
	if final == 0 {
		return nil, nil
	}
	message = s.part
	s.next()
	return message, nil
}

// head checks everything about a chunk that can be checked before its tag.
// The lengths of all chunks follow from the total, so there is one way to
// cut a message, and the last chunk must be where the total ends.
func (s *stream) head(frame []byte) (total int, final byte, err error) {
	if len(frame) <= chunkHead+tagSize || len(frame) > wire.MaxFrame16 {
		return 0, 0, fmt.Errorf("%w: chunk of %d bytes", ErrFrame, len(frame))
	}
	length := binary.BigEndian.Uint32(frame[2:])
	if frame[0] != s.frame || length < 1 || length > wire.MaxMessage {
		return 0, 0, fmt.Errorf("%w: type %d, total %d", ErrFrame, frame[0], length)
	}
	total = int(length)
	if s.chunk > 0 && total != s.total {
		return 0, 0, fmt.Errorf("%w: total %d was %d", ErrFrame, total, s.total)
	}
	rest := total - len(s.part)
	size := min(rest, MaxChunk)
	if size == rest {
		final = 1
	}
	if len(frame) != chunkHead+size+tagSize || frame[1] != final {
		return 0, 0, fmt.Errorf("%w: chunk of %d bytes, final %d; want %d, %d",
			ErrFrame, len(frame), frame[1], chunkHead+size+tagSize, final)
	}
	return total, final, nil
}

// idle means that no message is half received.
func (s *stream) idle() bool { return s.chunk == 0 }

// wipe forgets what has come of a message.
func (s *stream) wipe() {
	clear(s.part)
	s.part = nil
}
