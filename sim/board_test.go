package sim

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"volar/boards"
	"volar/hal"
	"volar/hal/haltest"
)

// tiny is the simulated board with cameras of few pixels.
func tiny(t testing.TB) *boards.Board {
	t.Helper()
	b, err := boards.Load(os.DirFS("../boards"), "sim")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*hal.Intrinsics{&b.Calibration.RGB, &b.Calibration.NIR} {
		c.Width, c.Height = 8, 6
	}
	return b
}

// pattern is a scene whose pixels tell the light and the sequence number.
type pattern struct{ *black }

func newPattern(b *boards.Board) pattern { return pattern{newBlack(b)} }

func (p pattern) Shoot(l hal.Light, at time.Duration, seq uint32) hal.Shot {
	s := p.black.Shoot(l, at, seq)
	s.NIR.At += 2 * time.Millisecond
	for _, pix := range [][]byte{s.RGB.Pix, s.NIR.Pix} {
		binary.LittleEndian.PutUint32(pix, seq)
		pix[4] = byte(l)
	}
	return s
}

func open(t *testing.T, opt Options) *Board {
	t.Helper()
	if opt.Board == nil {
		opt.Board = tiny(t)
	}
	if opt.Speed == 0 {
		opt.Speed = math.Inf(1)
	}
	b, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBoardIsABoard(t *testing.T) {
	for _, c := range []struct {
		name string
		dir  func(t *testing.T) string
	}{
		{"memory", func(*testing.T) string { return "" }},
		{"folder", func(t *testing.T) string { return t.TempDir() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			haltest.Run(t, func(t *testing.T) haltest.Bench {
				b := open(t, Options{Dir: c.dir(t)})
				return haltest.Bench{
					Device: b.Device(),
					Hand: func(near bool) {
						if near {
							b.Present(newPattern(b.opt.Board))
						} else {
							b.Clear()
						}
					},
					Reboot: func(t *testing.T) *hal.Device {
						var err error
						if b, err = b.Reboot(); err != nil {
							t.Fatal(err)
						}
						return b.Device()
					},
					MayWriteSlots: true,
				}
			})
		})
	}
}

// A unit's state is its folder: another process finds it there.
func TestFolderIsTheUnit(t *testing.T) {
	dir := t.TempDir()
	first := open(t, Options{Dir: dir})
	if err := first.Device().Store.Put("a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	second := open(t, Options{Dir: dir})
	if first.Device().Identity.Public() != second.Device().Identity.Public() {
		t.Error("the identity is not in the folder")
	}
	if v, err := second.Device().Store.Get("a"); err != nil || string(v) != "1" {
		t.Errorf("the store is not in the folder: %q, %v", v, err)
	}
	third := open(t, Options{Dir: t.TempDir()})
	if first.Device().Identity.Public() == third.Device().Identity.Public() {
		t.Error("two units have one key")
	}
	info, err := os.Stat(dir + "/unit/identity")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v; want mode 0600", info, err)
	}
}

func TestPace(t *testing.T) {
	for _, c := range []struct {
		speed float64
		want  time.Duration // for 31 shots: 30 frame times
	}{{1, time.Second}, {4, time.Second / 4}, {math.Inf(1), 0}} {
		synctest.Test(t, func(t *testing.T) {
			b := open(t, Options{Speed: c.speed})
			began := time.Now()
			for range 31 {
				if _, err := b.Device().Camera.Shoot(t.Context(), 0); err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(began); (took - c.want).Abs() > time.Millisecond {
				t.Errorf("at speed %g, 31 shots take %v, want %v", c.speed, took, c.want)
			}
		})
	}
}

// What the shots show does not depend on how fast they are taken.
func TestTimeIsOfTheBoard(t *testing.T) {
	for _, speed := range []float64{1, 3, math.Inf(1)} {
		synctest.Test(t, func(t *testing.T) {
			b := open(t, Options{Speed: speed})
			var last hal.Shot
			for range 10 {
				last, _ = b.Device().Camera.Shoot(t.Context(), 0)
				time.Sleep(time.Duration(speed) * time.Millisecond)
			}
			if want := time.Second + 9*b.interval; last.RGB.At != want || last.RGB.Seq != 10 {
				t.Errorf("at speed %g, shot %d at %v, want 10 at %v", speed, last.RGB.Seq, last.RGB.At, want)
			}
		})
	}
}

func TestShootHonoursItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, Options{Speed: 1e-3})
		cam := b.Device().Camera
		if _, err := cam.Shoot(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := cam.Shoot(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shoot = %v", err)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	b := tiny(t)
	for name, opt := range map[string]Options{
		"no board":   {},
		"backwards":  {Board: b, Speed: -1},
		"no speed":   {Board: b, Speed: math.NaN()},
		"no fault":   {Board: b, Faults: []Fault{{Call: 1}}},
		"odd fault":  {Board: b, Faults: []Fault{{Kind: faultCount, Call: 1}}},
		"call zero":  {Board: b, Faults: []Fault{{Kind: Stall}}},
		"for less":   {Board: b, Faults: []Fault{{Kind: Stall, Call: 1, For: -1}}},
		"dir a file": {Board: b, Dir: os.Args[0]},
	} {
		if _, err := New(opt); err == nil {
			t.Errorf("%s: New took it", name)
		}
	}
}

func TestFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for k := Stall; k < faultCount; k++ {
			b := open(t, Options{Speed: 1, Faults: []Fault{{Kind: k, Call: 2, For: 1}}})
			shoot := func() (hal.Shot, error) { return b.Device().Camera.Shoot(t.Context(), hal.NIR850) }
			before, err := shoot()
			if err != nil {
				t.Fatal(err)
			}
			s, err := shoot()
			if !faultShows(k, b, before, s, err) {
				t.Errorf("%v does not show: %v, %v", k, s.Light, err)
			}
			if s, err = shoot(); err != nil || s.Check() != nil || s.Light != hal.NIR850 || s.RGB.Seq <= 2 {
				t.Errorf("after %v: %v, %v", k, err, s.Check())
			}
			if parsed, err := ParseFault(k.String()); err != nil || parsed != k {
				t.Errorf("ParseFault(%q) = %v, %v", k, parsed, err)
			}
		}
	})
	if _, err := ParseFault("none"); err == nil {
		t.Error("no fault is a fault")
	}
}

