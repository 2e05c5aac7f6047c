package hal

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func goodFrame(b Band) Frame {
	f := Frame{Band: b, Format: RGB24, Width: 4, Height: 3, Stride: 12, Pix: make([]byte, 36)}
	if b == NIR {
		f.Format, f.Stride, f.Pix = Y10, 10, make([]byte, 30)
	}
	return f
}

func TestShotCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*Shot)
		want string // "" is valid
	}{
		{"good", func(*Shot) {}, ""},
		{"unknown light", func(s *Shot) { s.Light = 1 << 7 }, "unknown light"},
		{"no rgb", func(s *Shot) { s.RGB = Frame{} }, "unknown format"},
		{"no nir", func(s *Shot) { s.NIR = Frame{} }, "one band is missing"},
		{"swapped", func(s *Shot) { s.RGB, s.NIR = s.NIR, s.RGB }, "one band is missing"},
		{"colour in nir", func(s *Shot) { s.NIR.Format = RGB24 }, "in format rgb24"},
		{"no format", func(s *Shot) { s.RGB.Format = 0 }, "unknown format"},
		{"no width", func(s *Shot) { s.RGB.Width = 0 }, "allowed 1 to 4096"},
		{"too wide", func(s *Shot) { s.NIR.Width = MaxSide + 1 }, "allowed 1 to 4096"},
		{"short stride", func(s *Shot) { s.NIR.Stride = 7 }, "needs 8"},
		{"huge stride", func(s *Shot) { s.NIR.Stride = math.MaxInt }, "stride"},
		{"short pixels", func(s *Shot) { s.RGB.Pix = s.RGB.Pix[1:] }, "has 35 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Shot{RGB: goodFrame(RGB), NIR: goodFrame(NIR), Light: White}
			c.edit(&s)
			err := s.Check()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("Check = %v, want %q", err, c.want)
			}
		})
	}
	s := Shot{RGB: goodFrame(RGB)}
	if err := s.Check(); !errors.Is(err, ErrHalf) {
		t.Errorf("half a shot: %v, want ErrHalf", err)
	}
}

func TestSkew(t *testing.T) {
	s := Shot{RGB: Frame{At: 5 * time.Millisecond}, NIR: Frame{At: 3 * time.Millisecond}}
	if s.Skew() != 2*time.Millisecond {
		t.Errorf("Skew = %v", s.Skew())
	}
}

func TestParseLight(t *testing.T) {
	for l := range AllLights + 1 {
		got, err := ParseLight(l.String())
		if err != nil || got != l {
			t.Errorf("ParseLight(%q) = %v, %v", l, got, err)
		}
	}
	for _, s := range []string{"", "White", "white+white", "nir850+white", "dark+white", "white+", "invalid(0x80)", strings.Repeat("white+", 99)} {
		if l, err := ParseLight(s); err == nil {
			t.Errorf("ParseLight(%q) = %v, want an error", s, l)
		}
	}
}

func TestParseFormat(t *testing.T) {
	for f := RGB24; f <= Y10; f++ {
		if got, err := ParseFormat(f.String()); err != nil || got != f {
			t.Errorf("ParseFormat(%q) = %v, %v", f, got, err)
		}
	}
	for _, s := range []string{"", "format(0)", "RGB24", "y12"} {
		if f, err := ParseFormat(s); err == nil {
			t.Errorf("ParseFormat(%q) = %v, want an error", s, f)
		}
	}
}

// Every cue has a look of its own: nobody is left with a colour alone.
func TestCues(t *testing.T) {
	seen := map[Look]Cue{}
	names := map[string]bool{}
	for c := range cueCount {
		look, err := c.Look()
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[look]; ok {
			t.Errorf("%v looks like %v", c, other)
		}
		seen[look] = c
		if c != CueIdle && look.Text == "" {
			t.Errorf("%v has no text", c)
		}
		if len(look.Text) > 24 {
			t.Errorf("%v: text %q is longer than 24", c, look.Text)
		}
		if c.String() == "" || names[c.String()] {
			t.Errorf("cue %d has the name %q", c, c)
		}
		names[c.String()] = true
	}
	if _, err := cueCount.Look(); err == nil {
		t.Error("an unknown cue has a look")
	}
}

func goodCalibration() Calibration {
	cam := Intrinsics{Width: 640, Height: 480, Fx: 295, Fy: 295, Cx: 320, Cy: 240}
	return Calibration{NIR: cam, RGB: cam, R: [9]float64{1, 0, 0, 0, 1, 0, 0, 0, 1}, T: [3]float64{25, 0, 0}, MaxSkew: 5 * time.Millisecond}
}

func TestCalibrationCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*Calibration)
		ok   bool
	}{
		{"good", func(*Calibration) {}, true},
		{"zero", func(c *Calibration) { *c = Calibration{} }, false},
		{"no size", func(c *Calibration) { c.NIR.Width = 0 }, false},
		{"focal length NaN", func(c *Calibration) { c.RGB.Fx = math.NaN() }, false},
		{"centre infinite", func(c *Calibration) { c.RGB.Cy = math.Inf(1) }, false},
		{"scaled rotation", func(c *Calibration) { c.R[0] = 1.1 }, false},
		{"rotation NaN", func(c *Calibration) { c.R[4] = math.NaN() }, false},
		{"far apart", func(c *Calibration) { c.T[1] = 2000 }, false},
		{"no skew", func(c *Calibration) { c.MaxSkew = 0 }, false},
		{"endless skew", func(c *Calibration) { c.MaxSkew = time.Minute }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cal := goodCalibration()
			c.edit(&cal)
			if err := cal.Check(); (err == nil) != c.ok {
				t.Errorf("Check = %v", err)
			}
		})
	}
}

func TestDeviceCheckNamesWhatIsMissing(t *testing.T) {
	err := (&Device{Board: "x"}).Check()
	if err == nil || !strings.Contains(err.Error(), "camera, presence, face, identity, store, counter, slots, watchdog") {
		t.Errorf("Check = %v", err)
	}
}
