package linux

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpiotest"
	"periph.io/x/conn/v3/i2c/i2ctest"

	"volar/boards"
	"volar/hal"
)

// rack is twelve lamps on a chip that writes down what it is told, with a
// gate, on a clock that a test turns.
type rack struct {
	*lamps
	bus  *flaky
	gate *gpiotest.Pin
}

// flaky is a bus that records, and fails where it is told to.
type flaky struct {
	i2ctest.Record
	fail func(w []byte) bool
}

func (f *flaky) Tx(addr uint16, w, r []byte) error {
	if f.fail != nil && f.fail(w) {
		return errNoAnswer
	}
	return f.Record.Tx(addr, w, r)
}

var corners = []string{"tl", "tr", "bl", "br"}

func newRack(t *testing.T, limit Limit) *rack {
	t.Helper()
	r := &rack{bus: new(flaky), gate: &gpiotest.Pin{N: "gate"}}
	chip, err := newChip(&boards.Chip{Chip: "tlc59116", Address: 0x60}, r.bus)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	b, err := newBank(chip, r.gate)
	if err != nil {
		t.Fatal(err)
	}
	r.lamps = &lamps{banks: []*bank{b}, now: func() time.Duration { return time.Since(began) }}
	for _, band := range []string{"white", "nir850", "nir940"} {
		for _, c := range corners {
			l, err := hal.ParseLight(band + "@" + c)
			if err != nil {
				t.Fatal(err)
			}
			r.all = append(r.all, &lamp{light: l, limit: limit, bank: b, out: len(r.all), drive: 1})
		}
	}
	r.bus.Ops = nil
	return r
}

// levels is what the chip was told last.
func (r *rack) levels(t *testing.T) []byte {
	t.Helper()
	if len(r.bus.Ops) == 0 {
		t.Fatal("the chip was told nothing")
	}
	last := r.bus.Ops[len(r.bus.Ops)-1]
	if last.Addr != 0x60 || last.W[0] != 0xa2 || len(last.W) != 17 {
		t.Fatalf("the chip was told %#x", last.W)
	}
	return last.W[1:]
}

func TestLampsOfALight(t *testing.T) {
	for text, want := range map[string][]byte{
		"white":               {255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"nir850@tl":           {0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"nir940@bl,br/50":     {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128, 128, 0, 0, 0, 0},
		"white+nir850@tr/75":  {0, 191, 0, 0, 0, 191, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"white+nir850+nir940": {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRack(t, Limit{50 * ms, 0.5})
			l, err := hal.ParseLight(text)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.set(t.Context(), l, 50*ms); err != nil {
				t.Fatal(err)
			}
			if got := r.levels(t); !bytes.Equal(got, want) || r.gate.L != gpio.High {
				t.Errorf("%s: %v, gate %v; want %v", text, got, r.gate.L, want)
			}
			if err := r.off(); err != nil {
				t.Fatal(err)
			}
			if got := r.levels(t); !bytes.Equal(got, make([]byte, 16)) || r.gate.L != gpio.Low {
				t.Errorf("%s: after off %v, gate %v", text, got, r.gate.L)
			}
		})
	}
}

// A lamp goes out at its limit whatever its caller does, and the caller is told.
func TestLampsGoOutByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRack(t, Limit{50 * ms, 0.5})
		if _, err := r.set(t.Context(), hal.NIR850, 20*ms); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50*ms - 1)
		synctest.Wait()
		if r.gate.L != gpio.High || r.wasCut() {
			t.Fatal("dark before its limit")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if r.gate.L != gpio.Low || !r.wasCut() || !bytes.Equal(r.levels(t), make([]byte, 16)) {
			t.Fatal("lit beyond its limit")
		}
		began := time.Now()
		if _, err := r.set(t.Context(), hal.NIR850, 20*ms); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited != 50*ms { // 100 ms hold 50 ms of light
			t.Errorf("rested for %v before 20 ms more", waited)
		}
		began = time.Now()
		if _, err := r.set(t.Context(), hal.White, 50*ms); err != nil || time.Since(began) > 0 {
			t.Errorf("another lamp had to rest too: %v, %v", time.Since(began), err)
		}
		if r.wasCut() {
			t.Error("the cut of an earlier shot is still told of")
		}
	})
}

// Whatever the firmware asks for, no lamp ever exceeds its limit.
func TestLampsStayWithinTheirLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := Limit{40 * ms, 0.3}
		r := newRack(t, limit)
		random := rand.New(rand.NewPCG(1, 2))
		all := make([][]Pulse, len(r.all))
		for range 300 {
			l := hal.Light(random.UintN(8))
			if l == 0 || random.UintN(5) == 0 {
				if err := r.off(); err != nil {
					t.Fatal(err)
				}
			} else if _, err := r.set(t.Context(), l, time.Duration(1+random.IntN(40))*ms); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(random.IntN(60)) * ms)
			synctest.Wait()
			for i, lamp := range r.all {
				for _, p := range lamp.past {
					if n := len(all[i]); n == 0 || all[i][n-1].On < p.On {
						all[i] = append(all[i], p)
					}
				}
			}
		}
		for i := range all {
			if len(all[i]) < 50 {
				t.Fatalf("lamp %d was lit %d times", i, len(all[i]))
			}
			checkPulses(t, 1, limit, all[i])
		}
	})
}

// A chip that cannot be told to stop loses its supply at once, and nothing is
// lit again before it has answered.
func TestLampsThatDoNotObey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRack(t, Limit{50 * ms, 0.5})
		if _, err := r.set(t.Context(), hal.White, 50*ms); err != nil {
			t.Fatal(err)
		}
		asked := 0
		r.bus.fail = func([]byte) bool { asked++; return true }
		if err := r.off(); err == nil || asked != tries || r.gate.L != gpio.Low {
			t.Errorf("off = %v after %d tries, gate %v", err, asked, r.gate.L)
		}
		if _, err := r.set(t.Context(), hal.NIR850, 50*ms); err == nil || !strings.Contains(err.Error(), "switch lamps off") {
			t.Errorf("lit beside a chip that does not obey: %v", err)
		}
		r.bus.fail = nil
		if _, err := r.set(t.Context(), hal.NIR850, 50*ms); err != nil {
			t.Errorf("after it answers again: %v", err)
		}
	})
}

// A light that fails halfway leaves nothing lit.
func TestLampsThatDoNotLight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRack(t, Limit{50 * ms, 0.5})
		failed := false
		r.bus.fail = func(w []byte) bool {
			failed = !failed && w[0] == 0xa2
			return failed
		}
		if _, err := r.set(t.Context(), hal.White, 50*ms); err == nil {
			t.Fatal("set tells of no error")
		}
		if r.gate.L != gpio.Low || !bytes.Equal(r.levels(t), make([]byte, 16)) {
			t.Error("a lamp is lit")
		}
	})
}

func TestLampsRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRack(t, Limit{50 * ms, 0.5})
		if _, err := r.set(t.Context(), hal.White, 51*ms); err == nil || !strings.Contains(err.Error(), "its limit is 50ms") {
			t.Errorf("51 ms: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.set(ctx, hal.White, 50*ms); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		if len(r.bus.Ops) != 0 {
			t.Errorf("the chip was told %v", r.bus.Ops)
		}
		var none lamp
		none.light, none.bank = hal.White, r.banks[0]
		if _, err := (&lamps{all: []*lamp{&none}, now: r.now}).set(t.Context(), hal.White, 1); err == nil {
			t.Error("a lamp without a limit was lit")
		}
	})
}
