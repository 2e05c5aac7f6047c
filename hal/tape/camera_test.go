package tape

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"testing"

	"volar/hal"
	"volar/hal/haltest"
)

// bursts is a tape of n rounds of haltest's lights.
func bursts(t *testing.T, n int) []byte {
	var list []Item
	for range n {
		for _, l := range []hal.Light{0, hal.White, hal.NIR850, hal.NIR940, hal.NIR850 | hal.NIR940} {
			list = append(list, Item{Shot: shot(len(list), l)})
		}
	}
	return write(t, list)
}

func play(t *testing.T, b []byte) *Player {
	t.Helper()
	r, err := Open(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return Play(r)
}

func TestPlayerIsACamera(t *testing.T) {
	b := bursts(t, 3)
	haltest.Camera(t, func(t *testing.T) (hal.Camera, *hal.Calibration) { return play(t, b), calibration() })
}

func TestRecorderIsACamera(t *testing.T) {
	b := bursts(t, 3)
	haltest.Camera(t, func(t *testing.T) (hal.Camera, *hal.Calibration) {
		w, err := Create(new(bytes.Buffer), synthetic, calibration())
		if err != nil {
			t.Fatal(err)
		}
		return Record(play(t, b), w), calibration()
	})
}

// What was recorded from a tape plays as that tape.
func TestRecorderWritesWhatItPasses(t *testing.T) {
	b := bursts(t, 2)
	var copied bytes.Buffer
	w, err := Create(&copied, synthetic, calibration())
	if err != nil {
		t.Fatal(err)
	}
	rec := Record(play(t, b), w)
	for _, l := range []hal.Light{0, hal.White, hal.NIR850, hal.NIR940, hal.NIR850 | hal.NIR940, 0} {
		if _, err := rec.Shoot(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want, _ := readAll(b)
	got, _ := readAll(copied.Bytes())
	if !reflect.DeepEqual(got, want[:6]) {
		t.Errorf("recorded %d shots that differ from the %d passed", len(got), 6)
	}
}

// A broken driver's half a shot goes to the firmware, which must refuse it.
func TestRecorderPassesHalfShots(t *testing.T) {
	var b bytes.Buffer
	w, err := Create(&b, synthetic, calibration())
	if err != nil {
		t.Fatal(err)
	}
	s, err := Record(halfCamera{}, w).Shoot(t.Context(), 0)
	if err != nil || s.Check() == nil {
		t.Errorf("Shoot = %v", err)
	}
}

type halfCamera struct{}

func (halfCamera) Shoot(context.Context, hal.Light) (hal.Shot, error) {
	s := shot(0, 0)
	s.NIR = hal.Frame{}
	return *s, nil
}

func TestRecorderReportsAFullDisk(t *testing.T) {
	w, err := Create(&failing{5000}, synthetic, calibration())
	if err != nil {
		t.Fatal(err)
	}
	rec := Record(play(t, bursts(t, 3)), w)
	for n := range 15 {
		var s hal.Shot
		l := []hal.Light{0, hal.White, hal.NIR850, hal.NIR940, hal.NIR850 | hal.NIR940}[n%5]
		if s, err = rec.Shoot(t.Context(), l); err != nil {
			if s.RGB.Pix != nil {
				t.Error("a shot beside an error")
			}
			break
		}
	}
	if !errors.Is(err, errFull) {
		t.Errorf("Shoot on a full disk: %v", err)
	}
}

// waves is two waves with marks, then nothing.
func waves(t *testing.T) []byte {
	near, gone := Item{Event: &Event{Name: EventNear}}, Item{Event: &Event{Name: EventGone}}
	return write(t, []Item{near, {Shot: shot(0, 0)}, {Shot: shot(1, hal.White)}, {Shot: shot(2, hal.White)}, gone,
		{Decision: &Decision{Wave: 1}}, near, {Shot: shot(3, 0)}, gone})
}

func TestPlayerKeepsWavesApart(t *testing.T) {
	p := play(t, waves(t))
	passed := 0
	p.Passed = func(Item) { passed++ }
	step := func(err error, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Fatalf("got %v, want %v", err, want)
		}
	}
	shootIs := func(l hal.Light, seq uint32) {
		t.Helper()
		s, err := p.Shoot(t.Context(), l)
		if err != nil || s.RGB.Seq != seq {
			t.Fatalf("Shoot(%v) = shot %d, %v; want %d", l, s.RGB.Seq, err, seq)
		}
	}
	step(p.Wait(t.Context(), true), nil)
	shootIs(0, 1)
	shootIs(hal.White, 2)
	_, err := p.Shoot(t.Context(), 0) // the next dark shot is of another wave
	step(err, hal.ErrEnd)
	step(p.Wait(t.Context(), true), nil) // the hand has not left before this
	step(p.Wait(t.Context(), false), nil)
	step(p.Wait(t.Context(), true), nil)
	shootIs(0, 4)
	step(p.Wait(t.Context(), false), nil)
	step(p.Wait(t.Context(), true), hal.ErrEnd)
	if p.Skipped != 1 || passed != 9 {
		t.Errorf("skipped %d shots, passed %d items; want 1 and 9", p.Skipped, passed)
	}
}

func TestPlayerWithoutMarks(t *testing.T) {
	p := play(t, bursts(t, 1))
	if err := p.Wait(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Shoot(t.Context(), hal.White); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(t.Context(), true); !errors.Is(err, hal.ErrEnd) {
		t.Errorf("Wait after the end: %v", err)
	}
}

func TestPlayerOfACutTape(t *testing.T) {
	b := bursts(t, 1)
	p := play(t, b[:len(b)/2])
	var err error
	for err == nil {
		_, err = p.Shoot(t.Context(), hal.NIR850|hal.NIR940)
	}
	if !errors.Is(err, ErrTruncated) {
		t.Errorf("Shoot: %v, want ErrTruncated", err)
	}
}
