package vm

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// Cable joins the unit's provisioning port to a terminal of this machine, and
// can be pulled out.
type Cable struct {
	unit *os.File // the machine's pty, open as long as the machine runs

	mu     sync.Mutex
	bench  *os.File // our end of the bench's terminal; nil while it is pulled out
	path   string   // leads to the bench's end, while the cable is in
	left   int64    // bytes until it is pulled out, both directions together; negative: never
	pulled chan struct{}
	passed int64
}

// Connect takes hold of the unit's port. The cable is not plugged in at the
// bench yet; what the unit says is lost until then, as on any line.
func (m *Machine) Connect() (*Cable, error) {
	fd, err := unix.Open(m.Port, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("vm: %s: %w", m.Port, err)
	}
	if err := raw(fd); err != nil {
		return nil, err
	}
	c := &Cable{unit: os.NewFile(uintptr(fd), m.Port), left: -1, path: filepath.Join(m.dir, "port")}
	go c.fromUnit()
	return c, nil
}

// raw lets a terminal pass every byte as it is.
func raw(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return fmt.Errorf("vm: terminal: %w", err)
	}
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
		return fmt.Errorf("vm: terminal: %w", err)
	}
	return nil
}

// Plug plugs the cable in and returns the terminal's path.
func (c *Cable) Plug() (string, error) {
	ours, theirs, err := pty.Open()
	if err != nil {
		return "", fmt.Errorf("vm: %w", err)
	}
	if err := raw(int(theirs.Fd())); err != nil {
		return "", err
	}
	// The terminal's number is given to somebody else once it is closed, and a
	// bench that looks for its unit again must not find that.
	if err := os.Symlink(theirs.Name(), c.path); err != nil {
		return "", fmt.Errorf("vm: %w", err)
	}
	c.mu.Lock()
	c.bench, c.left, c.pulled, c.passed = ours, -1, make(chan struct{}), 0
	c.mu.Unlock()
	go c.toUnit(ours, theirs)
	return c.path, nil
}

// Pulled is closed when the cable that was plugged in last is out.
func (c *Cable) Pulled() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pulled
}

// PullAfter pulls the cable out by itself after so many more bytes, both
// directions together.
func (c *Cable) PullAfter(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = n
}

// Passed is how many bytes went over the cable since it was plugged in.
func (c *Cable) Passed() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.passed
}

// Pull pulls the cable out. Who has the terminal open sees it hang up.
func (c *Cable) Pull() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pull()
}

func (c *Cable) pull() {
	if c.bench != nil {
		os.Remove(c.path)
		c.bench.Close()
		c.bench = nil
		close(c.pulled)
	}
}

// allow counts n bytes and returns how many of them pass before the cable is
// out, and through which terminal.
func (c *Cable) allow(n int) (int, *os.File) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bench == nil {
		return 0, nil
	}
	if c.left >= 0 && int64(n) > c.left {
		n = int(c.left)
	}
	if c.left >= 0 {
		c.left -= int64(n)
	}
	c.passed += int64(n)
	return n, c.bench
}

// spent pulls the cable where its bytes are used up.
func (c *Cable) spent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == 0 {
		c.pull()
	}
}

func (c *Cable) fromUnit() {
	buf := make([]byte, 4096)
	for {
		n, err := c.unit.Read(buf)
		if err != nil {
			c.Pull()
			return
		}
		if pass, bench := c.allow(n); bench != nil {
			bench.Write(buf[:pass])
			c.spent()
		}
	}
}

// toUnit keeps the bench's end of the terminal open beside the bench, so that
// the terminal lives on between two programs that use it.
func (c *Cable) toUnit(ours, theirs *os.File) {
	defer theirs.Close()
	buf := make([]byte, 4096)
	for {
		n, err := ours.Read(buf)
		if err != nil {
			return
		}
		if pass, bench := c.allow(n); bench == ours {
			c.unit.Write(buf[:pass])
			c.spent()
		}
	}
}
