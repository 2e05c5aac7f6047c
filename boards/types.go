package boards

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"volar/hal"
)

// Board is one board's descriptor. README.md in this folder lists its fields.
// A pointer or a list that is empty says that the board has no such part.
type Board struct {
	Name         string          `json:"name"`       // that of its folder
	About        string          `json:"about"`      // one line for people
	Arch         string          `json:"arch"`       // GOARCH of its programs
	Compatible   []string        `json:"compatible"` // as in /proc/device-tree/compatible; may be empty
	Boot         *Boot           `json:"boot,omitempty"`
	Console      *UART           `json:"console,omitempty"`
	Provisioning *UART           `json:"provisioning,omitempty"` // may be the console's
	TPM          *TPM            `json:"tpm,omitempty"`
	Watchdog     *Watchdog       `json:"watchdog,omitempty"`
	Network      []string        `json:"network,omitempty"` // interfaces to bring up, in this order
	RGB          Camera          `json:"rgb"`
	NIR          Camera          `json:"nir"`
	Chips        []Chip          `json:"chips,omitempty"`
	Lamps        []Lamp          `json:"lamps"`
	Presence     Presence        `json:"presence"`
	Face         Face            `json:"face"`
	Gate         *Gate           `json:"gate,omitempty"`
	Calibration  hal.Calibration `json:"calibration"` // by design; a unit's own, measured at the factory, replaces it
	Limits       Limits          `json:"limits"`
}

// Simulated tells whether something stands in for the board's cameras. Such a
// board runs only where a unit is for development.
func (b *Board) Simulated() bool {
	rgb, _ := b.RGB.StandIn()
	nir, _ := b.NIR.StandIn()
	return rgb != "" || nir != ""
}

// Line is one output of a GPIO chip.
type Line struct {
	Chip string `json:"chip"` // name or label of the GPIO chip: "gpiochip0", "pinctrl-bcm2711"
	Line int    `json:"line"` // counted from 0, of the chip
}

// UART is a serial port.
type UART struct {
	Device string `json:"device"` // "/dev/ttyAMA0"
	Rate   int    `json:"rate"`   // baud; 8 data bits, no parity, 1 stop bit
}

// Kernel is the port as a kernel's console= takes it: "ttyAMA0,115200".
func (u *UART) Kernel() string {
	return path.Base(u.Device) + "," + strconv.Itoa(u.Rate)
}

// TPM is the chip that keeps the unit's keys.
type TPM struct {
	Device string `json:"device"` // "/dev/tpmrm0", the one that shares the chip
	Bus    string `json:"bus"`    // "mmio", "spi" or "i2c"
}

// Watchdog resets the board when it hangs.
type Watchdog struct {
	Device  string   `json:"device"` // "/dev/watchdog0"
	Timeout Duration `json:"timeout"`
}

// Camera is one sensor as the system knows it.
type Camera struct {
	Device   string   `json:"device"`             // "/dev/video0", "name:unicam-image", "driver:uvcvideo"; or what StandIn takes apart
	Format   string   `json:"format"`             // what the firmware gets, as hal.Format writes it
	FPS      int      `json:"fps"`                // frames a second
	Pixels   string   `json:"pixels,omitempty"`   // what the sensor gives, as V4L2 names it: "Y10", "YUYV"
	Exposure Duration `json:"exposure,omitempty"` // of every frame, whatever the light
	Row      Duration `json:"row,omitempty"`      // time of one row, where the sensor counts its exposure in rows
	Gain     int      `json:"gain,omitempty"`     // in the sensor's own units
	Readout  Duration `json:"readout,omitempty"`  // from the end of an exposure to the driver's time stamp
	Pipeline []Pad    `json:"pipeline,omitempty"` // pads to set before the first frame, from the sensor on
}

