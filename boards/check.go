package boards

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"volar/hal"
)

// checker collects what no board can be, so that a driver need not ask.
type checker struct {
	board *Board
	found []Problem
	lines map[string]string // outputs that are taken, and by what
}

// problems names everything that is wrong with the values of a descriptor.
func (b *Board) problems() []Problem {
	c := &checker{board: b, lines: map[string]string{}}
	c.names()
	c.system()
	c.cameras()
	c.chips()
	c.lamps()
	c.presence()
	c.face()
	c.gate()
	if err := b.Calibration.Check(); err != nil {
		c.bad("/calibration", "%s", strings.TrimPrefix(err.Error(), "hal: calibration: "))
	}
	if b.Calibration.Lamps == ([3]hal.Bank{}) && !b.Simulated() {
		c.bad("/calibration/lamps", "missing: a device that does not know where its lamps stand takes no palm for a living one")
	}
	return c.found
}

func (c *checker) bad(path, format string, args ...any) {
	c.found = append(c.found, Problem{Path: path, Says: fmt.Sprintf(format, args...)})
}

// advise adds the next thing to do to what was found last.
func (c *checker) advise(format string, args ...any) {
	c.found[len(c.found)-1].Hint = fmt.Sprintf(format, args...)
}

func isName(s string) bool {
	if len(s) < 1 || len(s) > 32 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// text refuses what is no plain text of 1 to limit bytes.
func (c *checker) text(path, s string, limit int) bool {
	if s == "" || len(s) > limit {
		c.bad(path, "has %d bytes, allowed 1 to %d", len(s), limit)
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			c.bad(path, "%q is not plain text", s)
			return false
		}
	}
	return true
}

// device refuses what is no file of /dev.
func (c *checker) device(path, s, begins string) {
	if c.text(path, s, 64) && (!strings.HasPrefix(s, "/dev/"+begins) || strings.Contains(s, "..") || strings.Contains(s[5:], "/")) {
		c.bad(path, "%q, want a device such as /dev/%s0", s, begins)
	}
}

// between refuses a number outside of its range.
func (c *checker) between(path string, v, lo, hi int) {
	if v < lo || v > hi {
		c.bad(path, "%d, allowed %d to %d", v, lo, hi)
	}
}

// lasting refuses a duration outside of its range.
func (c *checker) lasting(path string, v Duration, lo, hi time.Duration) {
	if d := time.Duration(v); d < lo || d > hi {
		c.bad(path, "%v, allowed %v to %v", d, lo, hi)
	}
}

func (c *checker) names() {
	b := c.board
	if !isName(b.Name) {
		c.bad("/name", "%q, allowed are 1 to 32 of a-z, 0-9 and '-'", b.Name)
	}
	c.text("/about", b.About, 200)
	if !slices.Contains([]string{"amd64", "arm64"}, b.Arch) {
		c.bad("/arch", "%q, allowed are amd64 and arm64", b.Arch)
	}
	if len(b.Compatible) > 16 {
		c.bad("/compatible", "names %d boards, allowed 16", len(b.Compatible))
	}
	for i, s := range b.Compatible {
		c.text(fmt.Sprintf("/compatible/%d", i), s, 128)
	}
}

var rates = []int{9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600}

