package linux

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/i2c/i2ctest"
)

// measured is what a sensor says of a distance.
func measured(how byte, mm int) []byte {
	return []byte{tofDone | how<<3, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(mm >> 8), byte(mm)}
}

func TestSensorByItsRegisters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := uint16(0x29)
		busy := make([]byte, 12)
		bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
			{Addr: at, W: []byte{0xc0}, R: []byte{0xee, 0xaa}},
			{Addr: at, W: []byte{0x00, 0x01}},
			{Addr: at, W: []byte{0x14}, R: busy},
			{Addr: at, W: []byte{0x14}, R: busy},
			{Addr: at, W: []byte{0x14}, R: measured(11, 300)},
			{Addr: at, W: []byte{0x0b, 0x01}},
			{Addr: at, W: []byte{0x00, 0x01}},
			{Addr: at, W: []byte{0x14}, R: measured(4, 20)}, // too little light came back
			{Addr: at, W: []byte{0x0b, 0x01}},
			{Addr: at, W: []byte{0xc0}, R: []byte{0xea, 0xcc}}, // a VL53L1X
		}}
		s := &vl53l0x{i2c.Dev{Bus: bus, Addr: at}}
		if err := s.check(); err != nil {
			t.Error(err)
		}
		for _, want := range []int{300, tofFar} {
			if mm, err := s.distance(t.Context()); err != nil || mm != want {
				t.Errorf("distance = %d, %v; want %d", mm, err, want)
			}
		}
		if err := s.check(); err == nil || !strings.Contains(err.Error(), "want 0xeeaa") {
			t.Errorf("another model: %v", err)
		}
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
		if _, err := s.distance(t.Context()); err == nil {
			t.Error("a sensor that does not answer measures")
		}
	})
}

func TestSensorThatNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ops := []i2ctest.IO{{Addr: 0x29, W: []byte{0, 1}}}
		for range tofPolls {
			ops = append(ops, i2ctest.IO{Addr: 0x29, W: []byte{0x14}, R: make([]byte, 12)})
		}
		s := &vl53l0x{i2c.Dev{Bus: &i2ctest.Playback{Ops: ops, DontPanic: true}, Addr: 0x29}}
		if _, err := s.distance(t.Context()); err == nil || !strings.Contains(err.Error(), "never ends") {
			t.Errorf("distance: %v", err)
		}
	})
}

// script is a sensor that says one distance after the other, and the last
// one for ever; a negative one is an error.
func script(mm ...int) func(context.Context) (int, error) {
	return func(context.Context) (int, error) {
		v := mm[0]
		if len(mm) > 1 {
			mm = mm[1:]
		}
		if v < 0 {
			return 0, errors.New("no answer")
		}
		return v, nil
	}
}

func TestPresence(t *testing.T) {
	for _, c := range []struct {
		name string
		mm   []int
		near bool
		took int // measurements
	}{
		{"near at once", []int{100}, true, 2},
		{"gone at once", []int{tofFar}, false, 2},
		{"comes", []int{500, 500, 100, 100}, true, 4},
		{"one stray measurement", []int{500, 500, 100, 500, 500, 100, 100}, true, 7},
		{"between near and gone", []int{100, 100, 210, 210, 300, 300}, false, 6},
		{"at the edge, from afar", []int{300, 300, 210, 210, 170, 170}, true, 6},
		{"two errors", []int{-1, -1, 100}, true, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				next := script(c.mm...)
				p := &presence{near: 180, gone: 240, measure: func(ctx context.Context) (int, error) { asked++; return next(ctx) }}
				if c.near == false && c.mm[0] < 180 { // it is near first
					if err := p.Wait(t.Context(), true); err != nil {
						t.Fatal(err)
					}
				}
				if err := p.Wait(t.Context(), c.near); err != nil || asked != c.took {
					t.Errorf("Wait = %v after %d measurements, want %d", err, asked, c.took)
				}
				before := asked
				if err := p.Wait(t.Context(), c.near); err != nil || asked != before {
					t.Errorf("asked again at once: %v, %d more measurements", err, asked-before)
				}
			})
		})
	}
}

func TestPresenceFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &presence{near: 180, gone: 240, measure: script(-1)}
		began := time.Now()
		if err := p.Wait(t.Context(), true); err == nil || time.Since(began) != 2*lookEvery {
			t.Errorf("Wait = %v after %v", err, time.Since(began))
		}
	})
}
