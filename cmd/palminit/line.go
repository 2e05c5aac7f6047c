package main

import (
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"volar/boards"
)

// rates are those of a terminal that boards may name.
var rates = map[int]uint32{
	9600: unix.B9600, 57600: unix.B57600, 115200: unix.B115200, 230400: unix.B230400, 460800: unix.B460800, 921600: unix.B921600,
}

// openLine opens a serial port raw: every byte passes as it is, modem lines
// are left alone.
func openLine(u *boards.UART) (*os.File, error) {
	speed, ok := rates[u.Rate]
	if !ok {
		return nil, fmt.Errorf("%s: %d baud is no rate of a terminal", u.Device, u.Rate)
	}
	fd, err := unix.Open(u.Device, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.Device, err)
	}
	t := unix.Termios{Iflag: unix.IGNBRK, Cflag: unix.CS8 | unix.CREAD | unix.CLOCAL | speed, Ispeed: speed, Ospeed: speed}
	t.Cc[unix.VMIN] = 1
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &t); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("%s: %w", u.Device, err)
	}
	return os.NewFile(uintptr(fd), u.Device), nil
}

// outlet is where the console's lines go: to the console, or, where that is
// the provisioning port, through the one writer of that.
type outlet struct {
	mu sync.Mutex
	to io.Writer
}

var console = &outlet{to: os.Stdout}

func (o *outlet) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.to.Write(b)
}

// turn sends later lines elsewhere.
func (o *outlet) turn(to io.Writer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.to = to
}
