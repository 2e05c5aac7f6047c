package prov

import (
	"bytes"
	"errors"
	"fmt"
)

// Improv Serial version 1 (improv-wifi.com/serial): "IMPROV", version, type,
// length, data, and the sum of all bytes before, modulo 256.
var improvMagic = []byte("IMPROV")

const improvVersion = 1

// MaxImprov bounds the data of a packet of Improv, in bytes.
const MaxImprov = 255

// ImprovType is a packet's kind.
type ImprovType uint8

// The kinds.
const (
	ImprovState  ImprovType = 1 + iota // unit: its state
	ImprovError                        // unit: what is wrong, 0 for nothing
	ImprovCall                         // bench: a command
	ImprovResult                       // unit: a command's result
)

// States of Improv.
const (
	ImprovReady        = 2
	ImprovProvisioning = 3
	ImprovProvisioned  = 4
)

// Commands of Improv.
const (
	ImprovSetWiFi  = 1
	ImprovGetState = 2
	ImprovGetInfo  = 3
	ImprovScan     = 4
)

// Errors of Improv.
const (
	ImprovFine          = 0
	ImprovInvalid       = 1
	ImprovUnknown       = 2
	ImprovCannotConnect = 3
	ImprovNotAllowed    = 4
)

// Improv is one packet.
type Improv struct {
	Type ImprovType
	Data []byte // up to MaxImprov bytes
}

// Append adds the packet to dst, with a newline behind, which a terminal
// likes and a reader may do without.
func (p Improv) Append(dst []byte) []byte {
	at := len(dst)
	dst = append(append(dst, improvMagic...), improvVersion, byte(p.Type), byte(len(p.Data)))
	dst = append(dst, p.Data...)
	var sum byte
	for _, c := range dst[at:] {
		sum += c
	}
	return append(dst, sum, '\n')
}

// ErrImprov means that a command's data are not well formed.
var ErrImprov = errors.New("prov: not a command of Improv Serial")

// ImprovStrings makes the data of a result: the command, the length of the
// rest, and each string after its length. Strings that do not fit are left out.
func ImprovStrings(command byte, list ...string) []byte {
	b := []byte{command, 0}
	for _, s := range list {
		if s = s[:min(len(s), 255)]; len(b)+1+len(s) <= MaxImprov {
			b = append(append(b, byte(len(s))), s...)
		}
	}
	b[1] = byte(len(b) - 2)
	return b
}

// ParseImprovCall reads the data of a call: the command, and its strings.
func ParseImprovCall(data []byte) (command byte, list []string, err error) {
	if len(data) < 2 || int(data[1]) != len(data)-2 {
		return 0, nil, fmt.Errorf("%w: %d bytes", ErrImprov, len(data))
	}
	for rest := data[2:]; len(rest) > 0; {
		n := int(rest[0])
		if n >= len(rest) {
			return 0, nil, fmt.Errorf("%w: string of %d bytes, %d are there", ErrImprov, n, len(rest)-1)
		}
		list = append(list, string(rest[1:1+n]))
		rest = rest[1+n:]
	}
	return data[0], list, nil
}

// improvScan reads what follows the magic.
type improvScan struct {
	on  bool
	got []byte // version, type, length, data, sum
}

func (s *improvScan) begin() { s.on, s.got = true, s.got[:0] }

// push takes the next byte. Where it turns out that this is no packet, rest
// is what came since the magic.
func (s *improvScan) push(c byte) (p *Improv, rest []byte, done bool) {
	s.got = append(s.got, c)
	n := len(s.got)
	switch {
	case n == 1 && c != improvVersion, n == 2 && (c < byte(ImprovState) || c > byte(ImprovResult)):
		s.on = false
		return nil, s.got, true
	case n < 3 || n < 3+int(s.got[2])+1:
		return nil, nil, false
	}
	s.on = false
	var sum byte
	for _, c := range improvMagic {
		sum += c
	}
	for _, c := range s.got[:n-1] {
		sum += c
	}
	if sum != c {
		return nil, s.got, true
	}
	return &Improv{ImprovType(s.got[1]), bytes.Clone(s.got[3 : n-1])}, nil, true
}
