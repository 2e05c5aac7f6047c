package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"sync"
	"testing"
	"time"

	"volar/hal"
	"volar/hal/haltest"
)

// stage sees a grey wall; a hand comes and goes as a test says.
type stage struct {
	mu      sync.Mutex
	seq     uint32
	near    bool
	changed chan struct{}
	fail    error
}

func newStage() *stage { return &stage{changed: make(chan struct{})} }

func (s *stage) Shoot(ctx context.Context, l hal.Light) (hal.Shot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(l.Check(), s.fail, ctx.Err()); err != nil {
		return hal.Shot{}, err
	}
	s.seq++
	frame := func(b hal.Band, f hal.Format) hal.Frame {
		stride := 8*f.BytesPerPixel() + 2
		return hal.Frame{Band: b, Format: f, Width: 8, Height: 6, Stride: stride, Pix: bytes.Repeat([]byte{byte(s.seq) | 64}, stride*6),
			Seq: s.seq, At: time.Duration(s.seq) * time.Millisecond, Exposure: time.Millisecond}
	}
	return hal.Shot{RGB: frame(hal.RGB, hal.RGB24), NIR: frame(hal.NIR, hal.Y10), Light: l}, nil
}

func (s *stage) hand(near bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.near = near
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *stage) Wait(ctx context.Context, near bool) error {
	for {
		s.mu.Lock()
		is, changed := s.near, s.changed
		s.mu.Unlock()
		if is == near {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func calibration() hal.Calibration {
	in := hal.Intrinsics{Width: 8, Height: 6, Fx: 9, Fy: 9, Cx: 4, Cy: 3}
	return hal.Calibration{NIR: in, RGB: in, R: [9]float64{1, 0, 0, 0, 1, 0, 0, 0, 1}, T: [3]float64{-25}, MaxSkew: time.Millisecond}
}

// joined is a device's end of a connection to a stage.
func joined(t *testing.T, s Stage) (*Client, func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { Serve(ctx, conn, s) })
		}
	})
	c, cal, err := Dial(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(cal, s.Calibration) {
		t.Errorf("calibration %+v", cal)
	}
	hangUp := func() { cancel(); l.Close(); conns.Wait() }
	t.Cleanup(func() { c.Close(); hangUp() })
	return c, hangUp
}

func TestClientIsACamera(t *testing.T) {
	haltest.Camera(t, func(t *testing.T) (hal.Camera, *hal.Calibration) {
		s := newStage()
		cal := calibration()
		c, _ := joined(t, Stage{Calibration: cal, Camera: s, Presence: s})
		return c, &cal
	})
}

// A shot is taken while the device waits for the hand to go, and a wait that
// is given up ends on the other side too.
func TestRequestsDoNotWaitForEachOther(t *testing.T) {
	s := newStage()
	c, _ := joined(t, Stage{Calibration: calibration(), Camera: s, Presence: s})
	s.hand(true)
	if err := c.Wait(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() { gone <- c.Wait(t.Context(), false) }()
	for range 5 {
		if _, err := c.Shoot(t.Context(), hal.White); err != nil {
			t.Fatal(err)
		}
	}
	s.hand(false)
	if err := <-gone; err != nil {
		t.Fatal(err)
	}
	for range 3 * maxOpen { // more than may be under way: each must have ended
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if err := c.Wait(ctx, true); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Wait = %v", err)
		}
		cancel()
	}
	if _, err := c.Shoot(t.Context(), hal.White); err != nil {
		t.Fatal(err)
	}
}

func TestOrdersAndOutcomes(t *testing.T) {
	s := newStage()
	told := make(chan string, 4)
	person := [16]byte{1, 2, 3}
	c, _ := joined(t, Stage{Calibration: calibration(), Camera: s, Presence: s,
		Next:    func(context.Context) (Order, error) { return Order{"verify", person}, nil },
		Decided: func(o Outcome) { told <- fmt.Sprint(o) },
		Cue:     func(c hal.Cue) { told <- c.String() },
	})
	if o, err := c.Next(t.Context()); err != nil || o != (Order{"verify", person}) {
		t.Errorf("Next = %v, %v", o, err)
	}
	out := Outcome{"accepted", person, 2, time.Second}
	if err := errors.Join(c.Decided(out), c.Show(hal.CueCloser)); err != nil {
		t.Fatal(err)
	}
	if a, b := <-told, <-told; a != fmt.Sprint(out) || b != "closer" {
		t.Errorf("told %s and %s", a, b)
	}
	if err := c.Show(255); err == nil {
		t.Error("a cue that does not exist")
	}
}

// Errors keep their meaning on the way.
func TestErrorsKeepTheirMeaning(t *testing.T) {
	for _, want := range []error{hal.ErrSkew, hal.ErrStalled, hal.ErrUnplugged, hal.ErrEnd} {
		s := newStage()
		s.fail = fmt.Errorf("sim: %w", want)
		c, _ := joined(t, Stage{Calibration: calibration(), Camera: s, Presence: s})
		if _, err := c.Shoot(t.Context(), 0); !errors.Is(err, want) {
			t.Errorf("Shoot = %v, want %v", err, want)
		}
	}
}

// A connection that breaks ends what is under way, and is made anew.
func TestConnectionBreaks(t *testing.T) {
	s := newStage()
	c, hangUp := joined(t, Stage{Calibration: calibration(), Camera: s, Presence: s})
	waits := make(chan error, 1)
	go func() { waits <- c.Wait(t.Context(), true) }()
	if _, err := c.Shoot(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	c.line.conn.Close()
	c.mu.Unlock()
	if err := <-waits; !errors.Is(err, hal.ErrUnplugged) {
		t.Errorf("Wait = %v", err)
	}
	if _, err := c.Shoot(t.Context(), 0); err != nil {
		t.Errorf("after it was made anew: %v", err)
	}
	hangUp()
	for range 2 { // the first may still find the broken line
		if _, err := c.Shoot(t.Context(), 0); !errors.Is(err, hal.ErrUnplugged) {
			t.Errorf("Shoot = %v", err)
		}
	}
	if _, _, err := Dial("127.0.0.1:1"); !errors.Is(err, hal.ErrUnplugged) {
		t.Errorf("Dial = %v", err)
	}
}

func FuzzMessages(f *testing.F) {
	s := newStage()
	shot, _ := s.Shoot(context.Background(), hal.White)
	f.Add(encodeShot(&shot))
	f.Add((&Order{Purpose: "enrol"}).encode())
	f.Add((&Outcome{Text: "refused"}).encode())
	f.Add(encodeError(hal.ErrSkew))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := decodeShot(b); err == nil && !bytes.Equal(encodeShot(&s), b) {
			t.Error("a shot has two forms")
		}
		if o, err := decodeOrder(b); err == nil && !bytes.Equal(o.encode(), b) {
			t.Error("an order has two forms")
		}
		if o, err := decodeOutcome(b); err == nil && !bytes.Equal(o.encode(), b) {
			t.Error("an outcome has two forms")
		}
		_ = decodeError(b)
		if m, err := readMessage(bytes.NewReader(b)); err == nil {
			var again bytes.Buffer
			if m.write(&again); !bytes.Equal(again.Bytes(), b[:again.Len()]) {
				t.Error("a message has two forms")
			}
		}
	})
}
