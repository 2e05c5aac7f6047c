package tape

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"volar/hal"
	"volar/hal/haltest"
)

// bursts is a tape of n rounds of haltest's lights.
func bursts(t *testing.T, n int) []byte {
	var list []Item
	for range n {
		for _, l := range haltest.Lights {
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
	for _, l := range append(haltest.Lights[:5:5], 0) {
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
		l := haltest.Lights[n%5]
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

// shootIs asks for a shot that must be there.
func shootIs(t *testing.T, p *Player, l hal.Light, seq uint32) {
	t.Helper()
	s, err := p.Shoot(t.Context(), l)
	if err != nil || s.RGB.Seq != seq {
		t.Fatalf("Shoot(%v) = shot %d, %v; want %d", l, s.RGB.Seq, err, seq)
	}
}

func near(t *testing.T, p *Player, want error) {
	t.Helper()
	if err := p.Wait(t.Context(), true); !errors.Is(err, want) {
		t.Fatalf("Wait for a hand = %v, want %v", err, want)
	}
}

func TestPlayerKeepsWavesApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := play(t, waves(t))
		passed := 0
		p.Passed = func(Item) { passed++ }
		near(t, p, nil)
		shootIs(t, p, 0, 1)
		shootIs(t, p, hal.White, 2)
		near(t, p, nil) // the hand has not left before this
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error)
		go func() { left <- p.Wait(t.Context(), false) }()
		asked := make(chan error)
		go func() {
			_, err := p.Shoot(ctx, 0) // the next dark shot is of another wave
			asked <- err
		}()
		if err := <-left; err != nil {
			t.Errorf("Wait for the hand to go: %v", err)
		}
		synctest.Wait()
		select {
		case err := <-asked:
			t.Errorf("Shoot after the hand has gone: %v, want it to wait", err)
		default:
		}
		cancel()
		if err := <-asked; !errors.Is(err, context.Canceled) {
			t.Errorf("Shoot = %v", err)
		}
		near(t, p, nil)
		shootIs(t, p, 0, 4)
		p.Leave()
		if err := p.Wait(t.Context(), false); err != nil {
			t.Errorf("Wait after Leave: %v", err)
		}
		near(t, p, hal.ErrEnd)
		if p.Skipped() != 1 || passed != 9 {
			t.Errorf("skipped %d shots, passed %d items; want 1 and 9", p.Skipped(), passed)
		}
	})
}

// A shot that was under way when the hand left is of no wave.
func TestPlayerSkipsShotsOfNobody(t *testing.T) {
	near1, gone := Item{Event: &Event{Name: EventNear}}, Item{Event: &Event{Name: EventGone}}
	p := play(t, write(t, []Item{near1, {Shot: shot(0, 0)}, gone, {Shot: shot(1, 0)}, near1, {Shot: shot(2, 0)}, gone}))
	near(t, p, nil)
	p.Leave()
	near(t, p, nil)
	shootIs(t, p, 0, 3)
}

// Whoever asks for shots alone is not stopped by marks.
func TestPlayerWithoutPresence(t *testing.T) {
	p := play(t, waves(t))
	shootIs(t, p, 0, 1)
	shootIs(t, p, 0, 4)
	if _, err := p.Shoot(t.Context(), 0); !errors.Is(err, hal.ErrEnd) {
		t.Errorf("Shoot at the end: %v", err)
	}
}

func TestPlayerWithoutMarks(t *testing.T) {
	p := play(t, bursts(t, 1))
	near(t, p, nil)
	shootIs(t, p, hal.White, 2)
	p.Leave()
	near(t, p, hal.ErrEnd)
	if p.Skipped() != 4 {
		t.Errorf("skipped %d shots, want 4", p.Skipped())
	}
}

func TestPlayerWaitsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := play(t, waves(t))
		near(t, p, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := p.Wait(ctx, false); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait for a hand that stays: %v", err)
		}
	})
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
	// A device sees the hand go, and then the end of the recording.
	p = play(t, b[:len(b)/2])
	near(t, p, nil)
	p.Leave()
	near(t, p, hal.ErrEnd)
	near(t, p, ErrTruncated)
}
