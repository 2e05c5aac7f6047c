package prov

import (
	"encoding/binary"
	"fmt"
)

// Op is what a packet of SMP asks or answers.
type Op uint8

// The operations.
const (
	Read Op = iota
	ReadReply
	Write
	WriteReply
)

// Groups of commands. Groups from 64 on are a maker's own.
const (
	GroupOS   = 0
	GroupPalm = 64
)

// Commands of GroupOS, as other tools know them.
const (
	OSEcho       = 0
	OSReset      = 5
	OSParameters = 6
)

// Commands of GroupPalm.
const (
	PalmStatus = iota // read: Status
	PalmShake         // write: a message of the handshake
	PalmSealed        // write: a sealed request
	PalmLog           // read: what the unit said, before it is sealed
)

// HeaderSize is the length of a header, in bytes.
const HeaderSize = 8

// Header stands before the body of every packet.
type Header struct {
	Op      Op
	Version uint8 // of SMP: 0 or 1; an answer has its question's
	Group   uint16
	Seq     uint8
	ID      uint8
}

// reply is the header of the answer.
func (h Header) reply() Header { h.Op++; return h }

// AppendPacket adds header and body to dst.
func AppendPacket(dst []byte, h Header, body []byte) []byte {
	dst = append(dst, byte(h.Op)|h.Version<<3, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(body)))
	dst = binary.BigEndian.AppendUint16(dst, h.Group)
	return append(append(dst, h.Seq, h.ID), body...)
}

// ParseHeader reads a packet's header and checks it against the packet.
func ParseHeader(packet []byte) (Header, error) {
	if len(packet) < HeaderSize || len(packet) > MaxPacket {
		return Header{}, fmt.Errorf("%w: packet of %d bytes, %d to %d", errFrame, len(packet), HeaderSize, MaxPacket)
	}
	h := Header{Op: Op(packet[0] & 7), Version: packet[0] >> 3 & 3, Group: binary.BigEndian.Uint16(packet[4:]), Seq: packet[6], ID: packet[7]}
	if h.Op > WriteReply || h.Version > 1 || packet[0]>>5 != 0 || packet[1] != 0 {
		return Header{}, fmt.Errorf("%w: header %x", errFrame, packet[:HeaderSize])
	}
	if n := int(binary.BigEndian.Uint16(packet[2:])); n != len(packet)-HeaderSize {
		return Header{}, fmt.Errorf("%w: body of %d bytes says %d", errFrame, len(packet)-HeaderSize, n)
	}
	return h, nil
}
