package v4l2

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Kernel is what opens device files.
type Kernel interface {
	// Open opens a device for reading and writing, without waiting for it.
	Open(path string) (Node, error)
	// Media lists the media controllers' device files.
	Media() []string
	// Device is the file of a character device.
	Device(major, minor uint32) (string, error)
}

// Node is an open device file.
type Node interface {
	Ioctl(call uintptr, arg unsafe.Pointer) error
	Mmap(offset int64, length int) ([]byte, error)
	Munmap([]byte) error
	Wait(time.Duration) (ready bool, err error) // until a frame can be fetched
	Close() error
}

// running is the kernel that this program runs on.
type running struct{}

func (running) Open(path string) (Node, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return file(fd), nil
}

func (running) Media() []string {
	paths, _ := filepath.Glob("/dev/media*") // the pattern is good
	return paths
}

// Device reads what udev would make links of.
func (running) Device(major, minor uint32) (string, error) {
	b, err := os.ReadFile(fmt.Sprintf("/sys/dev/char/%d:%d/uevent", major, minor))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "DEVNAME="); ok {
			return filepath.Join("/dev", name), nil
		}
	}
	return "", fmt.Errorf("device %d:%d has no name", major, minor)
}

// file is a node of /dev.
type file int

func (f file) Ioctl(call uintptr, arg unsafe.Pointer) error {
	for {
		_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(f), call, uintptr(arg))
		if e == 0 {
			return nil
		}
		if e != unix.EINTR {
			return e
		}
	}
}

func (f file) Mmap(offset int64, length int) ([]byte, error) {
	return unix.Mmap(int(f), offset, length, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

func (f file) Munmap(b []byte) error { return unix.Munmap(b) }

func (f file) Wait(d time.Duration) (bool, error) {
	p := []unix.PollFd{{Fd: int32(f), Events: unix.POLLIN}}
	n, err := unix.Poll(p, int(max(d, 0).Milliseconds()))
	if err == unix.EINTR || err == nil && n == 0 {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if p[0].Revents&(unix.POLLHUP|unix.POLLNVAL) != 0 { // a camera that was unplugged
		return false, unix.ENODEV
	}
	return true, nil // POLLERR too: fetching the frame says what it is
}

func (f file) Close() error { return unix.Close(int(f)) }
