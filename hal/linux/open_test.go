package linux

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpiotest"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"volar/boards"
	"volar/hal"
	"volar/hal/haltest"
	"volar/hal/linux/v4l2/v4l2test"
)

// wires is an I2C bus with the chips of a board on it.
type wires struct {
	mu     sync.Mutex
	there  map[uint16]bool
	mm     int
	closed int
}

func (w *wires) String() string                  { return "wires" }
func (w *wires) SetSpeed(physic.Frequency) error { return nil }
func (w *wires) Close() error                    { w.closed++; return nil }

func (w *wires) Tx(addr uint16, out, in []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.there[addr] {
		return errNoAnswer
	}
	if addr == 0x29 && len(in) == 2 {
		copy(in, []byte{0xee, 0xaa})
	} else if addr == 0x29 && len(in) == 12 {
		copy(in, measured(tofValid, w.mm))
	}
	return nil
}

func (w *wires) hand(near bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mm = tofFar; near {
		w.mm = 100
	}
}

// counterfeit keeps what neither board nor driver has.
type counterfeit struct{ value uint64 }

func (c *counterfeit) Value() (uint64, error) { return c.value, nil }
func (c *counterfeit) RaiseTo(v uint64) error {
	if v < c.value {
		return errors.New("it only goes up")
	}
	c.value = v
	return nil
}
func (c *counterfeit) Running() string                             { return "a" }
func (c *counterfeit) WriteOther(context.Context, io.Reader) error { return errors.ErrUnsupported }
func (c *counterfeit) TryOther() error                             { return errors.ErrUnsupported }
func (c *counterfeit) Confirm() error                              { return errors.ErrUnsupported }

type key struct{ private *ecdh.PrivateKey }

func newKey(t testing.TB) key {
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key{k}
}

func (k key) Public() [32]byte { return [32]byte(k.private.PublicKey().Bytes()) }
func (k key) ECDH(peer [32]byte) ([32]byte, error) {
	p, err := ecdh.X25519().NewPublicKey(peer[:])
	if err != nil {
		return [32]byte{}, err
	}
	s, err := k.private.ECDH(p)
	if err != nil {
		return [32]byte{}, err
	}
	return [32]byte(s), nil
}

type dog struct{ kicks int }

func (d *dog) Kick() error { d.kicks++; return nil }

// workshop is a machine with everything on it that boards/rpi4 names.
type workshop struct {
	board *boards.Board
	opt   Options
	sys   system
	bus   *wires
	lines map[boards.Line]*held
}

// held is a line that is in use until it is closed.
type held struct {
	gpiotest.Pin
	closed int
}

func (h *held) Close() { h.closed++ }