func faultShows(k FaultKind, b *Board, before, s hal.Shot, err error) bool {
	switch k {
	case Stall:
		return errors.Is(err, hal.ErrStalled) && b.Now() > before.RGB.At+time.Duration(b.opt.Board.Limits.Timeout)
	case Unplug:
		return errors.Is(err, hal.ErrUnplugged)
	case LostBand:
		return errors.Is(err, hal.ErrHalf)
	case Half:
		return err == nil && errors.Is(s.Check(), hal.ErrHalf)
	case Skew:
		return err == nil && s.Check() == nil && s.Skew() > b.opt.Board.Calibration.MaxSkew
	case WrongSize:
		return err == nil && s.Check() == nil && s.NIR.Height != b.opt.Board.Calibration.NIR.Height
	case WrongLight:
		return err == nil && s.Light != hal.NIR850
	case Frozen:
		return err == nil && s.RGB.Seq <= before.RGB.Seq && s.RGB.At <= before.RGB.At
	}
	return false
}

func TestFaultForGood(t *testing.T) {
	b := open(t, Options{Faults: []Fault{{Kind: Unplug, Call: 3}}})
	for n := 1; n <= 5; n++ {
		if _, err := b.Device().Camera.Shoot(t.Context(), 0); (err != nil) != (n >= 3) {
			t.Errorf("call %d: %v", n, err)
		}
	}
}

// The face passes cues on to the scene and to whoever watches.
func TestCuesAreSeen(t *testing.T) {
	var watched []hal.Cue
	b := open(t, Options{Watch: func(c hal.Cue) { watched = append(watched, c) }})
	g := &guided{pattern: newPattern(b.opt.Board)}
	b.Present(g)
	for _, c := range []hal.Cue{hal.CueHover, hal.CueCloser} {
		if err := b.Device().Face.Show(c); err != nil {
			t.Fatal(err)
		}
	}
	b.Clear()
	if err := b.Device().Face.Show(hal.CueIdle); err != nil {
		t.Fatal(err)
	}
	if len(watched) != 3 || len(g.cues) != 2 || g.cues[1] != hal.CueCloser {
		t.Errorf("watched %v, the scene saw %v", watched, g.cues)
	}
}

type guided struct {
	pattern
	cues []hal.Cue
}

func (g *guided) Cue(c hal.Cue) { g.cues = append(g.cues, c) }