// system checks what a board boots by and is served by. A board that is never
// flashed has none of it.
func (c *checker) system() {
	b := c.board
	if b.Boot == nil {
		if !b.Simulated() {
			c.bad("/boot", "missing: a board with real cameras is flashed")
			c.advise("say how it boots, as boards/rpi4/board.json does")
		}
		return
	}
	c.nested("/boot", b.Boot.check())
	for _, p := range []struct {
		path    string
		missing bool
	}{
		{"/console", b.Console == nil}, {"/provisioning", b.Provisioning == nil}, {"/tpm", b.TPM == nil}, {"/watchdog", b.Watchdog == nil},
		{"/network", len(b.Network) == 0}, {"/compatible", len(b.Compatible) == 0},
	} {
		if p.missing {
			c.bad(p.path, "missing: a board that is flashed has one")
		}
	}
	c.uart("/console", b.Console)
	c.uart("/provisioning", b.Provisioning)
	if b.TPM != nil {
		c.device("/tpm/device", b.TPM.Device, "tpm")
		if !slices.Contains([]string{"mmio", "spi", "i2c"}, b.TPM.Bus) {
			c.bad("/tpm/bus", "%q, allowed are mmio, spi and i2c", b.TPM.Bus)
		}
	}
	if b.Watchdog != nil {
		c.device("/watchdog/device", b.Watchdog.Device, "watchdog")
		c.lasting("/watchdog/timeout", b.Watchdog.Timeout, 5*time.Second, 5*time.Minute)
	}
	if len(b.Network) > 4 {
		c.bad("/network", "%d interfaces, allowed 4", len(b.Network))
	}
	for i, n := range b.Network {
		if !isName(n) || len(n) > 15 {
			c.bad(fmt.Sprintf("/network/%d", i), "%q, want a name such as eth0", n)
		}
	}
}

func (c *checker) uart(path string, u *UART) {
	if u == nil {
		return
	}
	c.device(path+"/device", u.Device, "tty")
	if !slices.Contains(rates, u.Rate) {
		c.bad(path+"/rate", "%d baud, allowed are %v", u.Rate, rates)
	}
}

// nested takes over the problems of a part that is checked elsewhere: an
// error, or several that errors.Join has joined, each beginning with its field.
func (c *checker) nested(path string, err error) {
	if err == nil {
		return
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range many.Unwrap() {
			c.nested(path, one)
		}
		return
	}
	field, says, ok := strings.Cut(err.Error(), ": ")
	if !ok || strings.ContainsAny(field, " \t") {
		c.bad(path, "%v", err)
		return
	}
	c.bad(path+"/"+strings.ReplaceAll(field, ".", "/"), "%s", says)
}

// take books an output, which one part alone may have.
func (c *checker) take(path, by, chip string, line int) {
	output := fmt.Sprintf("output %d of %s", line, chip)
	if other, ok := c.lines[output]; ok {
		c.bad(path, "%s has %s already", output, other)
		return
	}
	c.lines[output] = by
}

// gpio checks one line of a GPIO chip and books it.
func (c *checker) gpio(path, by string, l Line) {
	if !c.text(path+"/chip", l.Chip, 64) {
		return
	}
	if c.board.chip(l.Chip) != nil {
		c.bad(path+"/chip", "%q is an LED driver, want a GPIO chip", l.Chip)
		return
	}
	c.between(path+"/line", l.Line, 0, 1023)
	c.take(path, by, l.Chip, l.Line)
}

// chip is the LED driver of that name, or nil.
func (b *Board) chip(name string) *Chip {
	if i := slices.IndexFunc(b.Chips, func(c Chip) bool { return c.Name == name }); i >= 0 {
		return &b.Chips[i]
	}
	return nil
}

func (c *checker) gate() {
	g := c.board.Gate
	if g == nil {
		return
	}
	if g.Relay == nil && g.Wiegand == nil {
		c.bad("/gate", "has neither relay nor wiegand")
	}
	if g.Relay != nil {
		c.gpio("/gate/relay", "the relay", Line{g.Relay.Chip, g.Relay.Line})
		c.lasting("/gate/relay/open", g.Relay.Open, 100*time.Millisecond, 30*time.Second)
	}
	if w := g.Wiegand; w != nil {
		c.gpio("/gate/wiegand/data0", "Wiegand's data 0", w.Data0)
		c.gpio("/gate/wiegand/data1", "Wiegand's data 1", w.Data1)
		site, ok := map[int]int{26: 0xff, 34: 0xffff, 37: 0xffff}[w.Bits]
		if !ok {
			c.bad("/gate/wiegand/bits", "%d, allowed are 26, 34 and 37", w.Bits)
			return
		}
		c.between("/gate/wiegand/site", w.Site, 0, site)
	}
}