// Pad is one end of a sensor or of a receiver, which the kernel wants to be
// told what runs through it (media controller API).
type Pad struct {
	Entity string `json:"entity"` // how the name of the media entity begins: "ov9282 "
	Pad    int    `json:"pad"`
	Code   int    `json:"code"`           // media bus code, include/uapi/linux/media-bus-format.h
	Link   string `json:"link,omitempty"` // entity whose pad 0 this pad feeds; the link is switched on
}

// StandIn tells what stands in for a camera where there is none: "sim" and a
// name, "tape" and the path of a recording, "live" and the address of a
// simulator; kind is "" for a camera.
func (c *Camera) StandIn() (kind, what string) {
	if kind, what, _ = strings.Cut(c.Device, ":"); slices.Contains(standIns, kind) {
		return kind, what
	}
	return "", ""
}

var standIns = []string{"sim", "tape", "live"}

// Chip is an LED driver on an I2C bus.
type Chip struct {
	Name    string `json:"name"` // that lamps and ring know it by
	Chip    string `json:"chip"` // "tlc59116" or "is31fl3236a"
	Bus     string `json:"bus"`  // "/dev/i2c-1"
	Address int    `json:"address"`
	Gate    *Line  `json:"gate,omitempty"` // switches the supply of the chip's LEDs: the strobe
}

// Lamp is one LED, or one group that is switched together.
type Lamp struct {
	Light string  `json:"light"`           // as hal.Light writes it: "white", or one corner of it
	Chip  string  `json:"chip"`            // one of Chips, or a GPIO chip
	Line  int     `json:"line"`            // output of the chip
	Drive float64 `json:"drive,omitempty"` // share of the chip's current that is full strength; 0 is 1
	MaxOn int     `json:"max_on_ms"`       // longest time that it may be lit at once
	Duty  float64 `json:"duty"`            // share of time that it may be lit, for heat and for eyes
}

// Presence is the sensor that wakes the device.
type Presence struct {
	Chip    string `json:"chip"` // "vl53l0x"; beside cameras that are none, their kind
	Bus     string `json:"bus,omitempty"`
	Address int    `json:"address,omitempty"`
	Near    int    `json:"near_mm,omitempty"` // a hand is there when nearer than this,
	Gone    int    `json:"gone_mm,omitempty"` // and gone when farther than this
}

// Face is what people see and hear.
type Face struct {
	Ring   *Ring   `json:"ring,omitempty"`
	Buzzer *Buzzer `json:"buzzer,omitempty"`
}

// Ring is a circle of red-green-blue LEDs on one chip.
type Ring struct {
	Chip     string   `json:"chip"`     // one of Chips
	LEDs     [][3]int `json:"leds"`     // outputs for red, green and blue, clockwise from the top
	Strength float64  `json:"strength"` // of full, at which white is shown
}

// Buzzer is a piezo on a PWM output.
type Buzzer struct {
	Chip string `json:"chip"` // "pwmchip0"
	Line int    `json:"line"` // channel
}

// Gate is what lets a person through.
type Gate struct {
	Relay   *Relay   `json:"relay,omitempty"`
	Wiegand *Wiegand `json:"wiegand,omitempty"`
}

// Relay opens a door.
type Relay struct {
	Chip string   `json:"chip"` // GPIO chip
	Line int      `json:"line"`
	Open Duration `json:"open"` // how long the door stays open
}

// Wiegand is an output to a door controller.
type Wiegand struct {
	Data0 Line `json:"data0"`
	Data1 Line `json:"data1"`
	Bits  int  `json:"bits"` // 26, 34 or 37
	Site  int  `json:"site,omitempty"`
}

// Limits are what the board's cameras can do.
type Limits struct {
	ExposureMin Duration `json:"exposure_min"`
	ExposureMax Duration `json:"exposure_max"`
	Timeout     Duration `json:"timeout"` // a camera without a frame for this long has stalled
}

// Duration is a time.Duration written as "5ms".
type Duration time.Duration

// UnmarshalText reads "5ms".
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// MarshalText writes "5ms".
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }
