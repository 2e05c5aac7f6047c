package linux

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"

	"volar/boards"
)

// ledChip is an LED driver on an I2C bus.
type ledChip interface {
	// reset makes all outputs dark, whatever the chip did before, and the chip
	// ready for write.
	reset() error
	// write sets the current of every output, 0 to 255 of full.
	write(levels []uint8) error
	// outputs is how many there are.
	outputs() int
}

// newChip is the driver of one of the chips that package boards knows.
func newChip(c *boards.Chip, bus i2c.Bus) (ledChip, error) {
	dev := i2c.Dev{Bus: bus, Addr: uint16(c.Address)}
	switch c.Chip {
	case "tlc59116":
		return &tlc59116{dev}, nil
	case "is31fl3236a":
		return &is31fl3236a{dev}, nil
	}
	return nil, fmt.Errorf("no driver for chip %q", c.Chip)
}

// tlc59116 is TI's 16-channel constant-current LED sink with a pulse width of
// 8 bits for each output at 97 kHz: an exposure of 200 µs averages 19 of its
// periods. Datasheet SLDS157E; the sections named here are its.
type tlc59116 struct{ dev i2c.Dev }

// Registers, section 9.5, table 3, and how the pointer moves on (9.5.11).
const (
	tlcMode1   = 0x00
	tlcLEDOut0 = 0x14
	tlcIRef    = 0x1c
	tlcNextAll = 0x80 // all registers in turn
	tlcNextPWM = 0xa0 // the 16 brightness registers in turn
	tlcPWM0    = 0x02

	tlcFull = 0xff // IREF: the current that the resistor at REXT sets (9.5.9)
)

func (c *tlc59116) outputs() int { return 16 }

func (c *tlc59116) reset() error {
	// The brightness first: a lamp that a program left lit goes dark at once.
	if err := c.write(make([]uint8, 16)); err != nil {
		return err
	}
	// MODE1: oscillator on (bit 4 clear), no answer to the all-call address.
	// MODE2: outputs change at the end of a command, group control dims.
	if err := c.send(tlcNextAll|tlcMode1, 0x00, 0x00); err != nil {
		return err
	}
	time.Sleep(500 * time.Microsecond) // until the oscillator runs (9.5.1)
	if err := c.send(tlcIRef, tlcFull); err != nil {
		return err
	}
	// LEDOUT: 10 for every output, its own brightness register drives it (9.5.6).
	return c.send(tlcNextAll|tlcLEDOut0, 0xaa, 0xaa, 0xaa, 0xaa)
}

func (c *tlc59116) write(levels []uint8) error {
	return c.send(append([]byte{tlcNextPWM | tlcPWM0}, levels...)...)
}

func (c *tlc59116) send(b ...byte) error {
	if err := c.dev.Tx(b, nil); err != nil {
		return fmt.Errorf("tlc59116 at %#x: %w", c.dev.Addr, err)
	}
	return nil
}

// is31fl3236a is ISSI's 36-channel LED driver, for rings. Datasheet
// IS31FL3236A; registers by its table 2.
type is31fl3236a struct{ dev i2c.Dev }

const (
	issiShutdown  = 0x00 // 1 is normal operation
	issiPWM1      = 0x01 // to 0x24
	issiUpdate    = 0x25 // what was written to PWM and control registers counts from here on
	issiControl1  = 0x26 // to 0x49: bit 0 switches the output on, bits 1 and 2 divide its current
	issiFrequency = 0x4b // 1 is 22 kHz, which nobody hears
	issiReset     = 0x4f
)

func (c *is31fl3236a) outputs() int { return 36 }

func (c *is31fl3236a) reset() error {
	if err := c.send(issiReset, 0); err != nil { // all registers as after power-up: dark
		return err
	}
	if err := c.send(issiFrequency, 1); err != nil {
		return err
	}
	on := make([]byte, 37)
	on[0] = issiControl1
	for i := range on[1:] {
		on[i+1] = 1
	}
	if err := c.send(on...); err != nil {
		return err
	}
	if err := c.send(issiUpdate, 0); err != nil {
		return err
	}
	return c.send(issiShutdown, 1)
}

func (c *is31fl3236a) write(levels []uint8) error {
	if err := c.send(append([]byte{issiPWM1}, levels...)...); err != nil {
		return err
	}
	return c.send(issiUpdate, 0)
}

func (c *is31fl3236a) send(b ...byte) error {
	if err := c.dev.Tx(b, nil); err != nil {
		return fmt.Errorf("is31fl3236a at %#x: %w", c.dev.Addr, err)
	}
	return nil
}
