package v4l2_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"volar/hal/linux/v4l2"
	"volar/hal/linux/v4l2/v4l2test"
)

// bench is a camera of 30 frames a second and what asks for it.
func bench() (*v4l2test.Camera, *v4l2test.Kernel, v4l2.Config) {
	c := &v4l2test.Camera{Pixels: "Y10", Width: 32, Height: 16, Padding: 64, Stamp: 5 * time.Millisecond,
		Controls: map[uint32]int32{0x009a0902: 0, 0x00980913: 0, 0x009a0901: 3}}
	k := &v4l2test.Kernel{Cameras: map[string]*v4l2test.Camera{"/dev/video0": c}}
	return c, k, v4l2.Config{Path: "/dev/video0", Pixels: "Y10", Width: 32, Height: 16, FPS: 30, Exposure: 4 * time.Millisecond, Gain: 12, Kernel: k}
}

var errQuiet = errors.New("no frame in time")

// newest waits for a frame and gives the newest of those that are there.
func newest(s *v4l2.Stream, timeout time.Duration) (v4l2.Frame, error) {
	var last *v4l2.Frame
	for end := time.Now().Add(timeout); time.Until(end) > 0; {
		f, err := s.Fetch()
		if err != nil {
			return v4l2.Frame{}, err
		}
		if f != nil && last != nil {
			if err := s.Release(last); err != nil {
				return v4l2.Frame{}, err
			}
		}
		if f != nil {
			last = f
			continue
		}
		if last != nil {
			return *last, nil
		}
		if err := s.Wait(time.Until(end)); err != nil {
			return v4l2.Frame{}, err
		}
	}
	return v4l2.Frame{}, errQuiet
}

func TestFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, k, cfg := bench()
		s, err := v4l2.Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // three frames are waiting
		f, err := newest(s, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if age := k.Now() - f.Stamp; age > 34*time.Millisecond {
			t.Errorf("the frame is %v old: an older one was given", age)
		}
		if f.Stride != 128 || len(f.Data) != 128*16 || f.Exposure != 4*time.Millisecond || f.Damaged {
			t.Errorf("frame %+v", f)
		}
		first := f.Seq
		if err := s.Release(&f); err != nil {
			t.Fatal(err)
		}
		if f, err = newest(s, time.Second); err != nil || f.Seq != first+1 {
			t.Errorf("frame %d after %d, %v", f.Seq, first, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if n, running := c.Open(); n != 0 || running {
			t.Errorf("after Close open %d times, running %v", n, running)
		}
		if c.Dirty != 0 {
			t.Errorf("%d buffers went back with a picture in them", c.Dirty)
		}
	})
}

// Frames that nobody fetched are counted, so that a gap is seen.
func TestSequenceCountsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, cfg := bench()
		s, err := v4l2.Open(cfg)
		if err == nil {
			err = s.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		a, err := newest(s, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		s.Release(&a)
		time.Sleep(time.Second)
		for range 2 { // what was waiting, and what comes after the gap
			b, err := newest(s, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			s.Release(&b)
			if gap := b.Stamp - a.Stamp; b.Seq-a.Seq != uint32(gap/(time.Second/30)) && b.Seq-a.Seq != uint32(gap/(time.Second/30))+1 {
				t.Errorf("%d frames in %v", b.Seq-a.Seq, gap)
			}
		}
	})
}

func TestDamagedAndGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, cfg := bench()
		c.Spoiled = func(uint32) bool { return true }
		s, err := v4l2.Open(cfg)
		if err == nil {
			err = s.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		if f, err := newest(s, time.Second); err != nil || !f.Damaged {
			t.Errorf("a frame with the error flag: damaged %v, %v", f.Damaged, err)
		}
		c.Freeze(true)
		began := time.Now()
		if _, err := newest(s, 300*time.Millisecond); !errors.Is(err, errQuiet) || time.Since(began) > 400*time.Millisecond {
			t.Errorf("a camera that stalls: %v after %v", err, time.Since(began))
		}
		c.Unplug(true)
		if _, err := newest(s, time.Second); !errors.Is(err, v4l2.ErrGone) {
			t.Errorf("a camera that was unplugged: %v", err)
		}
		if _, err := newest(s, time.Second); !errors.Is(err, v4l2.ErrGone) {
			t.Errorf("and again: %v", err)
		}
		if _, err := v4l2.Open(cfg); err == nil || !strings.Contains(err.Error(), "cable") {
			t.Errorf("opened: %v", err)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	for _, x := range []struct {
		name, want string
		camera     func(*v4l2test.Camera)
		config     func(*v4l2.Config)
	}{
		{"no camera", "found no camera there", nil, func(c *v4l2.Config) { c.Path = "/dev/video7" }},
		{"another size", "gives 640x16", func(c *v4l2test.Camera) { c.Width = 640 }, nil},
		{"another format", "gives 32x16 \"GREY\"", func(c *v4l2test.Camera) { c.Pixels = "GREY" }, nil},
		{"slow", "want 30 a second", func(c *v4l2test.Camera) { c.FPS = 15 }, nil},
		{"no exposure", "no exposure control", func(c *v4l2test.Camera) { delete(c.Controls, 0x009a0902) }, nil},
		{"exposure in rows, but no such control", "no exposure control in units of 30µs", nil, func(c *v4l2.Config) { c.Row = 30 * time.Microsecond }},
		{"short exposure", "exposes for 1ms, asked for 4ms", func(c *v4l2test.Camera) { c.ControlsMax = map[uint32]int32{0x009a0902: 10} }, nil},
		{"no gain", "no gain control", func(c *v4l2test.Camera) { delete(c.Controls, 0x00980913) }, nil},
		{"little gain", "has gain 3, asked for 12", func(c *v4l2test.Camera) { c.ControlsMax = map[uint32]int32{0x00980913: 3} }, nil},
		{"no media device", "no media device", nil, func(c *v4l2.Config) { c.Pipeline = []v4l2.Pad{{Entity: "ov9282 "}} }},
		{"no format", "1 to 4 letters", nil, func(c *v4l2.Config) { c.Pixels = "" }},
	} {
		t.Run(x.name, func(t *testing.T) {
			c, k, cfg := bench()
			if x.camera != nil {
				x.camera(c)
			}
			if x.config != nil {
				x.config(&cfg)
			}
			s, err := v4l2.Open(cfg)
			if err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("Open = %v, want an error with %q", err, x.want)
			}
			if s != nil {
				t.Error("a stream beside an error")
			}
			if n, _ := k.Cameras["/dev/video0"].Open(); n != 0 {
				t.Errorf("%d descriptors stay open", n)
			}
		})
	}
}

// Pairs are told by time stamps, so a clock that jumps is refused.
func TestClockMustBeMonotonic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, cfg := bench()
		c.Realtime = true
		s, err := v4l2.Open(cfg)
		if err == nil {
			err = s.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newest(s, time.Second); err == nil || !strings.Contains(err.Error(), "monotonic") {
			t.Errorf("Newest = %v", err)
		}
	})
}

func TestExposureInRows(t *testing.T) {
	c, _, cfg := bench()
	delete(c.Controls, 0x009a0902)
	c.Controls[0x00980911] = 0
	cfg.Row = 14 * time.Microsecond
	s, err := v4l2.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if c.Controls[0x00980911] != 286 || c.Controls[0x009a0901] != 1 || c.Controls[0x00980913] != 12 {
		t.Errorf("controls are %v", c.Controls)
	}
}

func TestFind(t *testing.T) {
	link := func(to string) *fstest.MapFile { return &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte(to)} }
	sys := fstest.MapFS{
		"video10/name":         {Data: []byte("unicam-image\n")},
		"video9/name":          {Data: []byte("unicam-embedded\n")},
		"video2/name":          {Data: []byte("HD Camera: HD Camera\n")},
		"video2/index":         {Data: []byte("1\n")}, // its metadata
		"video2/device/driver": link("../../../bus/usb/drivers/uvcvideo"),
		"video3/name":          {Data: []byte("HD Camera: HD Camera\n")},
		"video3/index":         {Data: []byte("0\n")},
		"video3/device/driver": link("../../../bus/usb/drivers/uvcvideo"),
		"v4l-subdev0/name":     {Data: []byte("ov9282 10-0060\n")},
	}
	for camera, want := range map[string]string{
		"name:unicam-image": "/dev/video10", "name:unicam": "/dev/video9", "driver:uvcvideo": "/dev/video3",
	} {
		if path, err := v4l2.Find(sys, camera); err != nil || path != want {
			t.Errorf("Find(%s) = %q, %v", camera, path, err)
		}
	}
	for _, camera := range []string{"name:ov9282", "driver:vivid", "video9", ""} {
		if path, err := v4l2.Find(sys, camera); err == nil || !strings.Contains(err.Error(), `name:unicam-image`) {
			t.Errorf("Find(%s) = %q, %v", camera, path, err)
		}
	}
}
