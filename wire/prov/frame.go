package prov

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
)

// The console framing of Zephyr's SMP transport: a packet with its length
// before it and its CRC after it, in base64, in lines that begin with two
// control characters and end with a newline. Nothing else on the line has
// these characters, so text and frames can be told apart anywhere.
const (
	mark1  = 0x06 // first line: 06 09
	mark2  = 0x09
	more1  = 0x04 // further lines: 04 14
	more2  = 0x14
	lineB  = 124 // characters of base64 in a line: a multiple of 4
	lineLn = 2 + lineB + 1
)

// crc16 is CRC-16/XMODEM: polynomial 0x1021, from 0, nothing reflected.
func crc16(b []byte) uint16 {
	var c uint16
	for _, v := range b {
		c ^= uint16(v) << 8
		for range 8 {
			if c&0x8000 != 0 {
				c = c<<1 ^ 0x1021
			} else {
				c <<= 1
			}
		}
	}
	return c
}

// AppendFrame adds the lines of a packet of 1 to MaxPacket bytes to dst.
func AppendFrame(dst, packet []byte) []byte {
	raw := binary.BigEndian.AppendUint16(nil, uint16(len(packet)+2))
	raw = append(raw, packet...)
	raw = binary.BigEndian.AppendUint16(raw, crc16(packet))
	text := base64.StdEncoding.AppendEncode(nil, raw)
	for first := true; len(text) > 0; first = false {
		n := min(len(text), lineB)
		if first {
			dst = append(dst, mark1, mark2)
		} else {
			dst = append(dst, more1, more2)
		}
		dst = append(append(dst, text[:n]...), '\n')
		text = text[n:]
	}
	return dst
}

// Why a frame is dropped.
var (
	errFrame = errors.New("prov: broken frame")
	errCRC   = fmt.Errorf("%w: its CRC is wrong", errFrame)
)

// assembly puts the lines of a frame together.
type assembly struct {
	open bool
	raw  []byte // length, packet, CRC
}

// add takes a line without its marks and its newline. The packet is nil until
// the frame is whole; it is valid until the next line.
func (a *assembly) add(first bool, line []byte) (packet []byte, err error) {
	if first {
		a.open, a.raw = true, a.raw[:0]
	}
	if !a.open {
		return nil, fmt.Errorf("%w: its first line is missing", errFrame)
	}
	if len(line) == 0 || len(line) > lineB || len(line)%4 != 0 {
		return nil, a.drop(fmt.Errorf("%w: line of %d characters", errFrame, len(line)))
	}
	a.raw, err = base64.StdEncoding.Strict().AppendDecode(a.raw, line)
	if err != nil || len(a.raw) < 2 {
		return nil, a.drop(fmt.Errorf("%w: not base64", errFrame))
	}
	size := int(binary.BigEndian.Uint16(a.raw)) + 2
	switch {
	case size < 2+HeaderSize+2 || size > 2+MaxPacket+2:
		return nil, a.drop(fmt.Errorf("%w: it says that it has %d bytes", errFrame, size-4))
	case len(a.raw) < size:
		return nil, nil
	case len(a.raw) > size:
		return nil, a.drop(fmt.Errorf("%w: longer than it says", errFrame))
	}
	a.open = false
	packet = a.raw[2 : size-2]
	if crc16(packet) != binary.BigEndian.Uint16(a.raw[size-2:]) {
		return nil, errCRC
	}
	return packet, nil
}

func (a *assembly) drop(err error) error {
	a.open = false
	return err
}
