package linux

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"volar/boards"
	"volar/hal"
	"volar/hal/haltest"
	"volar/hal/linux/v4l2"
	"volar/hal/linux/v4l2/v4l2test"
)

// studio is a pair of cameras with lamps.
type studio struct {
	*camera
	rgb, nir *v4l2test.Camera
	kernel   *v4l2test.Kernel
	rack     *rack
}

func newStudio(t *testing.T, fps int, change func(s *studio)) *studio {
	t.Helper()
	s := &studio{rack: newRack(t, Limit{300 * ms, 0.5})}
	controls := func() map[uint32]int32 { return map[uint32]int32{0x009a0902: 0} }
	s.rgb = &v4l2test.Camera{Pixels: "YUYV", Width: 32, Height: 24, Padding: 32, FPS: fps, Stamp: 4 * ms, Controls: controls()}
	s.nir = &v4l2test.Camera{Pixels: "Y10", Width: 32, Height: 24, FPS: fps, Phase: ms, Stamp: 2 * ms, Controls: controls()}
	if change != nil {
		change(s)
	}
	s.kernel = &v4l2test.Kernel{Cameras: map[string]*v4l2test.Camera{"/dev/video0": s.rgb, "/dev/video1": s.nir}}
	s.rack.now = s.kernel.Now
	in := hal.Intrinsics{Width: 32, Height: 24}
	c := &camera{lamps: s.rack.lamps, skew: 2 * ms, timeout: 300 * ms, need: 50 * ms}
	for i, cam := range []*boards.Camera{
		{Pixels: s.rgb.Pixels, FPS: fps, Exposure: boards.Duration(2 * ms), Readout: boards.Duration(2 * ms)},
		{Pixels: s.nir.Pixels, FPS: fps, Exposure: boards.Duration(2 * ms)},
	} {
		e, err := newEye([]hal.Band{hal.RGB, hal.NIR}[i], cam, in, fmt.Sprintf("/dev/video%d", i), s.kernel)
		if err != nil {
			t.Fatal(err)
		}
		c.eyes[i] = e
	}
	s.camera = c
	t.Cleanup(func() { c.close() })
	return s
}

// The pair of cameras is a hal.Camera.
func TestCamera(t *testing.T) {
	cal := &hal.Calibration{
		NIR: hal.Intrinsics{Width: 32, Height: 24}, RGB: hal.Intrinsics{Width: 32, Height: 24}, MaxSkew: 2 * ms,
	}
	haltest.Camera(t, func(t *testing.T) (hal.Camera, *hal.Calibration) {
		s := newStudio(t, 100, nil)
		s.timeout = 10 * time.Second // in real time, on a machine that may be busy
		return s.camera, cal
	})
}

// Every frame of a shot was exposed under its light, from its first moment to
// its last: the gate of the lamps tells.
func TestFramesSeeTheirLight(t *testing.T) {
	for _, phase := range []time.Duration{0, 3 * ms, 17 * ms, 30 * ms} {
		synctest.Test(t, func(t *testing.T) {
			var s *studio
			var edges []Pulse // times at which the gate was open
			s = newStudio(t, 30, func(s *studio) { s.rgb.Phase, s.nir.Phase = phase, phase+ms })
			log := &edgeLog{Pin: s.rack.gate, now: s.kernel.Now, pulses: &edges}
			s.rack.banks[0].gate = log
			for n := range 12 {
				time.Sleep(time.Duration(n*7%33) * ms) // so that some frames are under way when the lamps change
				light := []hal.Light{0, hal.White, hal.NIR850, hal.NIR940}[n%4]
				shot, err := s.Shoot(t.Context(), light)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range []*hal.Frame{&shot.RGB, &shot.NIR} {
					lit := false
					for _, p := range edges {
						lit = lit || p.On <= f.At && p.Off >= f.At+f.Exposure
						if light == 0 && p.On < f.At+f.Exposure && p.Off > f.At {
							t.Errorf("a dark frame at %v saw lamps from %v to %v", f.At, p.On, p.Off)
						}
					}
					if light != 0 && !lit {
						t.Errorf("%v: the frame at %v was not lit all the time: %v", light, f.At, edges[len(edges)-1])
					}
				}
				if s.rack.gate.L != gpio.Low {
					t.Error("lamps stay on after the shot")
				}
			}
		})
	}
}

