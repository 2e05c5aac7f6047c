package boards

import (
	"fmt"
	"slices"
	"time"
	"unicode"

	"volar/hal"
)

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

func checkText(what, s string, limit int) error {
	if s == "" || len(s) > limit {
		return fmt.Errorf("%s has %d bytes, allowed 1 to %d", what, len(s), limit)
	}
	for _, r := range s {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return fmt.Errorf("%s %q is not plain text", what, s)
		}
	}
	return nil
}

// check refuses what no board can be, so that a driver need not.
func (b *Board) check() error {
	if !isName(b.Name) {
		return fmt.Errorf("name %q, allowed are 1 to 32 of a-z, 0-9 and '-'", b.Name)
	}
	if err := checkText("about", b.About, 200); err != nil {
		return err
	}
	if !slices.Contains([]string{"amd64", "arm64"}, b.Arch) {
		return fmt.Errorf("arch %q, allowed are amd64 and arm64", b.Arch)
	}
	if len(b.Compatible) > 16 {
		return fmt.Errorf("compatible names %d boards, allowed 16", len(b.Compatible))
	}
	for _, c := range b.Compatible {
		if err := checkText("compatible", c, 128); err != nil {
			return err
		}
	}
	for _, err := range []error{b.RGB.check(hal.RGB), b.NIR.check(hal.NIR), b.checkLamps(), b.Calibration.Check(), b.Limits.check()} {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Camera) check(band hal.Band) error {
	if err := checkText(band.String()+" device", c.Device, 256); err != nil {
		return err
	}
	f, err := hal.ParseFormat(c.Format)
	if err != nil {
		return fmt.Errorf("%v camera: %w", band, err)
	}
	if (f == hal.RGB24) != (band == hal.RGB) {
		return fmt.Errorf("%v camera gives %v", band, f)
	}
	if c.FPS < 1 || c.FPS > 240 {
		return fmt.Errorf("%v camera gives %d frames a second, allowed 1 to 240", band, c.FPS)
	}
	return nil
}

func (b *Board) checkLamps() error {
	if len(b.Lamps) > 16 {
		return fmt.Errorf("%d lamps, allowed 16", len(b.Lamps))
	}
	var all hal.Light
	lines := map[[2]any]bool{}
	for _, l := range b.Lamps {
		light, err := hal.ParseLight(l.Light)
		if err != nil || light == 0 || light&(light-1) != 0 {
			return fmt.Errorf("lamp of light %q, want one of %v, %v, %v", l.Light, hal.White, hal.NIR850, hal.NIR940)
		}
		if err := l.check(); err != nil {
			return fmt.Errorf("lamp %s: %w", l.Light, err)
		}
		line := [2]any{l.Chip, l.Line}
		if lines[line] {
			return fmt.Errorf("lamp %s: line %d of %s has another lamp", l.Light, l.Line, l.Chip)
		}
		lines[line] = true
		all |= light
	}
	if missing := hal.AllLights &^ all; missing != 0 {
		return fmt.Errorf("no lamp for %v", missing)
	}
	return nil
}

func (l *Lamp) check() error {
	if err := checkText("chip", l.Chip, 64); err != nil {
		return err
	}
	if l.Line < 0 || l.Line > 1023 {
		return fmt.Errorf("line %d, allowed 0 to 1023", l.Line)
	}
	if l.MaxOn < 1 || l.MaxOn > 1000 {
		return fmt.Errorf("may be on for %d ms, allowed 1 to 1000", l.MaxOn)
	}
	if !(l.Duty > 0 && l.Duty <= 1) {
		return fmt.Errorf("may be on for %g of the time, allowed over 0 to 1", l.Duty)
	}
	return nil
}

func (l *Limits) check() error {
	lo, hi, out := time.Duration(l.ExposureMin), time.Duration(l.ExposureMax), time.Duration(l.Timeout)
	if lo < time.Microsecond || hi < lo || hi > time.Second {
		return fmt.Errorf("exposure from %v to %v, allowed 1µs to 1s", lo, hi)
	}
	if out < hi || out > 10*time.Second {
		return fmt.Errorf("timeout %v, allowed from the longest exposure to 10s", out)
	}
	return nil
}
