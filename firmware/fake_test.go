package firmware

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"volar/firmware/capture"
	"volar/firmware/quality"
	"volar/hal"
	"volar/liveness"
	"volar/wire"
)

// planted is what every frame of the bench's camera and every crop of its
// optics holds; after a run it must be nowhere.
var planted = []byte("\xd7planted pattern\x9b")

var benchCalibration = hal.Calibration{
	NIR:     hal.Intrinsics{Width: 96, Height: 72, Fx: 60, Fy: 60, Cx: 47.5, Cy: 35.5},
	RGB:     hal.Intrinsics{Width: 96, Height: 72, Fx: 60, Fy: 60, Cx: 47.5, Cy: 35.5},
	R:       [9]float64{1, 0, 0, 0, 1, 0, 0, 0, 1},
	MaxSkew: 5 * time.Millisecond,
}

// bench is a device of fakes in a bubble of fake time, and notes of all that
// it did.
type bench struct {
	t *testing.T
	presence
	orders chan Order

	mu     sync.Mutex
	log    []string // shots, calls and dials, in order
	cues   []hal.Cue
	traces []Trace
	held   [][]byte // memory that a palm's pixels were in
	kicks  int
	seq    uint32

	shoot  func(n int, l hal.Light) error // spoils shot n, counted over the run
	dial   func(n int) error
	call   func(n int, m wire.Message) (wire.Message, error)
	palm   func(burst int) (*rectified, error) // what the optics make of a burst
	live   func(burst int) bool
	hand   func() wire.Hand // that guiding sees
	blind  bool             // guiding sees a palm of which half is out of view
	before int              // good waves before the one that a test is about
	dials  int
	calls  int
	bursts int

	decisions chan Decision
	cancel    context.CancelFunc
	ended     chan error
}

// newBench is a bench on which all works. Behaviour is changed before start,
// or by functions that were set before.
func newBench(t *testing.T) *bench {
	return &bench{
		t: t, presence: presence{changed: make(chan struct{})}, orders: make(chan Order, 10),
		shoot: func(int, hal.Light) error { return nil },
		dial:  func(int) error { return nil },
		call: func(_ int, m wire.Message) (wire.Message, error) {
			if b, ok := m.(wire.Begin); ok {
				return wire.Challenge{Nonce: wire.Nonce{byte(b.Purpose)}}, nil
			}
			return wire.Answer{Status: wire.Accepted, Person: wire.Person{9}}, nil
		},
		palm:      func(int) (*rectified, error) { return goodPalm(), nil },
		live:      func(int) bool { return true },
		hand:      func() wire.Hand { return wire.Left },
		decisions: make(chan Decision, 100),
		ended:     make(chan error, 1),
	}
}

// start runs the device.
func (b *bench) start(cfg Config) {
	ctx, cancel := context.WithCancel(b.t.Context())
	b.cancel = cancel
	cfg.Dial = func(ctx context.Context) (Vault, error) {
		b.mu.Lock()
		n := b.dials
		b.dials++
		b.mu.Unlock()
		if !sleep(ctx, time.Millisecond) {
			return nil, ctx.Err()
		}
		if err := b.dial(n); err != nil {
			return nil, err
		}
		b.note("dial")
		return &session{bench: b}, nil
	}
	cfg.Decided = func(d Decision) { b.decisions <- d }
	cfg.Trace = func(t Trace) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.traces = append(b.traces, t)
	}
	dev := &hal.Device{
		Board: "bench", Calibration: benchCalibration, Camera: benchCamera{b}, Presence: &b.presence, Face: benchFace{b},
		Identity: nothing{}, Store: nothing{}, Counter: nothing{}, Slots: nothing{}, Watchdog: benchDog{b},
	}
	alive := func(*liveness.Evidence) liveness.Verdict {
		r := liveness.Result{Name: "bench", Ran: true, Min: 1, Max: 1}
		if b.live(b.bursts - 1) {
			r.Value = 1
		}
		return liveness.Verdict{Results: []liveness.Result{r}}
	}
	go func() { b.ended <- run(ctx, dev, cfg, benchEyes{b}, alive) }()
}

