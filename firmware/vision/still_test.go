package vision

import (
	"errors"
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

func FuzzStill(f *testing.F) {
	pix, w, _ := still(newScene(21), 1)
	small := make([]byte, 160*120)
	for i := range small {
		small[i] = pix[i/160*8*w+i%160*8]
	}
	f.Add(small, uint8(160), uint8(1))
	f.Add(make([]byte, 64*64), uint8(64), uint8(1))
	f.Add(make([]byte, 3*64*64), uint8(64), uint8(3))
	f.Fuzz(func(t *testing.T, pix []byte, width, channels uint8) {
		if width == 0 || channels == 0 {
			return
		}
		height := len(pix) / int(width) / int(channels)
		p, c, err := Still(pix[:height*int(width)*int(channels)], int(width), height, int(channels))
		if err == nil && (p.Hand != wire.Left && p.Hand != wire.Right || len(c.Pix) != int(channels)*wire.Side*wire.Side) {
			t.Errorf("%+v without an error", p)
		}
	})
}
