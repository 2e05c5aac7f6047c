package linux

import (
	"slices"
	"testing"

	"periph.io/x/conn/v3/i2c/i2ctest"

	"volar/boards"
)

// The bytes that the datasheets ask for.
func TestChipsByTheirDatasheets(t *testing.T) {
	dark := make([]byte, 16)
	ring := make([]byte, 36)
	ring[0], ring[35] = 1, 255
	on := slices.Repeat([]byte{1}, 36)
	for _, c := range []struct {
		chip    string
		address int
		ops     []i2ctest.IO
		levels  []uint8
	}{
		{"tlc59116", 0x61, []i2ctest.IO{
			{Addr: 0x61, W: append([]byte{0xa2}, dark...)},              // PWM0 to PWM15: dark
			{Addr: 0x61, W: []byte{0x80, 0x00, 0x00}},                   // MODE1, MODE2
			{Addr: 0x61, W: []byte{0x1c, 0xff}},                         // IREF
			{Addr: 0x61, W: []byte{0x94, 0xaa, 0xaa, 0xaa, 0xaa}},       // LEDOUT0 to LEDOUT3
			{Addr: 0x61, W: append([]byte{0xa2, 9, 8, 7}, dark[3:]...)}, // brightness
		}, append([]byte{9, 8, 7}, dark[3:]...)},
		{"is31fl3236a", 0x3c, []i2ctest.IO{
			{Addr: 0x3c, W: []byte{0x4f, 0}},
			{Addr: 0x3c, W: []byte{0x4b, 1}},
			{Addr: 0x3c, W: append([]byte{0x26}, on...)},
			{Addr: 0x3c, W: []byte{0x25, 0}},
			{Addr: 0x3c, W: []byte{0x00, 1}},
			{Addr: 0x3c, W: append([]byte{0x01}, ring...)},
			{Addr: 0x3c, W: []byte{0x25, 0}},
		}, ring},
	} {
		t.Run(c.chip, func(t *testing.T) {
			bus := &i2ctest.Playback{Ops: c.ops, DontPanic: true}
			chip, err := newChip(&boards.Chip{Chip: c.chip, Address: c.address}, bus)
			if err != nil {
				t.Fatal(err)
			}
			if err := chip.reset(); err != nil {
				t.Fatal(err)
			}
			if err := chip.write(c.levels); err != nil {
				t.Fatal(err)
			}
			if err := bus.Close(); err != nil {
				t.Error(err)
			}
			if chip.outputs() != len(c.levels) {
				t.Errorf("%d outputs", chip.outputs())
			}
			if err := chip.write(c.levels); err == nil {
				t.Error("a bus that does not answer is no error")
			}
		})
	}
	if _, err := newChip(&boards.Chip{Chip: "pca9685"}, nil); err == nil {
		t.Error("a chip that nobody knows")
	}
}
