// Package v4l2test is a kernel with cameras in it, behind the calls that
// package v4l2 makes, for tests where there is no camera.
package v4l2test

import (
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"volar/hal/linux/v4l2"
	"volar/hal/linux/v4l2/internal/abi"
)

// Camera is a sensor that runs freely at FPS. Fields are set before Open.
type Camera struct {
	Pixels        string
	Width, Height int
	Padding       int           // bytes after each row
	FPS           int           // 0 is 30
	Phase         time.Duration // of its first frame, after the kernel's start
	Stamp         time.Duration // from the start of an exposure to its time stamp
	Realtime      bool          // stamps with a clock that is not monotonic
	Controls      map[uint32]int32
	ControlsMax   map[uint32]int32 // a control is set no higher

	// Paint fills a frame whose exposure began at a time. nil writes the
	// sequence number into every byte.
	Paint func(pix []byte, stride int, seq uint32, began time.Duration)
	// Spoiled tells which frames carry the driver's error flag.
	Spoiled func(seq uint32) bool

	mu      sync.Mutex
	kernel  *Kernel
	on      bool
	gone    bool
	frozen  bool
	next    uint32 // sequence number of the next frame
	bufs    [][]byte
	queued  []uint32
	filled  []abi.Buffer
	open    int
	Dirty   int // buffers that came back with a picture in them
	Started int // how often it was switched on
}

// Kernel is a kernel with cameras by device file.
type Kernel struct {
	Cameras map[string]*Camera
	Nodes   map[string]v4l2.Node // other devices
	Names   map[[2]uint32]string
	began   time.Time
	once    sync.Once
}

// Boot is the time since boot at which the kernel's clock starts.
const Boot = 10 * time.Second

// Now is the kernel's monotonic clock.
func (k *Kernel) Now() time.Duration {
	k.once.Do(func() { k.began = time.Now() })
	return Boot + time.Since(k.began)
}

// Open opens a camera.
func (k *Kernel) Open(path string) (v4l2.Node, error) {
	if n, ok := k.Nodes[path]; ok {
		if m, ok := n.(media); ok {
			m.graph.Open++
		}
		return n, nil
	}
	c, ok := k.Cameras[path]
	if !ok {
		return nil, unix.ENOENT
	}
	k.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return nil, unix.ENOENT
	}
	c.kernel = k
	c.open++
	return c, nil
}

// Media lists the media devices among Nodes.
func (k *Kernel) Media() (list []string) {
	for path := range k.Nodes {
		if len(path) > 10 && path[:10] == "/dev/media" {
			list = append(list, path)
		}
	}
	return list
}

// Device looks in Names.
func (k *Kernel) Device(major, minor uint32) (string, error) {
	if n, ok := k.Names[[2]uint32{major, minor}]; ok {
		return n, nil
	}
	return "", unix.ENOENT
}

// Unplug takes the camera away, or puts it back.
func (c *Camera) Unplug(gone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = gone
	if gone {
		c.on, c.bufs, c.queued, c.filled = false, nil, nil, nil
	}
}

// Freeze lets no more frames come.
func (c *Camera) Freeze(frozen bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = frozen
}

// Open counts how often the camera is open, and tells whether frames come.
func (c *Camera) Open() (times int, running bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open, c.on
}

func (c *Camera) interval() time.Duration {
	if c.FPS == 0 {
		return time.Second / 30
	}
	return time.Second / time.Duration(c.FPS)
}

// begins is when the exposure of a frame begins. Frames are numbered from the
// kernel's start, whether anybody looks or not.
func (c *Camera) begins(seq uint32) time.Duration {
	return Boot + c.Phase + time.Duration(seq)*c.interval()
}

// catchUp fills buffers with the frames that have come since the last call.
func (c *Camera) catchUp() {
	for now := c.kernel.Now(); c.on && c.begins(c.next)+max(c.Stamp, c.interval()/2) <= now; c.next++ {
		if len(c.queued) == 0 || c.frozen {
			continue // dropped, but counted
		}
		i := c.queued[0]
		c.queued = c.queued[1:]
		began, pix := c.begins(c.next), c.bufs[i]
		if c.Paint != nil {
			c.Paint(pix, c.stride(), c.next, began)
		} else {
			for k := range pix {
				pix[k] = byte(c.next) | 1
			}
		}
		stamp := began + c.Stamp
		b := abi.Buffer{Index: i, Type: abi.TypeCapture, BytesUsed: uint32(len(pix)), Sequence: c.next,
			Seconds: int64(stamp / time.Second), Micros: int64(stamp % time.Second / time.Microsecond), Flags: abi.FlagMonotonic}
		if c.Realtime {
			b.Flags &^= abi.FlagClock
		}
		if c.Spoiled != nil && c.Spoiled(c.next) {
			b.Flags |= abi.FlagError
		}
		c.filled = append(c.filled, b)
	}
}

