package vision

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"volar/hal"
	"volar/wire"
)

// off is the largest distance of the valleys found from the true ones.
func off(found, truth [3]Point) float64 {
	worst := 0.0
	for i := range found {
		worst = max(worst, found[i].sub(truth[i]).norm())
	}
	return worst
}

func TestLocate(t *testing.T) {
	for name, change := range map[string]func(*scene){
		"middle":       func(*scene) {},
		"near":         func(s *scene) { s.at[2] = 62 },
		"far":          func(s *scene) { s.at[2] = 120 },
		"right hand":   func(s *scene) { s.hand = wire.Right },
		"small hand":   func(s *scene) { s.size = 0.75 },
		"aside":        func(s *scene) { s.at[0] = 18 },
		"tilted":       func(s *scene) { s.tilt = vec{12, -10} },
		"cupped":       func(s *scene) { s.cup = 5 },
		"moving":       func(s *scene) { s.velocity = vec{80, -40, 20} },
		"noisy":        func(s *scene) { s.noise = 25 },
		"fingers left": func(s *scene) { s.turn, s.at = -90, vec{0, 0, 85} },
		"no thumb":     func(s *scene) { s.thumbOff = true },
		"narrow gaps":  func(s *scene) { s.slot, s.glow = 0.3, 0.03 },
		"touching":     func(s *scene) { s.touch = true },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(3)
			change(s)
			dark, lit := s.shoot(0, 0), s.shoot(hal.NIR850, 66*time.Millisecond)
			p, err := Locate(&lit.NIR, &dark.NIR)
			if err != nil {
				t.Fatal(err)
			}
			if p.Hand != s.hand {
				t.Errorf("%v hand, is a %v one", p.Hand, s.hand)
			}
			limit := 1.5
			if s.slot < 1 {
				limit = 5 // a root narrower than a pixel or two is not seen
			}
			if e := off(p.Valleys, s.valleys(66*time.Millisecond)); e > limit {
				t.Errorf("valleys are up to %.1f px off", e)
			}
			if p.Inside < 0.9 || p.Spread <= 0.01 || p.Coverage < 0.2 || p.Coverage > 0.9 {
				t.Errorf("inside %.2f, spread %.2f, coverage %.2f", p.Inside, p.Spread, p.Coverage)
			}
		})
	}
}

func TestLocateAtEveryAngle(t *testing.T) {
	for turn := 0.0; turn < 360; turn += 30 {
		for _, hand := range []wire.Hand{wire.Left, wire.Right} {
			s := newScene(4)
			s.turn, s.hand = turn, hand
			rad := turn * math.Pi / 180
			s.at = vec{-12 * -math.Sin(rad), -12 * math.Cos(rad), 105}
			dark, lit := s.shoot(0, 0), s.shoot(hal.NIR850, 0)
			p, err := Locate(&lit.NIR, &dark.NIR)
			if err != nil {
				t.Errorf("%v hand turned %.0f: %v", hand, turn, err)
				continue
			}
			if p.Hand != hand {
				t.Errorf("%v hand turned %.0f was taken for a %v one", hand, turn, p.Hand)
			}
			if e := off(p.Valleys, s.valleys(0)); e > 1.5 {
				t.Errorf("%v hand turned %.0f: valleys are up to %.1f px off", hand, turn, e)
			}
		}
	}
}

func TestLocateRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*scene)
		want   error
	}{
		"fingers closed": {func(s *scene) { s.closed = true }, ErrFingersClosed},
		"no hand":        {func(s *scene) { s.at[0] = 2000 }, ErrNoHand},
		"too far":        {func(s *scene) { s.at[2] = 700 }, ErrNoHand},
		"too near":       {func(s *scene) { s.at[2] = 34 }, ErrCutOff},
		"half in view":   {func(s *scene) { s.at[0], s.at[2] = 62, 70 }, ErrCutOff},
		"low":            {func(s *scene) { s.at[1] = 22; s.at[2] = 70 }, ErrCutOff},
	} {
		s := newScene(5)
		c.change(s)
		dark, lit := s.shoot(0, 0), s.shoot(hal.NIR850, 0)
		if p, err := Locate(&lit.NIR, &dark.NIR); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v; want %v", name, p, err, c.want)
		}
	}
}

