package vision

import (
	"errors"
	"math/rand/v2"
	"testing"

	"volar/hal"
	"volar/wire"
)

// still is a scene as one picture, in colour or in grey, twice as large.
func still(s *scene, channels int) (pix []byte, w, h int) {
	shot := s.shoot(hal.White|hal.NIR850, 0)
	w, h = 2*shot.RGB.Width, 2*shot.RGB.Height
	for y := range h {
		for x := range w {
			i := y/2*shot.RGB.Width + x/2
			if channels == 1 {
				pix = append(pix, byte((int(shot.NIR.Pix[2*i])|int(shot.NIR.Pix[2*i+1])<<8)>>2))
				continue
			}
			pix = append(pix, shot.RGB.Pix[3*i:3*i+3]...)
		}
	}
	return pix, w, h
}

func TestStill(t *testing.T) {
	for _, channels := range []int{1, 3} {
		s := newScene(20)
		s.hand = wire.Right
		pix, w, h := still(s, channels)
		p, c, err := Still(pix, w, h, channels)
		if err != nil {
			t.Fatal(err)
		}
		if p.Hand != wire.Right {
			t.Errorf("%v hand, is a right one", p.Hand)
		}
		if c.Channels != channels || len(c.Pix) != channels*wire.Side*wire.Side {
			t.Errorf("crop of %d channels, %d bytes", c.Channels, len(c.Pix))
		}
		if channels == 1 {
			want := s.valleys(0)
			for i := range want {
				want[i] = Point{2*want[i].X + 0.5, 2*want[i].Y + 0.5}
			}
			if e := off(p.Valleys, want); e > 3 {
				t.Errorf("valleys are up to %.1f px off", e)
			}
		}
		n := 0
		for i := range cells * cells {
			n += int(c.Mask[i/8] >> (i % 8) & 1)
		}
		if n < cells*cells*9/10 {
			t.Errorf("%d of %d cells are skin", n, cells*cells)
		}
	}
}

func TestStillRefuses(t *testing.T) {
	for _, c := range []struct{ n, w, h, channels int }{
		{0, 0, 0, 1}, {100, 10, 10, 1}, {64 * 64, 64, 64, 2}, {64 * 64, 64, 64, 3}, {64 * 63, 64, 64, 1},
		{64 * 64, -64, -64, 1}, {0, 1 << 40, 1 << 40, 1},
	} {
		if _, _, err := Still(make([]byte, c.n), c.w, c.h, c.channels); !errors.Is(err, ErrFrame) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestBrokenHands looks at small pictures of a hand with patches of darkness,
// light and noise in them, cut at odd widths: none may panic, and none may
// give half a result. It stands in for a fuzz target, of which one execution
// is too slow to get far.
func TestBrokenHands(t *testing.T) {
	pix, w, _ := still(newScene(21), 1)
	const width, height = 160, 120
	small := make([]byte, width*height)
	for i := range small {
		small[i] = pix[i/width*8*w+i%width*8]
	}
	r := rand.New(rand.NewPCG(4, 4))
	found := 0
	for range 1500 {
		bad := append([]byte(nil), small...)
		for range 1 + r.IntN(6) {
			x, y, n, m, kind := r.IntN(width), r.IntN(height), 1+r.IntN(60), 1+r.IntN(60), r.IntN(3)
			for i := range n * m {
				if u, v := x+i%n, y+i/n; u < width && v < height {
					bad[v*width+u] = []byte{0, 255, byte(r.Uint32())}[kind]
				}
			}
		}
		channels := 1 + 2*r.IntN(2)
		cut := width
		if channels == 3 || r.IntN(2) == 0 {
			cut = 64 + r.IntN(40)
		}
		rows := min(len(bad)/cut/channels, height)
		p, c, err := Still(bad[:rows*cut*channels], cut, rows, channels)
		if err != nil {
			continue
		}
		found++
		if p.Hand != wire.Left && p.Hand != wire.Right || len(c.Pix) != channels*wire.Side*wire.Side || p.Inside < minInside {
			t.Fatalf("%+v without an error", p)
		}
	}
	if found == 0 {
		t.Error("no picture was good enough to be cut")
	}
}
