package palm

import (
	"fmt"
	"math"
	"time"

	"volar/hal"
)

// Lamp is one LED beside the cameras.
type Lamp struct {
	X, Y  float64 // mm from the NIR camera, in the plane of the cameras
	Power float64 // share of full scale per millisecond from a white surface 1 mm away, straight ahead
	Lobe  float64 // exponent of the cosine by which it fades to the side
}

// Sensor is what one camera does with light.
type Sensor struct {
	Format   hal.Format
	FullWell float64 // electrons at full scale
	Read     float64 // read noise, electrons
	Black    float64 // black level, share of full scale
	Aperture float64 // mm, for the defocus
	Focus    float64 // mm, the distance in focus
	Blur     float64 // px, deviation of the sharpest image of a point
	Vignette float64 // share of light lost in the corners
	Target   float64 // share of full scale that the exposure control wants of a palm
	Shortest time.Duration
	Longest  time.Duration
	Hot      int // hot pixels
}

// Room is the surroundings: what the cameras see past the hand, and what
// light comes from there. 1 is an office.
type Room struct {
	White float64
	NIR   float64 // daylight and filament lamps
	Seed  uint64
}

// Rig is a device: two cameras and their lamps.
type Rig struct {
	Calibration hal.Calibration
	White       []Lamp
	NIR850      []Lamp
	NIR940      []Lamp
	NIR, RGB    Sensor
	Skew        time.Duration // of the NIR exposure after the RGB one
	Room        Room
	Seed        uint64 // of the unit: noise and hot pixels
}

// DefaultRig is the unit of board "sim": 94 degrees wide cameras 25 mm apart,
// four lamps of each colour round them: top left, top right, bottom left,
// bottom right.
func DefaultRig() Rig {
	lamps := func(dx, dy, power float64) []Lamp {
		return []Lamp{
			{midway - dx, -dy, power, 1.2}, {midway + dx, -dy, power, 1.2},
			{midway - dx, dy, power, 1.2}, {midway + dx, dy, power, 1.2},
		}
	}
	r := rotation(0.004, -0.006, 0.003)
	rig := Rig{
		Calibration: hal.Calibration{
			NIR:     hal.Intrinsics{Width: 640, Height: 480, Fx: 295, Fy: 295.4, Cx: 318.6, Cy: 241.2},
			RGB:     hal.Intrinsics{Width: 640, Height: 480, Fx: 301.5, Fy: 301.2, Cx: 322.3, Cy: 237.5},
			R:       [9]float64(r),
			T:       [3]float64{-2 * midway, 0.3, -0.2},
			MaxSkew: 5 * time.Millisecond,
		},
		White:  lamps(27, 22, 600),
		NIR850: lamps(34, 15, 520),
		NIR940: lamps(34, 24, 570),
		NIR: Sensor{
			Format: hal.Y10, FullWell: 9000, Read: 9, Black: 0.016, Aperture: 0.55, Focus: 78, Blur: 0.55,
			Vignette: 0.35, Target: 0.55, Shortest: 200 * time.Microsecond, Longest: 8 * time.Millisecond, Hot: 9,
		},
		RGB: Sensor{
			Format: hal.RGB24, FullWell: 8000, Read: 8, Black: 0, Aperture: 0.5, Focus: 78, Blur: 0.65,
			Vignette: 0.3, Target: 0.5, Shortest: 200 * time.Microsecond, Longest: 8 * time.Millisecond, Hot: 5,
		},
		Skew: 2 * time.Millisecond,
		Room: Room{White: 1, NIR: 1, Seed: 1},
		Seed: 1,
	}
	rig.measureLamps()
	return rig
}

// measureLamps is what the factory does: it notes where the lamps stand and
// what a white card gives back under those of each band.
func (r *Rig) measureLamps() {
	card := vec{midway, 0, hal.CardDistance}
	for i, lamps := range [][]Lamp{r.White, r.NIR850, r.NIR940} {
		light, b := hal.White<<i, &r.Calibration.Lamps[i]
		for k, l := range lamps {
			b.At[k] = [2]float64{l.X, l.Y}
		}
		band, channels := hal.NIR, 1
		if light == hal.White {
			band, channels = hal.RGB, 3
		}
		lit := illuminate(r.lampsFor(light, band), card, vec{0, 0, -1}, vec{}, vec{}, vec{}, gloss{})
		for c := range channels {
			b.Card[c] = math.Round(-lit.dir.z*1e6) / 1e6
		}
	}
}

// lampsFor lists the lamps of a light that a camera sees, each set with the
// share of it that passes the camera's filter: the RGB camera has an IR-cut,
// the NIR camera a band-pass. Corners and strength hold for every set.
func (r *Rig) lampsFor(light hal.Light, band hal.Band) []lampSet {
	var out []lampSet
	add := func(bit hal.Light, lamps []Lamp, channel int, rgb, nir float64) {
		share := rgb
		if band == hal.NIR {
			share = nir
		}
		if light&bit == 0 {
			return
		}
		on := lamps[:0:0]
		for i, l := range lamps {
			if light.Corners()>>i&1 != 0 {
				l.Power *= light.Strength()
				on = append(on, l)
			}
		}
		out = append(out, lampSet{on, channel, share})
	}
	add(hal.White, r.White, red, 1, 0.003)
	add(hal.NIR850, r.NIR850, nir850, 0.002, 1)
	add(hal.NIR940, r.NIR940, nir940, 0.001, 0.64) // silicon sees less at 940 nm
	return out
}

type lampSet struct {
	lamps   []Lamp
	channel int
	share   float64
}

func (r *Rig) sensor(b hal.Band) *Sensor {
	if b == hal.RGB {
		return &r.RGB
	}
	return &r.NIR
}

func (r *Rig) intrinsics(b hal.Band) hal.Intrinsics {
	if b == hal.RGB {
		return r.Calibration.RGB
	}
	return r.Calibration.NIR
}

// Check refuses what cannot be drawn for.
func (r *Rig) Check() error {
	if err := r.Calibration.Check(); err != nil {
		return err
	}
	for _, b := range []hal.Band{hal.RGB, hal.NIR} {
		s, in := r.sensor(b), r.intrinsics(b)
		switch {
		case in.Width%2 != 0 || in.Height%2 != 0:
			return fmt.Errorf("palm: check rig: %v camera is %dx%d, sides must be even", b, in.Width, in.Height)
		case (b == hal.RGB) != (s.Format == hal.RGB24) || s.Format.BytesPerPixel() == 0:
			return fmt.Errorf("palm: check rig: %v camera gives %v", b, s.Format)
		case s.FullWell <= 0 || s.Focus <= 0 || s.Shortest <= 0 || s.Longest < s.Shortest:
			return fmt.Errorf("palm: check rig: %v sensor: full well, focus and exposure must be positive", b)
		}
	}
	return nil
}
