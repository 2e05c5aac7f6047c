package linux

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"

	"volar/boards"
	"volar/hal"
	"volar/hal/linux/v4l2"
)

// bus opens an I2C bus once.
func (p *parts) bus(path string) (i2c.Bus, error) {
	if b, ok := p.buses[path]; ok {
		return b, nil
	}
	b, err := p.sys.bus(path)
	if err != nil {
		return nil, err
	}
	p.buses[path] = b
	p.closers = append(p.closers, b.Close)
	return b, nil
}

// chips opens the LED drivers.
func (p *parts) chips() map[string]*bank {
	banks := map[string]*bank{}
	for i := range p.board.Chips {
		c := &p.board.Chips[i]
		bus, err := p.bus(c.Bus)
		if err != nil {
			p.lacks("chip "+c.Name, err)
			continue
		}
		chip, err := newChip(c, bus)
		if err != nil {
			p.lacks("chip "+c.Name, err)
			continue
		}
		var gate gpio.PinOut
		if c.Gate != nil {
			gate = p.line("gate of "+c.Name, *c.Gate)
		}
		k, err := newBank(chip, gate)
		if err != nil {
			p.lacks("chip "+c.Name, err)
			continue
		}
		banks[c.Name] = k
	}
	return banks
}

// line opens a GPIO line and drives it low.
func (p *parts) line(part string, l boards.Line) gpio.PinOut {
	pin, err := p.sys.line(l)
	if err == nil {
		err = pin.Out(gpio.Low)
	}
	if err != nil {
		p.lacks(part, err)
		return nil
	}
	p.closers = append(p.closers, func() error {
		err := pin.Out(gpio.Low)
		if c, ok := pin.(interface{ Close() }); ok { // or another program would find the line in use
			c.Close()
		}
		return err
	})
	return pin
}

// film opens cameras, lamps and presence sensor.
func (p *parts) film(d *hal.Device, chips map[string]*bank) {
	b := p.board
	c := &camera{skew: d.Calibration.MaxSkew, timeout: time.Duration(b.Limits.Timeout), need: b.Lit(), lamps: p.lamps(chips)}
	for i, e := range []struct {
		band hal.Band
		cam  *boards.Camera
		in   hal.Intrinsics
	}{{hal.RGB, &b.RGB, d.Calibration.RGB}, {hal.NIR, &b.NIR, d.Calibration.NIR}} {
		eye, err := p.eye(e.band, e.cam, e.in)
		if err != nil {
			p.lacks(fmt.Sprintf("%v camera", e.band), err)
		}
		c.eyes[i] = eye
	}
	if c.eyes[0] != nil && c.eyes[1] != nil {
		p.closers = append(p.closers, c.close)
		d.Camera = c
	}
	s := b.Presence
	bus, err := p.bus(s.Bus)
	if err != nil {
		p.lacks("presence sensor", err)
		return
	}
	tof := &vl53l0x{i2c.Dev{Bus: bus, Addr: uint16(s.Address)}}
	p.lacks("presence sensor", tof.check())
	d.Presence = &presence{near: s.Near, gone: s.Gone, measure: tof.distance}
}

// eye finds a camera and opens it once, to see that it is there.
func (p *parts) eye(band hal.Band, cam *boards.Camera, in hal.Intrinsics) (*eye, error) {
	path := cam.Device
	if !strings.HasPrefix(path, "/dev/") {
		var err error
		if path, err = v4l2.Find(p.sys.cameras, path); err != nil {
			return nil, err
		}
	}
	e, err := newEye(band, cam, in, path, p.sys.kernel)
	if err != nil {
		return nil, err
	}
	s, err := v4l2.Open(e.cfg)
	if err != nil {
		return nil, err
	}
	e.stream = s
	return e, nil
}

func (p *parts) lamps(chips map[string]*bank) *lamps {
	s := &lamps{now: p.sys.now}
	for _, l := range p.board.Lamps {
		k := chips[l.Chip]
		if k == nil {
			continue // its chip has been named
		}
		light, err := hal.ParseLight(l.Light)
		if err != nil {
			p.lacks("lamp "+l.Light, err)
			continue
		}
		drive := l.Drive
		if drive == 0 {
			drive = 1
		}
		s.all = append(s.all, &lamp{light: light, bank: k, out: l.Line, drive: drive,
			limit: Limit{MaxOn: time.Duration(l.MaxOn) * time.Millisecond, Duty: l.Duty}})
		if !slices.Contains(s.banks, k) {
			s.banks = append(s.banks, k)
		}
	}
	return s
}

func (p *parts) face(d *hal.Device, chips map[string]*bank) {
	var r *ring
	var z *buzzer
	if b := p.board.Face.Ring; b != nil {
		k := chips[b.Chip]
		if k == nil {
			return // its chip has been named
		}
		if k.gate != nil {
			p.lacks("ring", k.gate.Out(gpio.High)) // it shines all the time
		}
		r = newRing(b, k.chip)
	}
	if b := p.board.Face.Buzzer; b != nil {
		var err error
		if z, err = openBuzzer(p.sys.pwm, b); err != nil {
			p.lacks("buzzer", err)
			return
		}
	}
	f := newFace(r, z)
	p.closers = append(p.closers, f.close)
	d.Face = f
}

func (p *parts) gate(d *hal.Device) {
	b := p.board.Gate
	if b == nil {
		return
	}
	g := &gate{}
	if b.Relay != nil {
		g.relay, g.open = p.line("relay", boards.Line{Chip: b.Relay.Chip, Line: b.Relay.Line}), time.Duration(b.Relay.Open)
	}
	if w := b.Wiegand; w != nil {
		g.wiegand = &wiegand{bits: w.Bits, site: w.Site,
			data: [2]gpio.PinOut{p.line("Wiegand data 0", w.Data0), p.line("Wiegand data 1", w.Data1)}}
	}
	p.closers = append(p.closers, g.close)
	d.Gate = g
}
