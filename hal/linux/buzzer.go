package linux

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"volar/boards"
)

// tone is one sound of a buzzer; 0 Hz is silence.
type tone struct {
	hertz int
	last  time.Duration
}

// sounds that package hal names.
var sounds = map[string][]tone{
	"":          nil,
	"rising":    {{880, 90 * time.Millisecond}, {1175, 90 * time.Millisecond}, {1568, 140 * time.Millisecond}},
	"falling":   {{784, 120 * time.Millisecond}, {523, 200 * time.Millisecond}},
	"one short": {{1175, 80 * time.Millisecond}},
	"two short": {{1175, 80 * time.Millisecond}, {0, 80 * time.Millisecond}, {1175, 80 * time.Millisecond}},
}

// buzzer is a piezo on a PWM channel of the kernel's
// (Documentation/driver-api/pwm.rst, "Using PWMs with the sysfs interface").
type buzzer struct {
	dir string // of the channel
}

// pwmRoot is where the kernel shows its PWMs.
const pwmRoot = "/sys/class/pwm"

// pwmReady is how long the files of a channel may take to appear.
const pwmReady = 500 * time.Millisecond

// takeChannel takes a channel under root and gives its folder.
func takeChannel(root string, b *boards.Buzzer) (dir string, err error) {
	chip := filepath.Join(root, filepath.Base(b.Chip))
	dir = filepath.Join(chip, "pwm"+strconv.Itoa(b.Line))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.WriteFile(filepath.Join(chip, "export"), []byte(strconv.Itoa(b.Line)), 0); err != nil {
		return "", fmt.Errorf("take channel %d of %s: %w", b.Line, b.Chip, err)
	}
	for end := time.Now().Add(pwmReady); ; time.Sleep(10 * time.Millisecond) {
		if _, err = os.Stat(dir); err == nil || time.Now().After(end) {
			return dir, err
		}
	}
}

// openBuzzer takes a channel under root, which is /sys/class/pwm, where it was
// not taken before.
func openBuzzer(root string, b *boards.Buzzer) (*buzzer, error) {
	dir, err := takeChannel(root, b)
	if err != nil {
		return nil, err
	}
	z := &buzzer{dir}
	return z, z.sound(0)
}

// BuzzerFiles takes a buzzer's channel, which root alone may, and gives the
// files that whoever sounds it must be able to write.
func BuzzerFiles(b *boards.Buzzer) ([]string, error) {
	dir, err := takeChannel(pwmRoot, b)
	if err != nil {
		return nil, fmt.Errorf("linux: buzzer: %w", err)
	}
	return []string{filepath.Join(dir, "enable"), filepath.Join(dir, "period"), filepath.Join(dir, "duty_cycle")}, nil
}

// sound begins a tone, or ends it.
func (z *buzzer) sound(hertz int) error {
	if hertz == 0 {
		return z.set("enable", 0)
	}
	period := int(time.Second / time.Duration(hertz))
	// A duty may never be longer than its period, whichever is set first.
	for _, s := range []struct {
		file  string
		value int
	}{{"duty_cycle", 0}, {"period", period}, {"duty_cycle", period / 2}, {"enable", 1}} {
		if err := z.set(s.file, s.value); err != nil {
			return err
		}
	}
	return nil
}

func (z *buzzer) set(file string, value int) error {
	f, err := os.OpenFile(filepath.Join(z.dir, file), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return fmt.Errorf("buzzer: %w", err)
	}
	_, err = f.WriteString(strconv.Itoa(value))
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("buzzer: %w", err)
	}
	return nil
}