// stop ends the run and looks for what it left behind.
func (b *bench) stop() {
	b.t.Helper()
	b.cancel()
	if err := <-b.ended; err != nil {
		b.t.Error(err)
	}
	b.clean()
}

func (b *bench) clean() {
	b.t.Helper()
	for i, h := range b.held {
		if bytes.Contains(h, planted) {
			b.t.Errorf("buffer %d of %d still holds the planted pattern", i, len(b.held))
			return
		}
	}
}

func (b *bench) note(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.log = append(b.log, fmt.Sprintf(format, args...))
}

func (b *bench) hold(pix []byte) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held = append(b.held, pix)
	return pix
}

// wave holds a hand over the device until a decision, and takes it away.
func (b *bench) wave() Decision {
	b.t.Helper()
	b.set(true)
	d := b.decision()
	synctest.Wait()
	time.Sleep(2 * time.Second) // the answer is shown
	b.set(false)
	time.Sleep(10 * time.Millisecond)
	return d
}

func (b *bench) decision() Decision {
	b.t.Helper()
	select {
	case d := <-b.decisions:
		return d
	case err := <-b.ended:
		b.t.Fatalf("the device ended: %v", err)
	case <-time.After(10 * time.Minute):
		b.t.Fatalf("no decision; %d traces, last %+v", len(b.traces), b.traces[max(0, len(b.traces)-3):])
	}
	return Decision{}
}

// states are those that the device went through.
func (b *bench) states() (all []string) {
	for _, t := range b.kind(KindState) {
		all = append(all, t.To)
	}
	return all
}

func (b *bench) kind(k string) (all []Trace) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.traces {
		if t.Kind == k {
			all = append(all, t)
		}
	}
	return all
}

func (b *bench) showed(c hal.Cue) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.cues, c)
}

// presence is a sensor that a test moves a hand over.
type presence struct {
	lock    sync.Mutex
	near    bool
	broken  error
	changed chan struct{}
}

func (p *presence) set(near bool)    { p.change(func() { p.near = near }) }
func (p *presence) breaks(err error) { p.change(func() { p.broken = err }) }

