package capture

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"volar/hal"
)

const padding = 5 // bytes at the end of each row of the fake's frames

var calibration = hal.Calibration{
	NIR:     hal.Intrinsics{Width: 8, Height: 6, Fx: 10, Fy: 10},
	RGB:     hal.Intrinsics{Width: 6, Height: 4, Fx: 10, Fy: 10},
	R:       [9]float64{1, 0, 0, 0, 1, 0, 0, 0, 1},
	MaxSkew: 5 * time.Millisecond,
}

var code = Code{
	hal.White | hal.NIR850 | hal.TopLeft, hal.White | hal.NIR940 | hal.BottomRight | hal.Half,
	hal.White | hal.NIR850 | hal.TopLeft | hal.TopRight | hal.BottomRight, hal.White | hal.NIR850 | hal.TopRight | hal.ThreeQuarters,
}

// fake is a camera that keeps hold of its buffers, as a driver does, and
// lets a test spoil shot number at.
type fake struct {
	at    int
	spoil func(*hal.Shot) error
	shots []hal.Shot
	mark  byte
}

func (f *fake) Shoot(ctx context.Context, l hal.Light) (hal.Shot, error) {
	n := len(f.shots)
	at := time.Duration(n) * 33 * time.Millisecond
	frame := func(b hal.Band, format hal.Format, c hal.Intrinsics) hal.Frame {
		stride := c.Width*format.BytesPerPixel() + padding
		return hal.Frame{Band: b, Format: format, Width: c.Width, Height: c.Height, Stride: stride,
			Pix: bytes.Repeat([]byte{f.mark}, stride*c.Height), Seq: uint32(n) - 1, At: at}
	}
	s := hal.Shot{
		RGB:   frame(hal.RGB, hal.RGB24, calibration.RGB),
		NIR:   frame(hal.NIR, hal.Y10, calibration.NIR),
		Light: l,
	}
	var err error
	if f.spoil != nil && n == f.at {
		err = f.spoil(&s)
	}
	f.shots = append(f.shots, s)
	return s, err
}

func (f *fake) wiped(t *testing.T) {
	t.Helper()
	for i, s := range f.shots {
		if bytes.IndexByte(s.RGB.Pix, f.mark) >= 0 || bytes.IndexByte(s.NIR.Pix, f.mark) >= 0 {
			t.Errorf("shot %d: the camera still holds pixels", i)
		}
	}
}

func TestTake(t *testing.T) {
	cam := &fake{mark: 0xa5}
	b, err := Take(t.Context(), cam, &calibration, code)
	if err != nil {
		t.Fatal(err)
	}
	cam.wiped(t)
	all := map[hal.Light]*hal.Shot{0: &b.Dark, hal.White: &b.White, hal.NIR850: &b.NIR850, hal.NIR940: &b.NIR940}
	for i := range code {
		all[code[i]] = &b.Coded[i]
	}
	for l, s := range all {
		if s.Light != l {
			t.Errorf("%v shot is under %v", l, s.Light)
		}
		if err := s.Check(); err != nil {
			t.Error(err)
		}
		if n := bytes.Count(s.NIR.Pix, []byte{cam.mark}); n != 8*6*2 {
			t.Errorf("%v: %d bytes of near-infrared, want %d without padding", l, n, 8*6*2)
		}
		if n := bytes.Count(s.RGB.Pix, []byte{cam.mark}); n != 6*4*3 {
			t.Errorf("%v: %d bytes of colour, want %d without padding", l, n, 6*4*3)
		}
	}
	b.Wipe()
	for l, s := range all {
		if bytes.IndexByte(s.NIR.Pix, cam.mark) >= 0 || bytes.IndexByte(s.RGB.Pix, cam.mark) >= 0 {
			t.Errorf("%v: not wiped", l)
		}
	}
	(*Burst)(nil).Wipe()
	(*Pair)(nil).Wipe()
}

