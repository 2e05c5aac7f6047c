package tape

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"volar/hal"
)

var synthetic = Meta{Board: "sim", Unit: "unit-1", Firmware: "0.1", Synthetic: true}

func calibration() *hal.Calibration {
	cam := hal.Intrinsics{Width: 8, Height: 6, Fx: 4, Fy: 4, Cx: 4, Cy: 3}
	return &hal.Calibration{NIR: cam, RGB: cam, R: [9]float64{1, 0, 0, 0, 1, 0, 0, 0, 1}, T: [3]float64{25, 0, 0}, MaxSkew: 5 * time.Millisecond}
}

// shot is the n-th of a tape, with noise for pixels and padding in its rows.
func shot(n int, l hal.Light) *hal.Shot {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	frame := func(band hal.Band, format hal.Format, stride int, late time.Duration) hal.Frame {
		pix := make([]byte, 6*stride)
		for i := range pix {
			pix[i] = byte(rng.Uint32()) & 3
		}
		return hal.Frame{Band: band, Format: format, Width: 8, Height: 6, Stride: stride, Pix: pix,
			Seq: uint32(n + 1), At: time.Duration(n+1)*33*time.Millisecond + late, Exposure: 4 * time.Millisecond}
	}
	format, stride := hal.Y10, 20
	if n%2 == 1 {
		format, stride = hal.Y8, 8
	}
	return &hal.Shot{RGB: frame(hal.RGB, hal.RGB24, 24, 0), NIR: frame(hal.NIR, format, stride, 2*time.Millisecond), Light: l}
}

func still() *Still {
	return &Still{
		Label: Label{Palm: "0001", Person: "001", Hand: "l", Session: "1", Capture: "2", Band: "850", Kind: "roi"},
		Frame: hal.Frame{Band: hal.NIR, Format: hal.Y8, Width: 5, Height: 5, Stride: 5, Pix: make([]byte, 25), Seq: 9},
	}
}

// items is one of everything.
func items() []Item {
	return []Item{
		{Event: &Event{At: time.Millisecond, Name: EventNear, Fields: map[string]string{"id": "1", "kind": "genuine"}}},
		{Shot: shot(0, 0)}, {Shot: shot(1, hal.NIR850)}, {Shot: shot(2, hal.White)}, {Shot: shot(3, hal.NIR850|hal.NIR940)},
		{Decision: &Decision{At: time.Second, Wave: 1, Purpose: "identify", Status: "accepted", Person: "00ff"}},
		{Event: &Event{At: 2 * time.Second, Name: EventGone}},
		{Still: still()},
	}
}

func write(t testing.TB, list []Item) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := Create(&b, synthetic, calibration())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		if err := add(w, i); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func add(w *Writer, i Item) error {
	switch {
	case i.Shot != nil:
		return w.Shot(i.Shot)
	case i.Event != nil:
		return w.Event(*i.Event)
	case i.Decision != nil:
		return w.Decision(*i.Decision)
	}
	return w.Still(i.Still)
}