// edgeLog is a pin that writes down when it was high.
type edgeLog struct {
	gpio.PinOut
	Pin    gpio.PinOut
	now    func() time.Duration
	pulses *[]Pulse
	since  time.Duration
	high   bool
}

func (e *edgeLog) Out(l gpio.Level) error {
	if l == gpio.High && !e.high {
		e.since, e.high = e.now(), true
	}
	if l == gpio.Low && e.high {
		*e.pulses, e.high = append(*e.pulses, Pulse{e.since, e.now()}), false
	}
	return e.Pin.Out(l)
}

// A shot of cameras that keep pace takes one frame, whatever their delays.
func TestBurstKeepsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t, 30, nil)
		var at []time.Duration
		for n := range 9 {
			shot, err := s.Shoot(t.Context(), []hal.Light{0, hal.White, hal.NIR850}[n%3])
			if err != nil {
				t.Fatal(err)
			}
			at = append(at, shot.NIR.At)
		}
		if span := at[8] - at[0]; span > 8*34*ms {
			t.Errorf("9 shots in %v: %v", span, at)
		}
	})
}

// With a fast camera beside a slow and late one, the frame nearest in time is
// found among those that wait.
func TestPairsByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t, 30, func(s *studio) { s.nir.FPS, s.rgb.Stamp = 120, 60*ms })
		s.eyes[0].cam.Readout, s.skew = boards.Duration(58*ms), 5*ms
		for range 5 {
			shot, err := s.Shoot(t.Context(), hal.White)
			if err != nil {
				t.Fatal(err)
			}
			if shot.Skew() > 5*ms {
				t.Errorf("frames %v apart", shot.Skew())
			}
		}
		if s.rgb.Dirty+s.nir.Dirty != 0 {
			t.Errorf("%d and %d buffers went back with a picture in them", s.rgb.Dirty, s.nir.Dirty)
		}
	})
}

func TestCameraFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*studio)
		want  error
		says  string
		mend  func(*studio)
	}{
		{"out of step", func(s *studio) { s.nir.Phase = 12 * ms }, hal.ErrSkew, "board allows 2ms", nil},
		{"nir stalls", func(s *studio) { s.nir.Freeze(true) }, hal.ErrStalled, "nir camera", func(s *studio) { s.nir.Freeze(false) }},
		{"rgb stalls", func(s *studio) { s.rgb.Freeze(true) }, hal.ErrStalled, "rgb camera", func(s *studio) { s.rgb.Freeze(false) }},
		{"every frame damaged", func(s *studio) { s.nir.Spoiled = func(uint32) bool { return true } }, hal.ErrStalled, "nir camera",
			func(s *studio) { s.nir.Spoiled = nil }},
		{"unplugged", func(s *studio) { s.rgb.Unplug(true) }, hal.ErrUnplugged, "rgb camera", func(s *studio) { s.rgb.Unplug(false) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStudio(t, 30, nil)
				if _, err := s.Shoot(t.Context(), hal.White); err != nil {
					t.Fatal(err)
				}
				c.spoil(s)
				for range 2 {
					shot, err := s.Shoot(t.Context(), hal.NIR850)
					if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
						t.Errorf("Shoot = %v, want %v that says %q", err, c.want, c.says)
					}
					if shot.RGB.Pix != nil || shot.NIR.Pix != nil {
						t.Error("pixels beside an error")
					}
					if s.rack.gate.L != gpio.Low {
						t.Error("lamps stay on")
					}
				}
				if c.mend == nil {
					return
				}
				c.mend(s)
				if _, err := s.Shoot(t.Context(), hal.NIR850); err != nil {
					t.Errorf("after it was mended: %v", err)
				}
			})
		})
	}
}

// Damaged frames are passed over; a good one comes after them.
func TestDamagedFramesArePassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t, 30, func(s *studio) { s.nir.Spoiled = func(seq uint32) bool { return seq%2 == 0 } })
		for range 4 {
			shot, err := s.Shoot(t.Context(), 0)
			if err != nil || shot.NIR.Seq%2 == 0 {
				t.Errorf("frame %d, %v", shot.NIR.Seq, err)
			}
		}
	})
}

