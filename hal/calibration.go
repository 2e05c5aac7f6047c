package hal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"
)

// Intrinsics is a pinhole camera, in pixels. Pixel centres have integer
// coordinates; x runs right, y down, z away from the camera.
type Intrinsics struct {
	Width  int     `json:"width"`
	Height int     `json:"height"`
	Fx     float64 `json:"fx"`
	Fy     float64 `json:"fy"`
	Cx     float64 `json:"cx"`
	Cy     float64 `json:"cy"`
}

// Bank is the four lamps of one band, as they were measured at the factory.
type Bank struct {
	// At is where the lamps stand, mm from the NIR camera's centre in the plane
	// of its picture, x right and y down: top left, top right, bottom left,
	// bottom right.
	At [4][2]float64 `json:"at"`

	// Card is how bright a white card is under all four at full strength, square
	// to the NIR camera, CardDistance before it, in the middle between the
	// cameras: share of full scale a millisecond, linear. Of White: red, green
	// and blue of the RGB camera; of the others: of the NIR camera, 0, 0.
	Card [3]float64 `json:"card"`
}

// CardDistance is where the white card was, mm from the NIR camera.
const CardDistance = 100

// Calibration is the geometry of a unit's pair of cameras, measured at the
// factory. A point p in the NIR camera's frame (millimetres) has the
// coordinates R p + T in the RGB camera's frame.
type Calibration struct {
	NIR     Intrinsics    `json:"nir"`
	RGB     Intrinsics    `json:"rgb"`
	R       [9]float64    `json:"r"` // row major, orthonormal
	T       [3]float64    `json:"t"` // millimetres
	MaxSkew time.Duration `json:"max_skew_ns"`

	// Lamps are those of White, NIR850 and NIR940, in this order. Zero is
	// unknown: such a unit guides a hand and cannot tell that it lives.
	Lamps [3]Bank `json:"lamps,omitzero"`
}

// maxCalibration bounds the JSON of a calibration, in bytes.
const maxCalibration = 16 << 10

// ParseCalibration reads the JSON of a calibration, strictly, and checks it.
func ParseCalibration(b []byte) (*Calibration, error) {
	if len(b) > maxCalibration {
		return nil, fmt.Errorf("hal: calibration: more than %d bytes", maxCalibration)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	c := new(Calibration)
	if err := d.Decode(c); err != nil {
		return nil, fmt.Errorf("hal: calibration: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("hal: calibration: bytes after the end")
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	return c, nil
}

// ReadCalibration reads a file of what ParseCalibration takes; nil where none
// is named.
func ReadCalibration(path string) (*Calibration, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("hal: calibration: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxCalibration+1))
	if err != nil {
		return nil, fmt.Errorf("hal: calibration: %w", err)
	}
	c, err := ParseCalibration(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Check refuses what no pair of cameras can be.
func (c *Calibration) Check() error {
	for _, cam := range []struct {
		name string
		Intrinsics
	}{{"nir", c.NIR}, {"rgb", c.RGB}} {
		if cam.Width < 1 || cam.Height < 1 || cam.Width > MaxSide || cam.Height > MaxSide {
			return fmt.Errorf("hal: calibration: %s is %dx%d, allowed 1 to %d a side", cam.name, cam.Width, cam.Height, MaxSide)
		}
		for _, v := range []float64{cam.Fx, cam.Fy} {
			if !(v >= 1 && v <= 1e5) {
				return fmt.Errorf("hal: calibration: %s focal length %g px, allowed 1 to 100000", cam.name, v)
			}
		}
		for _, v := range []float64{cam.Cx, cam.Cy} {
			if !(math.Abs(v) <= 1e5) {
				return fmt.Errorf("hal: calibration: %s principal point %g px", cam.name, v)
			}
		}
	}
	for i := range 3 {
		for j := range 3 {
			dot, want := 0.0, 0.0
			for k := range 3 {
				dot += c.R[3*i+k] * c.R[3*j+k]
			}
			if i == j {
				want = 1
			}
			if !(math.Abs(dot-want) < 1e-6) {
				return errors.New("hal: calibration: r is not a rotation")
			}
		}
		if !(math.Abs(c.T[i]) <= 1000) {
			return fmt.Errorf("hal: calibration: cameras %g mm apart, allowed 1000", c.T[i])
		}
	}
	if c.MaxSkew <= 0 || c.MaxSkew > time.Second {
		return fmt.Errorf("hal: calibration: max skew %v, allowed up to 1s", c.MaxSkew)
	}
	if c.Lamps == ([3]Bank{}) {
		return nil
	}
	for i := range c.Lamps {
		if err := c.Lamps[i].check(i == 0); err != nil {
			return fmt.Errorf("hal: calibration: lamps of %v: %w", White<<i, err)
		}
	}
	return nil
}

// farthestLamp is how far from the NIR camera a lamp may stand, mm.
const farthestLamp = 200

// check refuses lamps that are not where their names say, and a card that
// gave no light. coloured is whether the bank has three channels.
func (b *Bank) check(coloured bool) error {
	for i, at := range b.At {
		for k := range at {
			if !(math.Abs(at[k]) <= farthestLamp) {
				return fmt.Errorf("lamp %s is %g mm away, allowed %d", cornerNames[i], at[k], farthestLamp)
			}
		}
	}
	if !(b.At[0][0] < b.At[1][0] && b.At[2][0] < b.At[3][0] && b.At[0][1] < b.At[2][1] && b.At[1][1] < b.At[3][1]) {
		return errors.New("corners are not where their names say")
	}
	for i, v := range b.Card {
		if used := i == 0 || coloured; !(v >= 0 && v <= 1e3) || (v > 0) != used {
			return fmt.Errorf("white card gives %g in channel %d", v, i)
		}
	}
	return nil
}