// TestLocateReadsEveryLayout: rows may be padded, and samples may be bytes.
func TestLocateReadsEveryLayout(t *testing.T) {
	s := newScene(6)
	dark, lit := s.shoot(0, 0), s.shoot(hal.NIR850, 0)
	want, err := Locate(&lit.NIR, &dark.NIR)
	if err != nil {
		t.Fatal(err)
	}
	padded := func(f hal.Frame) *hal.Frame {
		g := f
		g.Stride += 22
		g.Pix = make([]byte, g.Stride*g.Height)
		for y := range f.Height {
			copy(g.Pix[y*g.Stride:], f.Pix[y*f.Stride:(y+1)*f.Stride])
		}
		return &g
	}
	narrow := func(f hal.Frame) *hal.Frame {
		g := f
		g.Format, g.Stride = hal.Y8, f.Width
		g.Pix = make([]byte, f.Width*f.Height)
		for i := range g.Pix {
			g.Pix[i] = byte((int(f.Pix[2*i]) | int(f.Pix[2*i+1])<<8) >> 2)
		}
		return &g
	}
	for name, pack := range map[string]func(hal.Frame) *hal.Frame{"padded": padded, "y8": narrow} {
		got, err := Locate(pack(lit.NIR), pack(dark.NIR))
		if err != nil {
			t.Fatal(name, err)
		}
		if e := off(got.Valleys, want.Valleys); e > 0.3 {
			t.Errorf("%s: valleys moved by %.2f px", name, e)
		}
	}
}

func TestLocateRefusesFrames(t *testing.T) {
	good := hal.Frame{Band: hal.NIR, Format: hal.Y8, Width: 100, Height: 80, Stride: 100, Pix: make([]byte, 8000)}
	for name, change := range map[string]func(*hal.Frame){
		"short":       func(f *hal.Frame) { f.Pix = f.Pix[1:] },
		"colour":      func(f *hal.Frame) { f.Band, f.Format = hal.RGB, hal.RGB24 },
		"no format":   func(f *hal.Frame) { f.Format = 0 },
		"other size":  func(f *hal.Frame) { f.Width, f.Height = 80, 100; f.Stride = 80 },
		"no rows":     func(f *hal.Frame) { f.Height, f.Pix = 0, nil },
		"other depth": func(f *hal.Frame) { f.Format, f.Stride = hal.Y10, 200; f.Pix = make([]byte, 16000) },
	} {
		bad := good
		change(&bad)
		if _, err := Locate(&bad, &good); !errors.Is(err, ErrFrame) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Locate(&good, &bad); !errors.Is(err, ErrFrame) {
			t.Errorf("%s as dark: %v", name, err)
		}
	}
	if _, err := Locate(nil, &good); !errors.Is(err, ErrFrame) {
		t.Errorf("nil: %v", err)
	}
	tiny := hal.Frame{Band: hal.NIR, Format: hal.Y8, Width: 20, Height: 20, Stride: 20, Pix: make([]byte, 400)}
	if _, err := Locate(&tiny, &tiny); !errors.Is(err, ErrFrame) {
		t.Errorf("tiny: %v", err)
	}
}

// TestStrangePictures looks at what is no hand, in awkward sizes.
func TestStrangePictures(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, size := range [][2]int{{64, 64}, {65, 67}, {640, 480}, {1201, 64}, {64, 1301}, {4096, 100}} {
		for name, paint := range map[string]func(x, y int) byte{
			"black":  func(int, int) byte { return 0 },
			"white":  func(int, int) byte { return 255 },
			"noise":  func(int, int) byte { return byte(r.Uint32()) },
			"specks": func(int, int) byte { return byte(max(0, int(r.Uint32()%4000)-3745)) },
			"comb":   func(x, y int) byte { return byte(255 * (x / 9 % 2)) },
			"chess":  func(x, y int) byte { return byte(255 * ((x/16 + y/16) % 2)) },
			"ramp":   func(x, y int) byte { return byte(x + y) },
			"rings":  func(x, y int) byte { return byte(255 * (int(math.Hypot(float64(x), float64(y))) / 12 % 2)) },
		} {
			pix := make([]byte, size[0]*size[1])
			for i := range pix {
				pix[i] = paint(i%size[0], i/size[0])
			}
			if p, _, err := Still(pix, size[0], size[1], 1); err == nil {
				t.Errorf("%s %v: found a hand: %+v", name, size, p)
			}
		}
	}
}