// A lamp that its limit switches off spoils the shot, and the error says so.
func TestLimitEndsAShot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t, 30, nil)
		for _, l := range s.rack.all {
			l.limit = Limit{20 * ms, 0.5}
		}
		s.need = 20 * ms
		if _, err := s.Shoot(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Shoot(t.Context(), hal.White); !errors.Is(err, errCut) || !errors.Is(err, hal.ErrStalled) {
			t.Errorf("Shoot = %v", err)
		}
	})
}

// The sensors sleep when nobody has asked for a while, with nothing left in
// their buffers, and wake up for the next shot.
func TestCamerasSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t, 30, nil)
		if _, err := s.Shoot(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(idleAfter + ms)
		synctest.Wait()
		for _, c := range []*v4l2test.Camera{s.rgb, s.nir} {
			if n, running := c.Open(); n != 1 || running {
				t.Errorf("open %d times, running %v", n, running)
			}
		}
		if _, err := s.Shoot(t.Context(), hal.White); err != nil {
			t.Fatal(err)
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
		if n, running := s.nir.Open(); n != 0 || running {
			t.Errorf("after close open %d times, running %v", n, running)
		}
	})
}

func TestCameraWaitsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t, 30, nil)
		s.rgb.Freeze(true)
		ctx, cancel := context.WithTimeout(t.Context(), 50*ms)
		defer cancel()
		began := time.Now()
		if _, err := s.Shoot(ctx, hal.White); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 80*ms {
			t.Errorf("Shoot = %v after %v", err, time.Since(began))
		}
	})
}

func TestPixels(t *testing.T) {
	le := func(v ...uint16) (b []byte) {
		for _, x := range v {
			b = binary.LittleEndian.AppendUint16(b, x)
		}
		return b
	}
	for _, c := range []struct {
		pixels     string
		format     hal.Format
		raw, clean []byte // of two pixels
	}{
		{"GREY", hal.Y8, []byte{1, 255}, []byte{1, 255}},
		{"Y10", hal.Y10, le(0, 1023), le(0, 1023)},
		{"Y10", hal.Y10, le(1024, 0xffff), le(1023, 1023)}, // a sensor that sets bits it does not have
		{"Y12", hal.Y10, le(3, 4095), le(0, 1023)},
		{"Y16", hal.Y10, le(64, 65535), le(1, 1023)},
		{"RGB3", hal.RGB24, []byte{1, 2, 3, 4, 5, 6}, []byte{1, 2, 3, 4, 5, 6}},
		{"BGR3", hal.RGB24, []byte{1, 2, 3, 4, 5, 6}, []byte{3, 2, 1, 6, 5, 4}},
		{"YUYV", hal.RGB24, []byte{16, 128, 235, 128}, []byte{0, 0, 0, 255, 255, 255}},
		{"UYVY", hal.RGB24, []byte{128, 16, 128, 235}, []byte{0, 0, 0, 255, 255, 255}},
		{"YUYV", hal.RGB24, []byte{81, 90, 81, 240}, []byte{254, 0, 0, 254, 0, 0}},  // BT.601 red
		{"YUYV", hal.RGB24, []byte{41, 240, 41, 110}, []byte{0, 0, 255, 0, 0, 255}}, // and blue
	} {
		convert, format, err := converterOf(c.pixels)
		if err != nil || format != c.format {
			t.Fatalf("%s: %v, %v", c.pixels, format, err)
		}
		stride := len(c.raw) + 6
		src := make([]byte, stride*2)
		for y := range 2 {
			copy(src[y*stride:], c.raw)
			copy(src[y*stride+len(c.raw):], "padded")
		}
		dst := make([]byte, 2*2*format.BytesPerPixel())
		convert(dst, src, stride, 2, 2)
		if want := append(bytes.Clone(c.clean), c.clean...); !bytes.Equal(dst, want) {
			t.Errorf("%s: %v, want %v", c.pixels, dst, want)
		}
	}
	if _, _, err := converterOf("MJPG"); err == nil {
		t.Error("a format that nobody converts")
	}
}

var _ v4l2.Kernel = (*v4l2test.Kernel)(nil)
