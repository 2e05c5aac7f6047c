// Package bootstate is the block in which the boot loader and the unit tell
// each other which of the two slots to boot. README.md in this folder is the
// specification; the code follows it.
//
// The block says which slot is tried first. It does not say which may run:
// that is for the FIT's signature, the root's verity tree and the floor in
// the TPM, whatever stands here.
package bootstate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Size is the length of a block, in bytes.
const Size = 4096

// Offsets are where the two copies of the block begin in their partition.
var Offsets = [2]int64{0, 512 << 10}

// PartitionSize is the length of the partition, in bytes.
const PartitionSize = 1 << 20

// MaxLeft is the largest number of tries, which is one digit.
const MaxLeft = 9

// Status is what is known of a slot. The zero Status is invalid.
type Status uint8

// What a slot can be.
const (
	Good  Status = 1 + iota // boots
	Trial                   // boots while it has tries left
	Bad                     // does not boot: damaged, came back from a trial, or being written
	Ready                   // does not boot yet: whole and read back, waits to be tried
)

var statusNames = [...]string{"no status", "good", "trial", "bad", "ready"}

// String names the status, as in the block.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return statusNames[0]
}

// Slot is one slot's part of the block.
type Slot struct {
	Status Status
	Left   uint8 // tries, 0 to MaxLeft; looked at on trial only
}

// State is the block. The zero State is invalid.
type State struct {
	First string // "a" or "b": the slot that is looked at first
	A, B  Slot
}

// ErrBroken means that a block is none, or was only half written.
var ErrBroken = errors.New("bootstate: broken block")

// Default is the state where there is none: a good system must never be
// counted out because a block was lost.
func Default() State {
	return State{First: "a", A: Slot{Status: Good}, B: Slot{Status: Good}}
}

// Other is the slot that name is not, or "" where name is no slot.
func Other(name string) string {
	switch name {
	case "a":
		return "b"
	case "b":
		return "a"
	}
	return ""
}

// Of is the slot called name, and the zero Slot where there is none.
func (s State) Of(name string) Slot {
	switch name {
	case "a":
		return s.A
	case "b":
		return s.B
	}
	return Slot{}
}

// With is s with the slot called name replaced.
func (s State) With(name string, to Slot) State {
	switch name {
	case "a":
		s.A = to
	case "b":
		s.B = to
	}
	return s
}

func (s State) check() error {
	if Other(s.First) == "" {
		return fmt.Errorf("bootstate: the first slot is %q, allowed are a and b", s.First)
	}
	for _, slot := range []Slot{s.A, s.B} {
		if slot.Status < Good || slot.Status > Ready || slot.Left > MaxLeft {
			return fmt.Errorf("bootstate: a slot is %v with %d tries left, allowed 0 to %d", slot.Status, slot.Left, MaxLeft)
		}
	}
	return nil
}

// The variables, in the order in which U-Boot exports them.
var names = [...]string{"BOOT_A_LEFT", "BOOT_A_STATE", "BOOT_B_LEFT", "BOOT_B_STATE", "BOOT_ORDER"}

// Bytes is the block: Size bytes, as mkenvimage and U-Boot's "env export -c"
// write them.
func (s State) Bytes() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	values := [...]string{digit(s.A.Left), s.A.Status.String(), digit(s.B.Left), s.B.Status.String(), s.First + " " + Other(s.First)}
	b := make([]byte, 4, Size)
	for i, name := range names {
		b = append(b, name+"="+values[i]+"\x00"...)
	}
	b = b[:Size]
	binary.LittleEndian.PutUint32(b, crc32.ChecksumIEEE(b[4:]))
	return b, nil
}

func digit(n uint8) string { return string(rune('0' + n)) }

// Parse reads a block. Whatever is not one is ErrBroken: a wrong length or
// checksum, a variable that is missing, there twice, unknown, or has another value.
func Parse(b []byte) (State, error) {
	if len(b) != Size {
		return State{}, fmt.Errorf("%w: %d bytes, not %d", ErrBroken, len(b), Size)
	}
	if binary.LittleEndian.Uint32(b) != crc32.ChecksumIEEE(b[4:]) {
		return State{}, fmt.Errorf("%w: wrong checksum", ErrBroken)
	}
	text, _, _ := bytes.Cut(b[4:], []byte{0, 0})
	values := map[string]string{}
	for pair := range bytes.SplitSeq(text, []byte{0}) {
		name, value, _ := bytes.Cut(pair, []byte("="))
		if _, twice := values[string(name)]; twice || len(values) == len(names) {
			return State{}, fmt.Errorf("%w: too many variables", ErrBroken)
		}
		values[string(name)] = string(value)
	}
	s := State{A: slot(values["BOOT_A_STATE"], values["BOOT_A_LEFT"]), B: slot(values["BOOT_B_STATE"], values["BOOT_B_LEFT"])}
	switch values["BOOT_ORDER"] {
	case "a b":
		s.First = "a"
	case "b a":
		s.First = "b"
	}
	if err := s.check(); err != nil || len(values) != len(names) {
		return State{}, fmt.Errorf("%w: variables %q", ErrBroken, values)
	}
	return s, nil
}

// slot reads a slot's two variables; what is none is the zero Slot.
func slot(status, left string) Slot {
	if len(left) != 1 || left[0] < '0' || left[0] > '9' {
		return Slot{}
	}
	for i, name := range statusNames {
		if i > 0 && name == status {
			return Slot{Status(i), left[0] - '0'}
		}
	}
	return Slot{}
}

// Pick is what the boot loader does with the block: the slot that it boots,
// and the block that it writes before. after equals s where nothing is
// written, as with every good slot: only a trial is counted. A trial whose
// count cannot be written is not started.
//
// Where no slot may boot, the first one does all the same, and then the
// other: what is written here is advice, and a unit with two signed systems
// must not stop because of it.
func (s State) Pick() (boot string, after State) {
	for _, name := range []string{s.First, Other(s.First)} {
		switch slot := s.Of(name); {
		case slot.Status == Good:
			return name, s
		case slot.Status == Trial && slot.Left > 0:
			return name, s.With(name, Slot{Trial, slot.Left - 1})
		}
	}
	return s.First, s
}
