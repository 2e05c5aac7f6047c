package linux

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/driver/driverreg"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/host/v3/gpioioctl"
	"periph.io/x/host/v3/sysfs"

	"volar/boards"
	"volar/hal"
)

// machine is the one that this program runs on.
func machine() system {
	return system{
		compatible: func() ([]string, error) {
			b, err := os.ReadFile("/proc/device-tree/compatible")
			if err != nil {
				return nil, fmt.Errorf("no device tree, so this is none of these boards: %w", err)
			}
			return strings.Split(strings.TrimRight(string(b), "\x00"), "\x00"), nil
		},
		cameras: os.DirFS("/sys/class/video4linux"),
		bus:     openBus,
		line:    openLine,
		pwm:     pwmRoot,
		watchdog: func(b *boards.Watchdog) (hal.Watchdog, error) {
			w, err := OpenWatchdog(b)
			if err != nil {
				return nil, err // and no interface around a nil
			}
			return w, nil
		},
		now: sinceBoot,
	}
}

// sinceBoot is the clock that drivers stamp frames with.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err) // Linux always has it
	}
	return time.Duration(t.Nano())
}

func openBus(path string) (i2c.BusCloser, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(path), "i2c-"))
	if err != nil {
		return nil, fmt.Errorf("no I2C bus is called %q", path)
	}
	return sysfs.NewI2C(n)
}

// gpioChips looks for the kernel's GPIO chips, once.
var gpioChips = sync.OnceValues(func() ([]*gpioioctl.GPIOChip, error) {
	if _, err := driverreg.Init(); err != nil {
		return nil, err
	}
	return gpioioctl.Chips, nil
})

// openLine finds a line by the name or the label of its chip.
func openLine(l boards.Line) (gpio.PinOut, error) {
	chips, err := gpioChips()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, c := range chips {
		if c.Name() != l.Chip && c.Label() != l.Chip {
			names = append(names, c.Name()+" ("+c.Label()+")")
			continue
		}
		if l.Line >= c.LineCount() {
			return nil, fmt.Errorf("line %d of %s, which has %d", l.Line, l.Chip, c.LineCount())
		}
		line := c.ByNumber(l.Line)
		if user := line.Consumer(); user != "" {
			return nil, fmt.Errorf("line %d of %s is in use by %q", l.Line, l.Chip, user)
		}
		return line, nil
	}
	if names == nil {
		return nil, errors.New("the kernel shows no GPIO chips in /dev, or this user may not open them")
	}
	return nil, fmt.Errorf("no GPIO chip %q, there are %q", l.Chip, names)
}
