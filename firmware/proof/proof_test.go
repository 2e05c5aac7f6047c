package proof

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"volar/firmware/capture"
	"volar/hal"
	"volar/wire"
)

const width, height = 200, 180

var at = [4][2]float64{{-20, -15}, {45, -15}, {-20, 15}, {45, 15}}

func calibration() *hal.Calibration {
	return &hal.Calibration{Lamps: [3]hal.Bank{
		{At: at, Card: [3]float64{0.1, 0.2, 0.3}}, {At: at, Card: [3]float64{0.1}}, {At: at, Card: [3]float64{0.05}},
	}}
}

// palm lies in the middle of the NIR frame, and a little to the left of that in the RGB frame.
func palm() *Palm {
	p := &Palm{
		ToNIR: [9]float64{1, 0, 36, 0, 1, 26, 0, 0, 1}, ToRGB: [9]float64{1, 0, 30, 0, 1, 26, 0, 0, 1},
		Mask: bytes.Repeat([]byte{0xff}, wire.MaskBytes), NIR940: make([]byte, wire.Side*wire.Side),
		Corners: [3][3]float64{{-17.5, -30, 80}, {42.5, -30, 80.04}, {-17.5, 30, 79.96}},
	}
	for i := range p.Relief {
		p.Relief[i] = float64(i)/10 - 0.5
	}
	p.Relief[3], p.Relief[4] = math.NaN(), -40
	for i := range p.NIR940 {
		p.NIR940[i] = byte(i % wire.Side)
	}
	return p
}

// scene draws a texture that moves, under each light as bright as given.
type scene struct {
	format  hal.Format
	texture [height + 40][width + 40]float64
	noise   *rand.Rand
}

func newScene(format hal.Format) *scene {
	s := &scene{format: format, noise: rand.New(rand.NewPCG(3, 4))}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		x, y, r, v := rng.Float64()*width, rng.Float64()*height, 2+3*rng.Float64(), 0.1*rng.NormFloat64()
		for i := range s.texture {
			for j := range s.texture[i] {
				d := (square(float64(j)-20-x) + square(float64(i)-20-y)) / (2 * r * r)
				if d < 6 {
					s.texture[i][j] += v * math.Exp(-d)
				}
			}
		}
	}
	return s
}

func square(x float64) float64 { return x * x }

// frame is the texture moved by (dx, dy) at a mean share of full scale.
func (s *scene) frame(band hal.Band, dx, dy int, level float64, at time.Duration) hal.Frame {
	f := hal.Frame{Band: band, Format: hal.RGB24, Width: width, Height: height, Exposure: 2 * time.Millisecond, At: at}
	if band == hal.NIR {
		f.Format = s.format
	}
	bpp := f.Format.BytesPerPixel()
	f.Stride = bpp*width + 4
	f.Pix = make([]byte, f.Stride*height)
	for y := range height {
		for x := range width {
			v := max(0, level*(1+s.texture[y+20-dy][x+20-dx])+0.002*s.noise.NormFloat64())
			switch i := y*f.Stride + x*bpp; f.Format {
			case hal.RGB24:
				for c, k := range [3]float64{1, 0.5, 0.25} {
					f.Pix[i+c] = encode(k * v)
				}
			case hal.Y10:
				binary.LittleEndian.PutUint16(f.Pix[i:], uint16(min(v*1023+16, 1023)))
			default:
				f.Pix[i] = byte(min(v*255+4, 255))
			}
		}
	}
	return f
}

// encode is the curve that linear undoes.
func encode(v float64) byte {
	if v = min(v, 1); v <= 0.0031308 {
		return byte(255*12.92*v + 0.5)
	}
	return byte(255*(1.055*math.Pow(v, 1/2.4)-0.055) + 0.5)
}

// moves are where the palm is in the shots after that at 850 nm.
var moves = [wire.TrackCount][2]int{{2, -1}, {5, 1}, {3, 4}, {8, 3}, {6, -2}}

func (s *scene) burst(levels [8]float64) *capture.Burst {
	b := new(capture.Burst)
	lights := []hal.Light{0, hal.White, hal.NIR850, hal.NIR940,
		hal.White | hal.NIR850 | hal.TopLeft, hal.White | hal.NIR940 | hal.TopRight | hal.Half,
		hal.White | hal.NIR850 | hal.BottomLeft, hal.White | hal.NIR940 | hal.TopLeft | hal.TopRight | hal.BottomLeft}
	for i, shot := range b.Shots() {
		dx, dy := 0, 0
		if i > 2 {
			dx, dy = moves[i-3][0], moves[i-3][1]
		}
		if i == 1 {
			dx, dy = -2, 1
		}
		t := time.Duration(i) * 33 * time.Millisecond
		rgb, nir := levels[i], levels[i]
		if lights[i]&hal.White == 0 {
			rgb = 0.01
		}
		if lights[i]&(hal.NIR850|hal.NIR940) == 0 {
			nir = 0.01
		}
		*shot = hal.Shot{RGB: s.frame(hal.RGB, dx, dy, rgb, t), NIR: s.frame(hal.NIR, dx, dy, nir, t), Light: lights[i]}
	}
	return b
}

