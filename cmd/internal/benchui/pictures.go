package benchui

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"math"
	"sync"

	"volar/hal"
)

// picture is what a page is shown of a frame, in memory of its own.
type picture struct {
	img   image.Image
	light hal.Light
}

// curve makes near-infrared levels, which are linear, ones that an eye reads.
var curve = func() (c [1024]uint8) {
	for i := range c {
		c[i] = uint8(255*math.Pow(float64(i)/1023, 1/2.2) + 0.5)
	}
	return c
}()

// draw copies a frame into a picture.
func draw(f *hal.Frame) image.Image {
	if f.Format == hal.RGB24 {
		m := image.NewRGBA(image.Rect(0, 0, f.Width, f.Height))
		for y := range f.Height {
			row, out := f.Pix[y*f.Stride:], m.Pix[y*m.Stride:]
			for x := range f.Width {
				copy(out[4*x:4*x+3], row[3*x:3*x+3])
				out[4*x+3] = 255
			}
		}
		return m
	}
	m := image.NewGray(image.Rect(0, 0, f.Width, f.Height))
	for y := range f.Height {
		row, out := f.Pix[y*f.Stride:], m.Pix[y*m.Stride:]
		for x := range f.Width {
			if f.Format == hal.Y10 {
				out[x] = curve[min(int(row[2*x])|int(row[2*x+1])<<8, 1023)]
			} else {
				out[x] = curve[int(row[x])*1023/255]
			}
		}
	}
	return m
}

func encode(m image.Image) ([]byte, error) {
	var b bytes.Buffer
	err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 82})
	return b.Bytes(), err
}

// cameras keeps what the two cameras saw last, and the shots of the last
// burst. Frames in the dark are left out of the live pictures, which would
// flicker.
type cameras struct {
	mu      sync.Mutex
	live    [2]picture // by hal.Band
	count   [2]int
	changed chan struct{}

	taking bool
	burst  [][2]picture
	id     int
}

func newCameras() *cameras { return &cameras{changed: make(chan struct{})} }

// maxBurst bounds the shots that are kept of a burst.
const maxBurst = 16

func (c *cameras) saw(s *hal.Shot) {
	both := [2]picture{hal.RGB: {draw(&s.RGB), s.Light}, hal.NIR: {draw(&s.NIR), s.Light}}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taking && len(c.burst) < maxBurst {
		c.burst = append(c.burst, both)
	}
	for band, seen := range map[hal.Band]bool{hal.RGB: s.Light&hal.White != 0, hal.NIR: s.Light&(hal.NIR850|hal.NIR940) != 0} {
		if seen {
			c.live[band] = both[band]
			c.count[band]++
		}
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// take begins or ends the keeping of a burst. At the end it names the lights.
func (c *cameras) take(on bool) (id int, lights []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if on && !c.taking {
		c.burst = nil
		c.id++
	}
	c.taking = on
	for _, p := range c.burst {
		lights = append(lights, p[hal.NIR].light.String())
	}
	return c.id, lights
}

// next waits for a live picture of a band that is newer than the n-th.
func (c *cameras) next(ctx context.Context, band hal.Band, n int) (picture, int, error) {
	for {
		c.mu.Lock()
		p, count, changed := c.live[band], c.count[band], c.changed
		c.mu.Unlock()
		if count > n && p.img != nil {
			return p, count, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return picture{}, 0, ctx.Err()
		}
	}
}

// shot is a picture of the last burst.
func (c *cameras) shot(id, n int, band hal.Band) (image.Image, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id != c.id || n < 0 || n >= len(c.burst) {
		return nil, false
	}
	return c.burst[n][band].img, true
}

// watched is a camera whose shots the page sees too.
type watched struct {
	hal.Camera
	to *cameras
}

func (w watched) Shoot(ctx context.Context, l hal.Light) (hal.Shot, error) {
	s, err := w.Camera.Shoot(ctx, l)
	if err == nil {
		w.to.saw(&s)
	}
	return s, err
}

var bands = map[string]hal.Band{hal.RGB.String(): hal.RGB, hal.NIR.String(): hal.NIR}

func bandNamed(s string) (hal.Band, bool) {
	b, ok := bands[s]
	return b, ok
}