func newWorkshop(t testing.TB) *workshop {
	b, err := boards.Load(boards.Tree, "rpi4")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	channel := filepath.Join(root, "pwmchip0", "pwm0")
	if err := os.MkdirAll(channel, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"enable", "period", "duty_cycle"} {
		if err := os.WriteFile(filepath.Join(channel, f), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := &workshop{board: b, bus: &wires{there: map[uint16]bool{0x60: true, 0x3c: true, 0x29: true}, mm: tofFar}, lines: map[boards.Line]*held{}}
	auto := &counterfeit{}
	w.opt = Options{Dir: filepath.Join(root, "store"), Unit: "u-1", Identity: newKey(t), Counter: auto, Slots: auto}
	// Small frames and much time: a busy or emulated machine is slow, and what
	// is tested here is not how fast it is.
	for _, in := range []*hal.Intrinsics{&b.Calibration.NIR, &b.Calibration.RGB} {
		in.Width, in.Height = 32, 24
	}
	b.Limits.Timeout = boards.Duration(10 * time.Second)
	rgb := &v4l2test.Camera{Pixels: "YUYV", Width: 32, Height: 24, FPS: 60, Stamp: 5 * ms,
		Controls: map[uint32]int32{0x009a0902: 0, 0x00980913: 0}}
	nir := &v4l2test.Camera{Pixels: "Y10", Width: 32, Height: 24, FPS: 77, Stamp: 4 * ms}
	kernel := &v4l2test.Kernel{Cameras: map[string]*v4l2test.Camera{"/dev/video1": rgb, "/dev/video0": nir}}
	(&v4l2test.Graph{Entities: []*v4l2test.Entity{
		{Name: "unicam"}, {Name: "ov9282 10-0060", Controls: map[uint32]int32{0x00980911: 0, 0x009e0903: 0}},
	}}).Plug(kernel)
	w.sys = system{
		compatible: func() ([]string, error) { return []string{"raspberrypi,4-model-b", "brcm,bcm2711"}, nil },
		cameras: fstest.MapFS{
			"video0/name":          {Data: []byte("unicam-image\n")},
			"video1/name":          {Data: []byte("HD Camera: HD Camera\n")},
			"video1/index":         {Data: []byte("0\n")},
			"video1/device/driver": {Mode: fs.ModeSymlink, Data: []byte("../../../bus/usb/drivers/uvcvideo")},
		},
		kernel: kernel,
		bus: func(path string) (i2c.BusCloser, error) {
			if path != "/dev/i2c-1" {
				return nil, fs.ErrNotExist
			}
			return w.bus, nil
		},
		line: func(l boards.Line) (gpio.PinOut, error) {
			pin := &held{Pin: gpiotest.Pin{N: l.Chip, Num: l.Line}}
			w.lines[l] = pin
			return pin, nil
		},
		pwm:      root,
		watchdog: func(*boards.Watchdog) (hal.Watchdog, error) { return &dog{}, nil },
		now:      kernel.Now,
	}
	return w
}

func (w *workshop) open(t testing.TB) *hal.Device {
	t.Helper()
	d, err := open(w.board, w.opt, w.sys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// The whole board is a hal.Device.
func TestBoard(t *testing.T) {
	haltest.Run(t, func(t *testing.T) haltest.Bench {
		w := newWorkshop(t)
		d := w.open(t)
		return haltest.Bench{
			Device: d,
			Hand:   w.bus.hand,
			Reboot: func(t *testing.T) *hal.Device {
				if err := d.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
				return w.open(t)
			},
		}
	})
}

// What is missing is named in one error, all of it, with what would be on it.
func TestOpenNamesWhatIsMissing(t *testing.T) {
	w := newWorkshop(t)
	w.opt.Identity = nil
	w.opt.Dir = "/dev/null/store"
	w.sys.compatible = func() ([]string, error) { return []string{"pine64,rock64"}, nil }
	w.sys.cameras = fstest.MapFS{}
	w.bus.there = map[uint16]bool{0x60: true}
	w.sys.line = func(l boards.Line) (gpio.PinOut, error) {
		if l.Line == 23 {
			return &gpiotest.Pin{}, nil
		}
		return nil, errors.New("the line is in use")
	}
	w.sys.watchdog = func(*boards.Watchdog) (hal.Watchdog, error) { return nil, os.ErrNotExist }
	w.sys.pwm = "/nowhere"
	d, err := open(w.board, w.opt, w.sys)
	if d != nil || err == nil {
		t.Fatal("it opened")
	}
	for _, part := range []string{
		"machine: it is [\"pine64,rock64\"]", "identity: ", "store: ", "rgb camera: ", "nir camera: ", "chip ring: is31fl3236a at 0x3c",
		"presence sensor: vl53l0x at 0x29", "relay: the line is in use", "Wiegand data 0: ", "Wiegand data 1: ", "watchdog: ",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not named in\n%v", part, err)
		}
	}
	if strings.Contains(err.Error(), "chip lamps") || strings.Contains(err.Error(), "counter") {
		t.Errorf("what is there is named: %v", err)
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Error("the causes cannot be told")
	}
	if w.bus.closed != 1 {
		t.Errorf("the bus was closed %d times", w.bus.closed)
	}
	w = newWorkshop(t)
	w.sys.pwm = "/nowhere"
	if _, err := open(w.board, w.opt, w.sys); err == nil || !strings.Contains(err.Error(), "1 missing: buzzer: ") {
		t.Errorf("no buzzer: %v", err)
	}
}

// Outputs are low once a board is open, and low and given back after it was
// closed, so that another program can take them.
func TestOutputs(t *testing.T) {
	w := newWorkshop(t)
	d := w.open(t)
	var lines []int
	for l, pin := range w.lines {
		if pin.Read() != gpio.Low {
			t.Errorf("line %d is high", l.Line)
		}
		lines = append(lines, l.Line)
	}
	if err := d.Gate.Admit(1); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for l, pin := range w.lines {
		if pin.Read() != gpio.Low || pin.closed != 1 {
			t.Errorf("after close line %d is %v, given back %d times", l.Line, pin.Read(), pin.closed)
		}
	}
	slices.Sort(lines)
	if !slices.Equal(lines, []int{5, 6, 23, 24}) {
		t.Errorf("lines %v", lines)
	}
}

func TestWatchdog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "watchdog")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b := &boards.Watchdog{Device: path, Timeout: boards.Duration(15 * time.Second)}
	rounded := func(f *os.File, seconds int) (int, error) { return seconds + 1, nil }
	w, err := openWatchdog(b, rounded)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := w.Kick(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	// 'V' before the end would disarm it.
	if got, err := os.ReadFile(path); err != nil || string(got) != "\x00\x00\x00" {
		t.Errorf("wrote %q, %v", got, err)
	}
	for _, seconds := range []int{0, 7, 31, 3600} {
		if w, err := openWatchdog(b, func(*os.File, int) (int, error) { return seconds, nil }); err == nil {
			t.Errorf("a watchdog of %d s for one of 15: %v", seconds, w)
		}
	}
	if _, err := OpenWatchdog(b); err == nil {
		t.Error("a file is a watchdog")
	}
	b.Device = "/dev/nothing"
	if _, err := OpenWatchdog(b); err == nil {
		t.Error("a watchdog that is not there")
	}
}

// A board whose camera is a tape plays it, with the tape's calibration, and on
// a unit for development alone.
func TestStandIns(t *testing.T) {
	b, err := boards.Load(boards.Tree, "qemu-virt")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorkshop(t)
	w.sys.compatible = func() ([]string, error) { return []string{"linux,dummy-virt"}, nil }
	for _, device := range []string{"live:127.0.0.1:1", "tape:../../testdata/tapes/wave.mcap", "sim:rgb"} {
		b.RGB.Device = device
		if _, err := open(b, w.opt, w.sys); err == nil || !strings.Contains(err.Error(), "this unit is not for development") {
			t.Errorf("%s in service: %v", device, err)
		}
	}
	w.opt.Development = true
	b.RGB.Device = "live:127.0.0.1:1"
	if _, err := open(b, w.opt, w.sys); err == nil || !strings.Contains(err.Error(), "cameras: live: ") {
		t.Errorf("no simulator: %v", err)
	}
	b.RGB.Device = "tape:../../testdata/tapes/wave.mcap"
	d, err := open(b, w.opt, w.sys)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Presence.Wait(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if s, err := d.Camera.Shoot(t.Context(), 0); err != nil || s.Check() != nil || s.NIR.Width != d.Calibration.NIR.Width {
		t.Errorf("Shoot: %v", err)
	}
	b.RGB.Device = "tape:/nowhere.mcap"
	if _, err := open(b, w.opt, w.sys); err == nil || !strings.Contains(err.Error(), "cameras: open /nowhere.mcap") {
		t.Errorf("no tape: %v", err)
	}
}
