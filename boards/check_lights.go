package boards

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"volar/hal"
)

// LED drivers that hal/linux knows.
var drivers = map[string]struct {
	outputs int
	lo, hi  int   // I2C addresses
	never   []int // addresses that the chip keeps for other uses
}{
	// TI SLDS157, table 1: four address pins; 0x68 is "all call", 0x6b is reset.
	"tlc59116": {16, 0x60, 0x6f, []int{0x68, 0x6b}},
	// ISSI IS31FL3236A datasheet, table 1: one address pin with four levels.
	"is31fl3236a": {36, 0x3c, 0x3f, nil},
}

func (c *checker) chips() {
	if len(c.board.Chips) > 8 {
		c.bad("/chips", "%d chips, allowed 8", len(c.board.Chips))
	}
	names := map[string]bool{}
	for i, k := range c.board.Chips {
		path := fmt.Sprintf("/chips/%d", i)
		if !isName(k.Name) || names[k.Name] {
			c.bad(path+"/name", "%q, want a name of its own, of a-z, 0-9 and '-'", k.Name)
		}
		names[k.Name] = true
		d, ok := drivers[k.Chip]
		if !ok {
			c.bad(path+"/chip", "%q, known are tlc59116 and is31fl3236a", k.Chip)
			c.advise("a driver for another chip is one file in hal/linux, with its datasheet")
			continue
		}
		c.bus(path, k.Name, k.Bus, k.Address, d.lo, d.hi)
		for _, n := range d.never {
			if k.Address == n {
				c.bad(path+"/address", "%#x is not for one chip alone: the datasheet keeps it for all of them", n)
			}
		}
		if k.Gate != nil {
			c.gpio(path+"/gate", "the gate of "+k.Name, *k.Gate)
		}
	}
}

// output checks and books one output of an LED driver.
func (c *checker) output(path, by, chip string, line int) {
	if k := c.board.chip(chip); k != nil {
		if d, ok := drivers[k.Chip]; ok {
			c.between(path, line, 0, d.outputs-1)
		}
	} else {
		c.between(path, line, 0, 1023) // of a simulated one
	}
	c.take(path, by, chip, line)
}

func (c *checker) lamps() {
	b := c.board
	if len(b.Lamps) > 32 {
		c.bad("/lamps", "%d lamps, allowed 32", len(b.Lamps))
	}
	alone := map[hal.Light]bool{} // each band's corners that a lamp lights without others
	var lit [3]uint8              // corners of each band that some lamp lights
	for i := range b.Lamps {
		l := &b.Lamps[i]
		path := fmt.Sprintf("/lamps/%d", i)
		light, err := hal.ParseLight(l.Light)
		if n := bits.OnesCount16(uint16(light.Bands())); err != nil || n != 1 || light.Strength() != 1 {
			c.bad(path+"/light", "%q, want one band, and perhaps its corners: %v, nir850@tl", l.Light, hal.White)
		} else {
			alone[light] = true
			lit[bits.TrailingZeros16(uint16(light.Bands()))] |= light.Corners()
		}
		c.lamp(path, l)
	}
	for i, band := range []hal.Light{hal.White, hal.NIR850, hal.NIR940} {
		if lit[i] != 15 {
			c.bad("/lamps", "no lamp for %v in %s", band, cornersOf(15&^lit[i]))
			continue
		}
		for _, corner := range []hal.Light{hal.TopLeft, hal.TopRight, hal.BottomLeft, hal.BottomRight} {
			if !b.Simulated() && !alone[band|corner] {
				c.bad("/lamps", "no lamp for %v alone: the liveness check lights each corner for itself", band|corner)
			}
		}
	}
}

// cornersOf names corners as hal.Light does.
func cornersOf(set uint8) string {
	var names []string
	for i, n := range []string{"tl", "tr", "bl", "br"} {
		if set>>i&1 != 0 {
			names = append(names, n)
		}
	}
	return strings.Join(names, ",")
}

func (c *checker) lamp(path string, l *Lamp) {
	b := c.board
	simulated := slices.Contains(standIns, l.Chip)
	if c.text(path+"/chip", l.Chip, 64) {
		c.output(path+"/line", "a lamp ("+l.Light+")", l.Chip, l.Line)
	}
	switch {
	case simulated != b.Simulated():
		c.bad(path+"/chip", "%q beside camera %q: real lamps light real cameras", l.Chip, b.RGB.Device)
	case !simulated && b.chip(l.Chip) == nil:
		c.bad(path+"/chip", "%q is none of the chips", l.Chip)
		c.advise("lamps hang on an LED driver: the liveness check also lights them at 3/4, 1/2 and 1/4")
	}
	if !(l.Drive >= 0 && l.Drive <= 1) {
		c.bad(path+"/drive", "%g of the chip's current, allowed over 0 to 1", l.Drive)
	}
	c.between(path+"/max_on_ms", l.MaxOn, 1, 1000)
	if !(l.Duty > 0 && l.Duty <= 1) {
		c.bad(path+"/duty", "may be on for %g of the time, allowed over 0 to 1", l.Duty)
	}
	if need := b.Lit(); !simulated && l.MaxOn >= 1 && time.Duration(l.MaxOn)*time.Millisecond < need {
		c.bad(path+"/max_on_ms", "%d ms, but a shot of these cameras is lit for up to %v", l.MaxOn, need)
		c.advise("faster cameras or a shorter exposure; see the lamp limits in boards/README.md before raising it")
	}
}

// lateness is what a driver may add to the time that its sensor takes.
const lateness = 10 * time.Millisecond

// Lit is how long a lamp may have to be lit for one shot: until the next
// frame begins, while it is exposed and read out, of the slower camera.
func (b *Board) Lit() (longest time.Duration) {
	for _, cam := range []*Camera{&b.RGB, &b.NIR} {
		if cam.FPS < 1 {
			continue
		}
		need := 2*time.Second/time.Duration(cam.FPS) + time.Duration(cam.Readout) + lateness
		longest = max(longest, need.Truncate(time.Millisecond))
	}
	return longest
}

func (c *checker) face() {
	r := c.board.Face.Ring
	if r == nil && !c.board.Simulated() {
		c.bad("/face/ring", "missing: people see by it what the device wants")
	}
	if r != nil {
		c.ring(r)
	}
	if z := c.board.Face.Buzzer; z != nil {
		c.text("/face/buzzer/chip", z.Chip, 64)
		c.between("/face/buzzer/line", z.Line, 0, 31)
	}
}

func (c *checker) ring(r *Ring) {
	if c.board.chip(r.Chip) == nil {
		c.bad("/face/ring/chip", "%q is none of the chips", r.Chip)
		return
	}
	if len(r.LEDs) < 4 || len(r.LEDs) > 12 {
		c.bad("/face/ring/leds", "%d LEDs, allowed 4 to 12: movement cannot be seen on fewer", len(r.LEDs))
	}
	for i, led := range r.LEDs {
		for j, out := range led {
			c.output(fmt.Sprintf("/face/ring/leds/%d/%d", i, j), "the ring", r.Chip, out)
		}
	}
	if !(r.Strength > 0 && r.Strength <= 1) {
		c.bad("/face/ring/strength", "%g of full, allowed over 0 to 1", r.Strength)
	}
}
