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

// pwmReady is how long the files of a channel may take to appear.
const pwmReady = 500 * time.Millisecond

// openBuzzer takes a channel under root, which is /sys/class/pwm.
func openBuzzer(root string, b *boards.Buzzer) (*buzzer, error) {
	chip := filepath.Join(root, filepath.Base(b.Chip))
	z := &buzzer{filepath.Join(chip, "pwm"+strconv.Itoa(b.Line))}
	if _, err := os.Stat(z.dir); err != nil {
		if err := os.WriteFile(filepath.Join(chip, "export"), []byte(strconv.Itoa(b.Line)), 0); err != nil {
			return nil, fmt.Errorf("take channel %d of %s: %w", b.Line, b.Chip, err)
		}
		for end := time.Now().Add(pwmReady); ; time.Sleep(10 * time.Millisecond) {
			if _, err = os.Stat(z.dir); err == nil || time.Now().After(end) {
				break
			}
		}
	}
	return z, z.sound(0)
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