var levels = [8]float64{0.01, 0.5, 0.5, 0.3, 0.12, 0.06, 0.11, 0.25}

func TestMake(t *testing.T) {
	for _, format := range []hal.Format{hal.Y10, hal.Y8} {
		p, err := Make(newScene(format).burst(levels), calibration(), palm())
		if err != nil {
			t.Fatal(format, err)
		}
		for i, m := range p.Track {
			x, y := float64(m.X)/64, float64(m.Y)/64
			if math.Hypot(x-float64(moves[i][0]), y-float64(moves[i][1])) > 0.7 || int(m.After) != 330*(i+1) {
				t.Errorf("%v: shot %d at %.2f, %.2f after %d, want %v", format, i, x, y, m.After, moves[i])
			}
		}
		// A level of 1 in 2 ms is 0.5 a millisecond, and the card gave 0.1.
		near := func(name string, plane []uint16, want float64) {
			t.Helper()
			sum := 0.0
			for _, v := range plane {
				sum += float64(v) / float64(len(plane)) / wire.PlaneUnit
			}
			if math.Abs(sum-want) > 0.03*want+0.002 {
				t.Errorf("%v: %s is %.4f, want %.4f", format, name, sum, want)
			}
		}
		near("850 nm", p.Plane(wire.Plane850), (0.5-0.01)/2/0.1)
		near("940 nm", p.Plane(wire.Plane940), (0.3-0.01)/2/0.05)
		near("flash 1", p.Plane(wire.PlaneNIRFlash), (0.12-0.01)/2/0.1)
		near("flash 2", p.Plane(wire.PlaneNIRFlash+1), (0.06-0.01)/2/0.05)
		near("white in red", p.Plane(wire.PlaneWhite), (0.5-0.01)/2/0.1)
		near("white in green", p.Plane(wire.PlaneWhite+1), (0.5-0.01)/2/2/0.2)
		near("white in blue", p.Plane(wire.PlaneWhite+2), (0.5-0.01)/2/4/0.3)
		near("flash 4 in green", p.Plane(wire.PlaneRGBFlash+7), (0.25-0.01)/2/2/0.2)
		near("level of white", p.Levels[wire.LevelWhite:wire.LevelWhite+1], 0.5*1.75/3/2/0.2)
		near("level of 940", p.Levels[wire.LevelNIR+wire.Level940:wire.LevelNIR+wire.Level940+1], (0.3+0.0157)/2/0.1)
		if p.Relief[0] != -5 || p.Relief[3] != wire.NoRelief || p.Relief[4] != -127 || p.Lamps[1][1] != [2]int16{450, -150} ||
			p.Place[1] != [3]int16{425, -300, 800} || p.NIR940[1] != 3 {
			t.Errorf("relief %v, lamps %v, place %v, %v", p.Relief, p.Lamps[1], p.Place, p.NIR940[:3])
		}
	}
}

// TestBurntAndUnseen is about cells that cannot be judged.
func TestBurntAndUnseen(t *testing.T) {
	b := newScene(hal.Y10).burst(levels)
	for y := range height / 4 {
		for x := range width {
			binary.LittleEndian.PutUint16(b.NIR940.NIR.Pix[y*b.NIR940.NIR.Stride+2*x:], 1023)
		}
	}
	q := palm()
	q.ToRGB[5] = 100 // the last rows are out of the picture
	p, err := Make(b, calibration(), q)
	if err != nil {
		t.Fatal(err)
	}
	if v := p.Plane(wire.Plane940); v[0] != math.MaxUint16 || v[255] == math.MaxUint16 {
		t.Errorf("burnt cell is %d, other %d", v[0], v[255])
	}
	if v := p.Plane(wire.PlaneWhite); v[0] == 0 || v[255] != 0 {
		t.Errorf("cell in view is %d, other %d", v[0], v[255])
	}
}

func TestRefuses(t *testing.T) {
	b := newScene(hal.Y10).burst(levels)
	if _, err := Make(b, &hal.Calibration{}, palm()); !errors.Is(err, ErrLamps) {
		t.Errorf("no lamps: %v", err)
	}
	for name, spoil := range map[string]func(*capture.Burst){
		"dark":       func(b *capture.Burst) { clear(b.Coded[2].NIR.Pix) },
		"other palm": func(b *capture.Burst) { flip(b.Coded[1].NIR.Pix) },
	} {
		b := newScene(hal.Y10).burst(levels)
		spoil(b)
		if _, err := Make(b, calibration(), palm()); !errors.Is(err, ErrLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
	q := palm()
	clear(q.Mask)
	if _, err := Make(b, calibration(), q); !errors.Is(err, ErrLost) {
		t.Errorf("no skin: %v", err)
	}
}

// flip turns a frame of two bytes a pixel upside down.
func flip(pix []byte) {
	for i, j := 0, len(pix)-2; i < j; i, j = i+2, j-2 {
		pix[i], pix[i+1], pix[j], pix[j+1] = pix[j], pix[j+1], pix[i], pix[i+1]
	}
}
