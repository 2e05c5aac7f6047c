package boards

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"volar/hal"
)

// pixels are the formats that sensors give, as V4L2 names them, and what the
// driver makes of each.
var pixels = map[string]hal.Format{
	"GREY": hal.Y8, "Y10": hal.Y10, "Y12": hal.Y10, "Y16": hal.Y10,
	"RGB3": hal.RGB24, "BGR3": hal.RGB24, "YUYV": hal.RGB24, "UYVY": hal.RGB24,
}

func (c *checker) cameras() {
	b := c.board
	c.camera("/rgb", &b.RGB, hal.RGB)
	c.camera("/nir", &b.NIR, hal.NIR)
	rgb, what := b.RGB.StandIn()
	nir, what2 := b.NIR.StandIn()
	switch {
	case b.RGB.Device == "" || b.NIR.Device == "": // named already
	case (rgb == "") != (nir == ""):
		c.bad("/nir/device", "%q beside %q: both cameras are real, or none is", b.NIR.Device, b.RGB.Device)
	case rgb != nir || rgb != "sim" && what != what2:
		c.bad("/nir/device", "%q, want what stands in for the other camera, %q: a shot is of both", b.NIR.Device, b.RGB.Device)
	}
	l := &b.Limits
	lo, hi, out := time.Duration(l.ExposureMin), time.Duration(l.ExposureMax), time.Duration(l.Timeout)
	if lo < time.Microsecond || hi < lo || hi > time.Second {
		c.bad("/limits/exposure_max", "exposure from %v to %v, allowed 1µs to 1s", lo, hi)
	}
	if out < hi || out > 10*time.Second {
		c.bad("/limits/timeout", "timeout %v, allowed from the longest exposure to 10s", out)
	}
}

func (c *checker) camera(path string, cam *Camera, band hal.Band) {
	named := c.text(path+"/device", cam.Device, 256)
	f, err := hal.ParseFormat(cam.Format)
	if err != nil {
		c.bad(path+"/format", "%s", strings.TrimPrefix(err.Error(), "hal: "))
	} else if (f == hal.RGB24) != (band == hal.RGB) {
		c.bad(path+"/format", "%v camera gives %v", band, f)
	}
	if cam.FPS < 1 || cam.FPS > 240 {
		c.bad(path+"/fps", "%d frames a second, allowed 1 to 240", cam.FPS)
		return
	}
	if kind, _ := cam.StandIn(); !named || kind != "" {
		return
	}
	if !slices.ContainsFunc([]string{"/dev/video", "name:", "driver:"}, func(p string) bool { return strings.HasPrefix(cam.Device, p) }) {
		c.bad(path+"/device", "%q, want name: and what /sys/class/video4linux/*/name says, driver: and the kernel's driver, or /dev/video0", cam.Device)
		c.advise("name: and driver: stay true when the kernel finds the cameras in another order")
	}
	c.sensor(path, cam, f)
}

// sensor checks what only a real camera has.
func (c *checker) sensor(path string, cam *Camera, f hal.Format) {
	if made, ok := pixels[cam.Pixels]; !ok {
		c.bad(path+"/pixels", "%q, known are GREY, Y10, Y12, Y16, RGB3, BGR3, YUYV and UYVY", cam.Pixels)
		c.advise("v4l2-ctl --list-formats on any Linux says what the camera gives")
	} else if f != 0 && made != f {
		c.bad(path+"/pixels", "the driver makes %v of %s, but format is %v", made, cam.Pixels, f)
	}
	frame := time.Second / time.Duration(cam.FPS)
	lim := c.board.Limits
	if e := cam.Exposure; e < lim.ExposureMin || e > lim.ExposureMax {
		c.bad(path+"/exposure", "%v, limits allow %v to %v", time.Duration(e), time.Duration(lim.ExposureMin), time.Duration(lim.ExposureMax))
	} else if time.Duration(e) > frame {
		c.bad(path+"/exposure", "%v is longer than a frame at %d a second", time.Duration(e), cam.FPS)
	}
	if cam.Row != 0 {
		c.lasting(path+"/row", cam.Row, time.Microsecond, time.Millisecond)
	}
	c.between(path+"/gain", cam.Gain, 0, 1<<20)
	c.lasting(path+"/readout", cam.Readout, 0, time.Second)
	if least := 3 * frame; time.Duration(lim.Timeout) < least {
		c.bad("/limits/timeout", "timeout %v is under three frames of %s, %v", time.Duration(lim.Timeout), path[1:], least)
	}
	if len(cam.Pipeline) > 8 {
		c.bad(path+"/pipeline", "%d pads, allowed 8", len(cam.Pipeline))
	}
	for i, p := range cam.Pipeline {
		at := fmt.Sprintf("%s/pipeline/%d", path, i)
		c.text(at+"/entity", p.Entity, 32)
		c.between(at+"/pad", p.Pad, 0, 31)
		c.between(at+"/code", p.Code, 0x1000, 0x7fff)
	}
}

func (c *checker) presence() {
	p, b := c.board.Presence, c.board
	want, _ := b.RGB.StandIn()
	if want == "" {
		want = "vl53l0x"
	}
	if p.Chip != want {
		c.bad("/presence/chip", "%q, beside these cameras want %q", p.Chip, want)
		return
	}
	if p.Chip != "vl53l0x" {
		return
	}
	c.bus("/presence", "the presence sensor", p.Bus, p.Address, 0x08, 0x77)
	c.between("/presence/near_mm", p.Near, 40, 1000)
	c.between("/presence/gone_mm", p.Gone, p.Near+10, 1200)
}

// bus checks a place on an I2C bus and books it.
func (c *checker) bus(path, by, bus string, address, lo, hi int) {
	c.device(path+"/bus", bus, "i2c-")
	if address < lo || address > hi {
		c.bad(path+"/address", "%d (%#x), allowed %d to %d (%#x to %#x)", address, address, lo, hi, lo, hi)
		return
	}
	c.take(path+"/address", by, "I2C bus "+bus, address)
}