// TestFaults holds every fault of a camera against each shot of a burst.
func TestFaults(t *testing.T) {
	faults := []struct {
		name  string
		want  error
		text  string
		spoil func(*hal.Shot) error
	}{
		{"stalled", hal.ErrStalled, "", func(*hal.Shot) error { return hal.ErrStalled }},
		{"unplugged", hal.ErrUnplugged, "", func(*hal.Shot) error { return hal.ErrUnplugged }},
		{"half, said by the camera", hal.ErrHalf, "", func(*hal.Shot) error { return hal.ErrHalf }},
		{"half, seen", hal.ErrHalf, "", func(s *hal.Shot) error { s.NIR = hal.Frame{}; return nil }},
		{"skew", hal.ErrSkew, "12ms, board allows 5ms", func(s *hal.Shot) error { s.RGB.At = s.NIR.At + 12*time.Millisecond; return nil }},
		{"other size", ErrFrame, "nir is 6x6, calibrated 8x6", func(s *hal.Shot) error { s.NIR.Width = 6; return nil }},
		{"short", ErrFrame, "", func(s *hal.Shot) error { s.RGB.Pix = s.RGB.Pix[1:]; return nil }},
		{"no format", ErrFrame, "", func(s *hal.Shot) error { s.NIR.Format = 0; return nil }},
		{"bands exchanged", hal.ErrHalf, "", func(s *hal.Shot) error { s.RGB, s.NIR = s.NIR, s.RGB; return nil }},
		{"other light", ErrLight, "nir850+nir940", func(s *hal.Shot) error { s.Light = hal.NIR850 | hal.NIR940; return nil }},
	}
	for _, f := range faults {
		for at, light := range []string{"dark", "white", "nir850", "nir940", code[0].String(), code[1].String(), code[2].String(), code[3].String()} {
			cam := &fake{mark: 0xa5, at: at, spoil: f.spoil}
			b, err := Take(t.Context(), cam, &calibration, code)
			if b != nil || !errors.Is(err, f.want) {
				t.Errorf("%s at %d: %v", f.name, at, err)
				continue
			}
			if want := "capture: shoot " + light + ": "; !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), f.text) {
				t.Errorf("%s at %d: message %q", f.name, at, err)
			}
			if len(cam.shots) != at+1 {
				t.Errorf("%s at %d: went on to shot %d", f.name, at, len(cam.shots))
			}
			cam.wiped(t)
		}
	}
}

func TestOrder(t *testing.T) {
	for name, spoil := range map[string]func(*hal.Shot) error{
		"frame seen before": func(s *hal.Shot) error { s.RGB.Seq--; return nil },
		"time stands still": func(s *hal.Shot) error {
			s.NIR.At -= 33 * time.Millisecond
			s.RGB.At -= 33 * time.Millisecond
			return nil
		},
	} {
		cam := &fake{mark: 1, at: 2, spoil: spoil}
		if _, err := Take(t.Context(), cam, &calibration, code); !errors.Is(err, ErrOrder) {
			t.Errorf("%s: %v", name, err)
		}
	}
	slow := &fake{mark: 1, at: 7, spoil: func(s *hal.Shot) error {
		s.NIR.At += 2 * time.Second
		s.RGB.At += 2 * time.Second
		return nil
	}}
	if _, err := Take(t.Context(), slow, &calibration, code); !errors.Is(err, ErrSlow) {
		t.Error(err)
	}
}

func TestLook(t *testing.T) {
	cam := &fake{mark: 0x5a}
	p, err := Look(t.Context(), cam, &calibration)
	if err != nil {
		t.Fatal(err)
	}
	cam.wiped(t)
	if cam.shots[0].Light != 0 || cam.shots[1].Light != hal.NIR850 {
		t.Errorf("lights %v, %v", cam.shots[0].Light, cam.shots[1].Light)
	}
	for _, f := range []hal.Frame{p.Dark, p.Lit} {
		if f.Band != hal.NIR || len(f.Pix) != 8*6*2 || f.Pix[0] != cam.mark {
			t.Errorf("frame %v, %d bytes", f.Band, len(f.Pix))
		}
	}
	p.Wipe()
	if bytes.IndexByte(p.Dark.Pix, cam.mark) >= 0 || bytes.IndexByte(p.Lit.Pix, cam.mark) >= 0 {
		t.Error("not wiped")
	}
	for at := range 2 {
		cam := &fake{mark: 1, at: at, spoil: func(*hal.Shot) error { return hal.ErrUnplugged }}
		if _, err := Look(t.Context(), cam, &calibration); !errors.Is(err, hal.ErrUnplugged) {
			t.Errorf("at %d: %v", at, err)
		}
		cam.wiped(t)
	}
	if err := Test(t.Context(), &fake{spoil: func(*hal.Shot) error { return hal.ErrUnplugged }}, &calibration); !errors.Is(err, hal.ErrUnplugged) {
		t.Error(err)
	}
}

// hung answers nothing until it is told to stop.
type hung struct{}

func (hung) Shoot(ctx context.Context, _ hal.Light) (hal.Shot, error) {
	<-ctx.Done()
	return hal.Shot{}, ctx.Err()
}

func TestHungCamera(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := Take(t.Context(), hung{}, &calibration, code)
		if !errors.Is(err, hal.ErrStalled) || time.Since(began) != shotTime {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		if _, err := Take(ctx, hung{}, &calibration, code); !errors.Is(err, context.Canceled) || errors.Is(err, hal.ErrStalled) {
			t.Errorf("stopped: %v", err)
		}
	})
}