func (p *presence) change(do func()) {
	p.lock.Lock()
	defer p.lock.Unlock()
	do()
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *presence) Wait(ctx context.Context, near bool) error {
	for {
		p.lock.Lock()
		now, err, changed := p.near, p.broken, p.changed
		p.lock.Unlock()
		if err != nil {
			return err
		}
		if now == near {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

type benchCamera struct{ *bench }

func (b benchCamera) Shoot(ctx context.Context, l hal.Light) (hal.Shot, error) {
	n := int(b.seq)
	b.seq++
	b.note("shoot %v", l)
	if !sleep(ctx, 30*time.Millisecond) {
		return hal.Shot{}, ctx.Err()
	}
	frame := func(band hal.Band, format hal.Format) hal.Frame {
		f := hal.Frame{Band: band, Format: format, Width: 96, Height: 72, Stride: 96 * format.BytesPerPixel(),
			Seq: b.seq, At: time.Duration(b.seq) * 30 * time.Millisecond, Exposure: 4 * time.Millisecond}
		f.Pix = b.hold(make([]byte, f.Stride*f.Height))
		if l != 0 {
			for i := range f.Pix {
				f.Pix[i] = byte(i % 2) // 256 of 1023, or next to nothing of 255
			}
		}
		copy(f.Pix, planted)
		copy(f.Pix[len(f.Pix)-len(planted):], planted)
		return f
	}
	s := hal.Shot{RGB: frame(hal.RGB, hal.RGB24), NIR: frame(hal.NIR, hal.Y10), Light: l}
	return s, b.shoot(n, l)
}

type benchFace struct{ *bench }

func (b benchFace) Show(c hal.Cue) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cues = append(b.cues, c)
	return nil
}

type benchDog struct{ *bench }

func (b benchDog) Kick() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kicks++
	return nil
}

// nothing is the parts of a board that a wave does not use.
type nothing struct{}

func (nothing) Public() (k [32]byte)                        { return k }
func (nothing) ECDH([32]byte) (k [32]byte, err error)       { return k, hal.ErrNotFound }
func (nothing) Get(string) ([]byte, error)                  { return nil, hal.ErrNotFound }
func (nothing) Put(string, []byte) error                    { return nil }
func (nothing) Delete(string) error                         { return nil }
func (nothing) Value() (uint64, error)                      { return 0, nil }
func (nothing) RaiseTo(uint64) error                        { return nil }
func (nothing) Running() string                             { return "" }
func (nothing) WriteOther(context.Context, io.Reader) error { return nil }
func (nothing) TryOther() error                             { return nil }
func (nothing) Confirm() error                              { return nil }

// session is the bench's vault.
type session struct {
	*bench
	closed bool
}

func (s *session) Call(ctx context.Context, m wire.Message) (wire.Message, error) {
	s.mu.Lock()
	n := s.calls
	s.calls++
	s.mu.Unlock()
	switch m := m.(type) {
	case wire.Begin:
		s.note("begin %v", m.Purpose)
	case wire.Sample:
		s.note("sample %v", m.Hand)
		for _, v := range m.Views {
			s.hold(v.Pix)
		}
	}
	if s.closed {
		return nil, errors.New("session is closed")
	}
	if !sleep(ctx, 20*time.Millisecond) {
		return nil, ctx.Err()
	}
	return s.call(n, m)
}

func (s *session) Close() error {
	s.closed = true
	s.note("close")
	return nil
}

func (b *bench) Next(ctx context.Context) (Order, error) {
	select {
	case o := <-b.orders:
		return o, nil
	case <-ctx.Done():
		return Order{}, ctx.Err()
	}
}

type benchEyes struct{ *bench }

func (b benchEyes) locate(lit, dark *hal.Frame) (quality.Palm, wire.Hand, error) {
	b.hold(lit.Pix)
	b.hold(dark.Pix)
	p := goodPalm()
	if b.blind {
		p.place.Inside = 0.5
	}
	return p.place, b.hand(), nil
}

func (b benchEyes) rectify(burst *capture.Burst) (*rectified, error) {
	for _, s := range []*hal.Shot{&burst.Dark, &burst.White, &burst.NIR850, &burst.NIR940} {
		b.hold(s.RGB.Pix)
		b.hold(s.NIR.Pix)
	}
	n := b.bursts
	b.bursts++
	p, err := b.palm(n)
	if p != nil {
		for _, c := range [][]byte{p.rgb, p.nir850} {
			copy(c, planted)
			b.hold(c)
		}
	}
	return p, err
}

// goodPalm is one that package quality has nothing against: texture at 70 mm.
func goodPalm() *rectified {
	p := &rectified{
		proof: wire.NewProof(),
		hand:  wire.Left, distance: 70,
		place: quality.Palm{
			Centre: quality.Point{X: 47.5, Y: 35.5}, Side: 60 * 55 / 70., Inside: 1, Spread: 0.2, Sure: 1,
			ToImage: [9]float64{0.3, 0, 28, 0, 0.3, 16, 0, 0, 1},
		},
		rgb: make([]byte, 3*wire.Side*wire.Side), nir850: make([]byte, wire.Side*wire.Side),
		rgbMask: bytes.Repeat([]byte{0xff}, wire.MaskBytes), nirMask: bytes.Repeat([]byte{0xff}, wire.MaskBytes),
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range p.nir850 {
		v := byte(80 + rng.IntN(80))
		p.nir850[i] = v
		p.rgb[3*i], p.rgb[3*i+1], p.rgb[3*i+2] = v, v, v
	}
	return p
}
