package hal

import (
	"errors"
	"fmt"
	"math"
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

// Calibration is the geometry of a unit's pair of cameras, measured at the
// factory. A point p in the NIR camera's frame (millimetres) has the
// coordinates R p + T in the RGB camera's frame.
type Calibration struct {
	NIR     Intrinsics    `json:"nir"`
	RGB     Intrinsics    `json:"rgb"`
	R       [9]float64    `json:"r"` // row major, orthonormal
	T       [3]float64    `json:"t"` // millimetres
	MaxSkew time.Duration `json:"max_skew_ns"`
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
	return nil
}
