package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.bug.st/serial"
	"golang.org/x/sys/unix"

	"volar/wire/prov"
)

// linePoll is how often a reader of the line looks whether it should end.
const linePoll = 100 * time.Millisecond

// openLine opens a serial port: 8 bits, no parity, one stop bit, no flow
// control. It asks for nothing of DTR and RTS, which reset some boards, and has
// the port keep them as they are when it is closed (HUPCL off).
func openLine(path string, rate int) (serial.Port, error) {
	keep, err := keepDTR(path)
	if err != nil {
		return nil, err
	}
	defer keep.Close()
	p, err := serial.Open(path, &serial.Mode{BaudRate: rate, DataBits: 8})
	if err != nil {
		return nil, fmt.Errorf("open %s at %d: %w", path, rate, err)
	}
	if err := p.SetReadTimeout(linePoll); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), p.Close())
	}
	return p, nil
}

// keepDTR clears HUPCL. The file must stay open until the port is open by
// other means, or its closing would be a last one.
func keepDTR(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err == nil && t.Cflag&unix.HUPCL != 0 {
		t.Cflag &^= unix.HUPCL
		err = unix.IoctlSetTermios(fd, unix.TCSETS, t)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: not a serial port: %w", path, err), f.Close())
	}
	return f, nil
}

// portInfo is a serial port of this computer.
type portInfo struct {
	Path   string `json:"path"`
	USB    string `json:"usb,omitempty"` // vendor:product
	Number string `json:"serial_number,omitempty"`
	About  string `json:"about,omitempty"`
}

// listPorts lists ports that have hardware behind them, USB adapters first,
// from /sys or a folder like it. It opens none: opening raises DTR.
func listPorts(sys string) (list []portInfo) {
	names, _ := filepath.Glob(filepath.Join(sys, "class/tty/*/device")) // a bad pattern is the only error
	var others []portInfo
	for _, device := range names {
		name := filepath.Base(filepath.Dir(device))
		p := portInfo{Path: "/dev/" + name}
		if sysText(filepath.Dir(device), "type") == "0" {
			continue // a place for a UART without one
		}
		if strings.HasPrefix(name, "ttyUSB") || strings.HasPrefix(name, "ttyACM") {
			p.about(device)
			list = append(list, p)
		} else if strings.HasPrefix(name, "tty") {
			others = append(others, p)
		}
	}
	return append(list, others...)
}

// sysText is a short file of /sys, "" where there is none.
func sysText(dir, file string) string {
	b, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return ""
	}
	return prov.Clean(strings.TrimSpace(string(b)))
}

// about reads what a USB adapter says of itself: in the tty's device, in its
// parent, or in that one's.
func (p *portInfo) about(device string) {
	dir, err := filepath.EvalSymlinks(device)
	for i := 0; err == nil && i < 3; i++ {
		if v := sysText(dir, "idVendor"); v != "" {
			p.USB, p.Number = v+":"+sysText(dir, "idProduct"), sysText(dir, "serial")
			p.About = strings.TrimSpace(sysText(dir, "manufacturer") + " " + sysText(dir, "product"))
			return
		}
		dir = filepath.Dir(dir)
	}
}

// lineFlags are how a command is told which port.
type lineFlags struct {
	port string
	rate int
}

func (f *lineFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.port, "port", "auto", "serial `port`; auto asks every USB adapter whether a unit is behind it")
	c.Flags().IntVar(&f.rate, "rate", 0, "bits a second; 0 tries 115200, 921600, 9600")
}

// line is an open port with a unit behind it.
type line struct {
	*prov.Client
	path   string
	rate   int
	status prov.Status
	close  func()
}

// knock is how long a unit has to answer at one rate.
const knock = 1500 * time.Millisecond

// errNoUnit means that no unit answers at any port that was tried.
var errNoUnit = errors.New("no unit answers")

// find opens the port, or the first adapter with a unit behind it. What the
// unit says on its own goes to said.
func (f lineFlags) find(ctx context.Context, said func(string)) (*line, error) {
	paths := []string{f.port}
	if f.port == "auto" {
		paths = nil
		for _, p := range listPorts("/sys") {
			if p.USB != "" {
				paths = append(paths, p.Path)
			}
		}
		if paths == nil {
			return nil, hint(errors.New("no USB serial adapter is plugged in"), "plug one in, or name the port with --port; 'palmctl doctor' lists all")
		}
	}
	rates := prov.Rates
	if f.rate != 0 {
		rates = []int{f.rate}
	}
	var errs []error
	for _, path := range paths {
		l, err := knockAt(ctx, path, rates, said)
		if err == nil {
			return l, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, hint(errors.Join(errs...), "'palmctl doctor --port %s' says what is wrong", f.port)
}

// knockAt tries a port at each rate.
func knockAt(ctx context.Context, path string, rates []int, said func(string)) (*line, error) {
	for _, rate := range rates {
		p, err := openLine(path, rate)
		if err != nil {
			return nil, err
		}
		ctx, end := context.WithCancel(ctx)
		l := &line{Client: prov.NewClient(ctx, p, said), path: path, rate: rate, close: func() { end(); p.Close() }}
		short, done := context.WithTimeout(ctx, knock)
		l.status, err = l.Status(short)
		done()
		if err == nil {
			return l, nil
		}
		l.close()
		if errors.Is(err, prov.ErrGone) {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil, fmt.Errorf("%s at %v: %w", path, rates, errNoUnit)
}
