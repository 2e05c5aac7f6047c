package linux

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c/i2ctest"

	"volar/boards"
	"volar/hal"
)

// glow is an LED chip that keeps every picture.
type glow struct {
	pictures [][]uint8
	err      error
}

func (g *glow) reset() error { return g.err }
func (g *glow) outputs() int { return 36 }
func (g *glow) write(levels []uint8) error {
	g.pictures = append(g.pictures, bytes.Clone(levels))
	return g.err
}

func testRing(chip ledChip) *ring {
	b := &boards.Ring{Strength: 0.6}
	for i := range 12 {
		b.LEDs = append(b.LEDs, [3]int{3 * i, 3*i + 1, 3*i + 2})
	}
	return newRing(b, chip)
}

// Every cue looks unlike every other within two seconds, moves if it says so,
// and is never brighter than its board allows.
func TestRingShowsEveryCue(t *testing.T) {
	r := testRing(&glow{})
	seen := map[string]string{}
	for c := hal.CueIdle; c <= hal.CueOutOfService; c++ {
		look, err := c.Look()
		if err != nil {
			t.Fatal(err)
		}
		p, err := parsePattern(look.Ring)
		if err != nil {
			t.Errorf("%v: %v", c, err)
			continue
		}
		var film []byte
		moves, shines := false, false
		first := r.draw(p, 0)
		for at := time.Duration(0); at < 2*time.Second; at += redraw {
			picture := r.draw(p, at)
			moves = moves || !bytes.Equal(picture, first)
			for _, v := range picture {
				shines = shines || v > 20
				if v > 153 { // 0.6 of 255
					t.Fatalf("%v: %d of 255", c, v)
				}
			}
			film = append(film, picture...)
		}
		if moves == p.still || !shines {
			t.Errorf("%v (%s): moves %v, shines %v", c, look.Ring, moves, shines)
		}
		if other, ok := seen[string(film)]; ok && other != look.Ring {
			t.Errorf("%q looks like %q", look.Ring, other)
		}
		seen[string(film)] = look.Ring
		if _, ok := sounds[look.Sound]; !ok {
			t.Errorf("%v: no sound %q", c, look.Sound)
		}
	}
	for _, look := range []string{"", "white", "pink steady", "white somehow"} {
		if _, err := parsePattern(look); err == nil {
			t.Errorf("a ring that shows %q", look)
		}
	}
}

// pwm is a folder that looks like the kernel's; a channel is there.
func pwm(t *testing.T) (root, channel string) {
	root = t.TempDir()
	channel = filepath.Join(root, "pwmchip0", "pwm1")
	if err := os.MkdirAll(channel, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"enable", "period", "duty_cycle"} {
		if err := os.WriteFile(filepath.Join(channel, f), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root, channel
}

func value(t *testing.T, channel, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(channel, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFaceDrawsAndSounds(t *testing.T) {
	root, channel := pwm(t)
	synctest.Test(t, func(t *testing.T) {
		z, err := openBuzzer(root, &boards.Buzzer{Chip: "pwmchip0", Line: 1})
		if err != nil {
			t.Fatal(err)
		}
		g := &glow{}
		f := newFace(testRing(g), z)
		if err := f.Show(hal.CueAccepted); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
		if value(t, channel, "enable") != "1" || value(t, channel, "period") != "1136363" || value(t, channel, "duty_cycle") != "568181" {
			t.Errorf("880 Hz: enable %s, period %s, duty cycle %s", value(t, channel, "enable"), value(t, channel, "period"), value(t, channel, "duty_cycle"))
		}
		time.Sleep(time.Second)
		if value(t, channel, "enable") != "0" {
			t.Error("it sounds on and on")
		}
		if len(g.pictures) != 1 { // a still ring is drawn once
			t.Errorf("%d pictures of a still ring", len(g.pictures))
		}
		if err := f.Show(hal.CueWorking); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if n := len(g.pictures); n < 20 || n > 30 {
			t.Errorf("%d pictures of a moving ring in a second", n)
		}
		if err := f.close(); err != nil {
			t.Fatal(err)
		}
		if last := g.pictures[len(g.pictures)-1]; !bytes.Equal(last, make([]byte, 36)) {
			t.Errorf("after close the ring shows %v", last)
		}
	})
}

// A ring that fails later is told of by the next Show, which does not block.
func TestFaceTellsOfFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &glow{}
		f := newFace(testRing(g), nil)
		defer f.close()
		g.err = errNoAnswer
		if err := f.Show(hal.CueHover); err != nil {
			t.Errorf("told before it was tried: %v", err)
		}
		synctest.Wait()
		if err := f.Show(hal.CueStill); err == nil {
			t.Error("a fault is lost")
		}
		g.err = nil
		synctest.Wait()
		f.Show(hal.CueStill)
		synctest.Wait()
		if err := f.Show(hal.CueStill); err != nil {
			t.Errorf("a fault that has passed: %v", err)
		}
		if err := f.Show(255); err == nil {
			t.Error("a cue that does not exist")
		}
	})
}

var errNoAnswer = (&i2ctest.Record{}).Tx(0, nil, make([]byte, 1))

func TestBuzzerTakesItsChannel(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "pwmchip0"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := openBuzzer(root, &boards.Buzzer{Chip: "pwmchip0", Line: 1})
	if err == nil {
		t.Error("a channel that does not appear")
	}
	b, _ := os.ReadFile(filepath.Join(root, "pwmchip0", "export"))
	if string(b) != "1" {
		t.Errorf("exported %q", b)
	}
	if _, err := openBuzzer(root, &boards.Buzzer{Chip: "pwmchip7"}); err == nil || !strings.Contains(err.Error(), "pwmchip7") {
		t.Errorf("no such chip: %v", err)
	}
}