// readAll returns what was read before the error, which is never nil.
func readAll(b []byte) (list []Item, err error) {
	r, err := Open(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	for {
		i, err := r.Next()
		if err != nil {
			return list, err
		}
		list = append(list, i)
	}
}

func TestRoundTrip(t *testing.T) {
	b := write(t, items())
	r, err := Open(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if r.Meta() != synthetic {
		t.Errorf("Meta = %+v", r.Meta())
	}
	if !reflect.DeepEqual(r.Calibration(), calibration()) {
		t.Errorf("Calibration = %+v", r.Calibration())
	}
	for i, want := range items() {
		got, err := r.Next()
		if err != nil {
			t.Fatalf("item %d: %v", i, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("item %d differs: %+v", i, got)
		}
	}
	for range 2 {
		if _, err := r.Next(); err != io.EOF {
			t.Errorf("Next after the last item: %v", err)
		}
	}
}

func TestEqualInputHasEqualBytes(t *testing.T) {
	if !bytes.Equal(write(t, items()), write(t, items())) {
		t.Error("two tapes of the same input differ")
	}
}

// A tape cut anywhere gives what was whole before the cut, then ErrTruncated.
func TestTruncatedAnywhere(t *testing.T) {
	b, want := write(t, items()), items()
	most := 0
	for n := range len(b) {
		got, err := readAll(b[:n])
		if !errors.Is(err, ErrTruncated) {
			t.Fatalf("cut at byte %d of %d: %v, want ErrTruncated", n, len(b), err)
		}
		if len(got) < most {
			t.Fatalf("cut at byte %d: %d items, but an earlier cut gave %d", n, len(got), most)
		}
		most = len(got)
		if most > 0 && !reflect.DeepEqual(got[most-1], want[most-1]) {
			t.Fatalf("cut at byte %d: item %d differs", n, most-1)
		}
	}
	if most != len(want) {
		t.Errorf("a cut in the index hides %d items", len(want)-most)
	}
	t.Logf("%d cuts", len(b))
}

// A tape whose writer never reached Close, as after a power cut.
func TestNotClosed(t *testing.T) {
	var b bytes.Buffer
	w, err := Create(&b, synthetic, calibration())
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if err := w.Shot(shot(n, 0)); err != nil {
			t.Fatal(err)
		}
		got, err := readAll(b.Bytes())
		if !errors.Is(err, ErrTruncated) || len(got) != n+1 {
			t.Errorf("after %d shots: %d read, %v", n+1, len(got), err)
		}
	}
}

// One wrong byte never makes an item that was not written, and is noticed at
// the end of the data at the latest.
func TestDamagedAnywhere(t *testing.T) {
	b, want := write(t, items()), items()
	unseen := 0
	for n := range b {
		b[n] ^= 0x40
		got, err := readAll(b)
		b[n] ^= 0x40
		for _, g := range got {
			if !slices.ContainsFunc(want, func(w Item) bool { return reflect.DeepEqual(g, w) }) {
				t.Fatalf("byte %d of %d changed, and an item with it", n, len(b))
			}
		}
		if err == io.EOF {
			unseen++
			if len(got) != len(want) {
				t.Fatalf("byte %d of %d changed: %d items lost unnoticed", n, len(b), len(want)-len(got))
			}
		}
	}
	t.Logf("%d of %d bytes, all of them in the index, matter to no reader from the beginning", unseen, len(b))
}

func TestWriterRefuses(t *testing.T) {
	if _, err := Create(io.Discard, Meta{Board: "sim"}, nil); err == nil {
		t.Error("a tape of real people needs no consent")
	}
	if _, err := Create(io.Discard, Meta{Synthetic: true}, nil); err == nil {
		t.Error("a tape needs no board")
	}
	if _, err := Create(io.Discard, Meta{Board: "sim\n", Synthetic: true}, nil); err == nil {
		t.Error("a board's name may break a line")
	}
	if _, err := Create(io.Discard, synthetic, &hal.Calibration{}); err == nil {
		t.Error("an empty calibration is fine")
	}
	w, err := Create(io.Discard, synthetic, calibration())
	if err != nil {
		t.Fatal(err)
	}
	half := shot(0, 0)
	half.NIR = hal.Frame{}
	if err := w.Shot(half); !errors.Is(err, hal.ErrHalf) {
		t.Errorf("half a shot: %v", err)
	}
	early := shot(0, 0)
	early.RGB.At = -1
	if err := w.Shot(early); err == nil {
		t.Error("a shot from before boot")
	}
	if err := w.Event(Event{}); err == nil {
		t.Error("an event without a name")
	}
	if err := w.Event(Event{Name: "x", Fields: map[string]string{"a": string(make([]byte, MaxText+1))}}); err == nil {
		t.Error("an event of any length")
	}
	if err := w.Decision(Decision{Status: "\xff"}); err == nil {
		t.Error("a decision that is not text")
	}
	s := still()
	s.Label.Kind = "foot"
	if err := w.Still(s); err == nil {
		t.Error("a still of a foot")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Event(Event{Name: "late"}); err == nil {
		t.Error("a closed tape takes events")
	}
	if err := w.Close(); err == nil {
		t.Error("a closed tape is closed again")
	}
}

// failing writes n bytes, then no more.
type failing struct{ n int }

var errFull = errors.New("no space left")

func (f *failing) Write(b []byte) (int, error) {
	if f.n < len(b) {
		n := max(f.n, 0)
		f.n = 0
		return n, errFull
	}
	f.n -= len(b)
	return len(b), nil
}

// Shots and events that are written at the same time stay whole.
func TestWrittenAtTheSameTime(t *testing.T) {
	var b bytes.Buffer
	w, err := Create(&b, synthetic, calibration())
	if err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for n := range 4 {
		writers.Go(func() {
			for range 5 {
				if err := errors.Join(w.Shot(shot(n, 0)), w.Event(Event{Name: "x"}), w.Still(still())); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if list, err := readAll(b.Bytes()); err != io.EOF || len(list) != 60 {
		t.Errorf("%d items, %v; want 60", len(list), err)
	}
}

// A full disk is an error at once, and stays one.
func TestDiskFull(t *testing.T) {
	size := len(write(t, items()))
	for n := 0; n < size; n += 7 {
		w, err := Create(&failing{n}, synthetic, calibration())
		if err == nil {
			for _, i := range items() {
				err = errors.Join(err, add(w, i))
			}
			closed := w.Close()
			if err != nil && closed == nil {
				t.Fatalf("disk of %d bytes: writing failed, closing did not", n)
			}
			err = errors.Join(err, closed)
		}
		if !errors.Is(err, errFull) {
			t.Fatalf("disk of %d bytes of %d: %v", n, size, err)
		}
	}
}
