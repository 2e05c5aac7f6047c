package hal

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
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
		{"unknown light", func(s *Shot) { s.Light = 1 << 9 }, "unknown light"},
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

// Every light there is has one name, and everything else has none.
func TestParseLight(t *testing.T) {
	valid := 0
	names := map[string]bool{}
	for l := range Light(1 << 10) {
		if l.Check() != nil {
			if got, err := ParseLight(l.String()); err == nil {
				t.Errorf("%#x is no light and is read from %q as %v", uint16(l), l, got)
			}
			continue
		}
		valid++
		got, err := ParseLight(l.String())
		if err != nil || got != l || names[l.String()] {
			t.Errorf("ParseLight(%q) = %v, %v", l, got, err)
		}
		names[l.String()] = true
	}
	if want := 1 + 7*15*4; valid != want {
		t.Errorf("%d lights, want %d", valid, want)
	}
	for _, s := range []string{"", "White", "white+white", "nir850+white", "dark+white", "white+", "invalid(0x80)", strings.Repeat("white+", 99),
		"dark/50", "dark@tl", "@tl", "white@", "white@tl,tl", "white@tr,tl", "white@tl,tr,bl,br", "white/100", "white/0", "white/", "white/50/50",
		"white@tl@tr", "white/50@tl"} {
		if l, err := ParseLight(s); err == nil {
			t.Errorf("ParseLight(%q) = %v, want an error", s, l)
		}
	}
}

func TestLight(t *testing.T) {
	for _, c := range []struct {
		light    Light
		name     string
		bands    Light
		corners  uint8
		strength float64
	}{
		{0, "dark", 0, 0, 0},
		{White, "white", White, 15, 1},
		{White | NIR850, "white+nir850", White | NIR850, 15, 1},
		{NIR850 | TopLeft, "nir850@tl", NIR850, 1, 1},
		{NIR940 | Half, "nir940/50", NIR940, 15, 0.5},
		{White | NIR940 | TopLeft | TopRight | BottomRight | ThreeQuarters, "white+nir940@tl,tr,br/75", White | NIR940, 11, 0.75},
		{NIR850 | BottomLeft | Quarter, "nir850@bl/25", NIR850, 4, 0.25},
	} {
		if c.light.Check() != nil || c.light.String() != c.name || c.light.Bands() != c.bands || c.light.Corners() != c.corners || c.light.Strength() != c.strength {
			t.Errorf("%v: bands %v, corners %d, strength %g", c.light, c.light.Bands(), c.light.Corners(), c.light.Strength())
		}
		if c.light == 0 {
			continue
		}
		if l, err := LightOf(c.bands, c.corners, int(4*c.strength)); err != nil || l != c.light {
			t.Errorf("LightOf(%v) = %v, %v", c.light, l, err)
		}
	}
	for _, bad := range []struct {
		bands    Light
		at       uint8
		quarters int
	}{{0, 1, 4}, {White, 0, 4}, {White, 16, 4}, {White, 1, 0}, {White, 1, 5}, {8, 1, 4}} {
		if l, err := LightOf(bad.bands, bad.at, bad.quarters); err == nil {
			t.Errorf("LightOf(%+v) = %v", bad, l)
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

func lit(c *Calibration) {
	at := [4][2]float64{{-20, -15}, {45, -15}, {-20, 15}, {45, 15}}
	c.Lamps = [3]Bank{{at, [3]float64{0.1, 0.12, 0.1}}, {at, [3]float64{0.1}}, {at, [3]float64{0.07}}}
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
		{"lamps", lit, true},
		{"lamp NaN", func(c *Calibration) { lit(c); c.Lamps[1].At[0][1] = math.NaN() }, false},
		{"lamp far off", func(c *Calibration) { lit(c); c.Lamps[2].At[1][0] = 201 }, false},
		{"left and right exchanged", func(c *Calibration) { lit(c); a := &c.Lamps[0].At; a[0], a[1] = a[1], a[0] }, false},
		{"top and bottom exchanged", func(c *Calibration) { lit(c); a := &c.Lamps[0].At; a[0], a[2] = a[2], a[0] }, false},
		{"a bank without lamps", func(c *Calibration) { lit(c); c.Lamps[2] = Bank{} }, false},
		{"no card", func(c *Calibration) { lit(c); c.Lamps[0].Card[1] = 0 }, false},
		{"coloured infrared", func(c *Calibration) { lit(c); c.Lamps[1].Card[2] = 1 }, false},
		{"card infinite", func(c *Calibration) { lit(c); c.Lamps[1].Card[0] = math.Inf(1) }, false},
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

func TestReadCalibration(t *testing.T) {
	if c, err := ReadCalibration(""); c != nil || err != nil {
		t.Errorf("none: %v, %v", c, err)
	}
	want := goodCalibration()
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	path := filepath.Join(t.TempDir(), "calibration.json")
	if _, err := ReadCalibration(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for text, ok := range map[string]bool{
		good: true, good + "\n": true, good + "{}": false, good + "]": false, "{}": false, "[]": false, "": false,
		strings.Replace(good, `"nir"`, `"near"`, 1): false, good + strings.Repeat(" ", maxCalibration): false,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := ReadCalibration(path); (err == nil) != ok || ok && *c != want {
			t.Errorf("%.60s: %v", text, err)
		}
	}
}

func TestDeviceCheckNamesWhatIsMissing(t *testing.T) {
	err := (&Device{Board: "x"}).Check()
	if err == nil || !strings.Contains(err.Error(), "camera, presence, face, identity, store, counter, slots, watchdog") {
		t.Errorf("Check = %v", err)
	}
}