func (c *Camera) stride() int {
	per := map[string]int{"GREY": 1, "Y10": 2, "Y12": 2, "Y16": 2, "YUYV": 2, "UYVY": 2, "RGB3": 3, "BGR3": 3}[c.Pixels]
	return c.Width*per + c.Padding
}

// Mmap hands out a buffer.
func (c *Camera) Mmap(offset int64, _ int) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if offset < 0 || int(offset) >= len(c.bufs) {
		return nil, unix.EINVAL
	}
	return c.bufs[offset], nil
}

// Munmap does nothing.
func (c *Camera) Munmap([]byte) error { return nil }

// Wait sleeps until the next frame is there.
func (c *Camera) Wait(d time.Duration) (bool, error) {
	c.mu.Lock()
	c.catchUp()
	ready, gone := len(c.filled) > 0, c.gone
	left := c.begins(c.next) + max(c.Stamp, c.interval()/2) - c.kernel.Now()
	c.mu.Unlock()
	if gone {
		return false, unix.ENODEV
	}
	if !ready {
		time.Sleep(max(0, min(d, left)) + time.Microsecond)
	}
	return ready, nil
}

// Close closes it.
func (c *Camera) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	return nil
}

// Ioctl answers the calls of V4L2 that a capture needs.
func (c *Camera) Ioctl(call uintptr, arg unsafe.Pointer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return unix.ENODEV
	}
	switch call {
	case abi.QueryCap:
		q := (*abi.Capability)(arg)
		copy(q.Driver[:], "v4l2test")
		q.Caps = abi.CapCapture | abi.CapStreaming
	case abi.SetFormat:
		p := &(*abi.Format)(arg).Pix
		p.PixelFormat, _ = abi.FourCC(c.Pixels)
		p.Width, p.Height, p.Field = uint32(c.Width), uint32(c.Height), abi.FieldNone
		p.BytesPerLine = uint32(c.stride())
		p.SizeImage = p.BytesPerLine * p.Height
	case abi.SetParm:
		(*abi.StreamParm)(arg).TimePerFrame = abi.Fraction{Numerator: 1, Denominator: uint32(time.Second / c.interval())}
	case abi.SetControl:
		return c.set((*abi.Control)(arg))
	case abi.GetControl:
		x := (*abi.Control)(arg)
		v, ok := c.Controls[x.ID]
		if !ok {
			return unix.EINVAL
		}
		x.Value = v
	default:
		return c.stream(call, arg)
	}
	return nil
}

func (c *Camera) set(x *abi.Control) error {
	if _, ok := c.Controls[x.ID]; !ok {
		return unix.EINVAL
	}
	c.Controls[x.ID] = x.Value
	if most, ok := c.ControlsMax[x.ID]; ok {
		c.Controls[x.ID] = min(x.Value, most)
	}
	return nil
}

func (c *Camera) stream(call uintptr, arg unsafe.Pointer) error {
	switch call {
	case abi.ReqBufs:
		c.bufs, c.queued, c.filled = nil, nil, nil
		for range (*abi.RequestBuffers)(arg).Count {
			c.bufs = append(c.bufs, make([]byte, c.stride()*c.Height))
		}
	case abi.QueryBuf:
		b := (*abi.Buffer)(arg)
		b.Length, b.Offset = uint32(c.stride()*c.Height), uint64(b.Index)
	case abi.QueueBuf:
		b := (*abi.Buffer)(arg)
		c.catchUp() // before this one: a frame that has passed does not come back
		for _, v := range c.bufs[b.Index] {
			if v != 0 {
				c.Dirty++
				break
			}
		}
		c.queued = append(c.queued, b.Index)
	case abi.DequeueBuf:
		if !c.on {
			return unix.EINVAL
		}
		c.catchUp()
		if len(c.filled) == 0 {
			return unix.EAGAIN
		}
		*(*abi.Buffer)(arg) = c.filled[0]
		c.filled = c.filled[1:]
	case abi.StreamOn:
		c.on = true
		c.Started++
		now := c.kernel.Now()
		for c.begins(c.next) < now {
			c.next++
		}
	case abi.StreamOff:
		c.on = false
	default:
		return unix.ENOTTY
	}
	return nil
}
