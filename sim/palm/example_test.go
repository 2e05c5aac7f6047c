package palm_test

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"time"

	"math/rand/v2"
	"volar/hal"
	"volar/sim/palm"
	"volar/wire"
)

// TestPictures writes what the cameras see, to be looked at. Set PALM_PICTURES
// to a folder to keep them.
func TestPictures(t *testing.T) {
	dir := os.Getenv("PALM_PICTURES")
	if dir == "" {
		dir = t.TempDir()
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 4 {
		hand := wire.Left
		if i%2 == 1 {
			hand = wire.Right
		}
		w := &palm.Wave{Anatomy: palm.New(7, i/2, hand), Pose: palm.Guided(rng), Seed: uint64(i)}
		r := palm.NewRenderer(palm.DefaultRig())
		for _, light := range []hal.Light{0, hal.White, hal.NIR850, hal.NIR940} {
			s := r.Shoot(w, light, time.Second, uint32(i))
			if err := s.Check(); err != nil {
				t.Fatal(err)
			}
			name := string(rune('a'+i)) + "-" + light.String()
			save(t, filepath.Join(dir, name+"-rgb.png"), picture(&s.RGB))
			save(t, filepath.Join(dir, name+"-nir.png"), picture(&s.NIR))
			if light == hal.White || light == hal.NIR850 {
				f, band := &s.RGB, hal.RGB
				if light != hal.White {
					f, band = &s.NIR, hal.NIR
				}
				truth := r.Truth(w, band, time.Second)
				save(t, filepath.Join(dir, name+"-crop.png"), crop(truth.Crop(f, 180), 180))
			}
		}
	}
}

func crop(pix []byte, side int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	n := len(pix) / side / side
	for i := range side * side {
		p := pix[i*n:]
		m.Set(i%side, i/side, color.RGBA{p[0], p[n/2], p[n-1], 255})
	}
	return m
}

func picture(f *hal.Frame) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, f.Width, f.Height))
	for y := range f.Height {
		for x := range f.Width {
			p := f.Pix[y*f.Stride+x*f.Format.BytesPerPixel():]
			switch f.Format {
			case hal.RGB24:
				m.Set(x, y, color.RGBA{p[0], p[1], p[2], 255})
			case hal.Y10:
				g := uint8((int(p[0]) | int(p[1])<<8) >> 2)
				m.Set(x, y, color.Gray{g})
			default:
				m.Set(x, y, color.Gray{p[0]})
			}
		}
	}
	return m
}

func save(t *testing.T, path string, m image.Image) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, m); err != nil {
		t.Fatal(err)
	}
}
