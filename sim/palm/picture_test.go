package palm_test

import (
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"volar/hal"
	"volar/sim/palm"
	"volar/wire"
)

// scenes shows every material and condition once.
func scenes() map[string]palm.Wave {
	rng := rand.New(rand.NewPCG(1, 2))
	hand := func(id int, h wire.Hand) palm.Wave {
		return palm.Wave{Anatomy: palm.New(7, id, h), Pose: palm.Guided(rng), Seed: rng.Uint64()}
	}
	with := func(id int, c palm.Condition) palm.Wave {
		w := hand(id, wire.Left)
		w.Condition = c
		return w
	}
	made := func(id int, m palm.Material) palm.Wave {
		w := hand(id, wire.Right)
		w.Material = m
		return w
	}
	loose := hand(5, wire.Left)
	loose.Pose = palm.Unguided(rng)
	closed := hand(6, wire.Right)
	closed.Pose = palm.Poor(rng, palm.FingersClosed)
	return map[string]palm.Wave{
		"left":     hand(0, wire.Left),
		"right":    hand(0, wire.Right),
		"unguided": loose,
		"closed":   closed,
		"cold":     with(1, palm.Condition{Cold: 0.9}),
		"ring":     with(2, palm.Condition{Ring: true, Sleeve: true}),
		"plaster":  with(3, palm.Condition{Plaster: true, Dirt: 0.6}),
		"moist":    with(4, palm.Condition{Oil: 1}),
		"laser":    made(0, palm.LaserPrint),
		"inkjet":   made(1, palm.InkjetPrint),
		"veins":    made(2, palm.VeinPrint),
		"screen":   made(3, palm.Screen),
	}
}

// TestPictures writes what the cameras see, to be looked at. Set
// PALM_PICTURES to a folder to keep it.
func TestPictures(t *testing.T) {
	dir := os.Getenv("PALM_PICTURES")
	if dir == "" {
		dir = t.TempDir()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r := palm.NewRenderer(palm.DefaultRig())
	for name, w := range scenes() {
		for seq, light := range []hal.Light{0, hal.White, hal.NIR850, hal.NIR940} {
			s := r.Shoot(&w, light, time.Duration(seq)*30*time.Millisecond, uint32(seq))
			if err := s.Check(); err != nil {
				t.Fatal(err)
			}
			base := filepath.Join(dir, name+"-"+light.String())
			save(t, base+"-rgb.png", picture(&s.RGB))
			save(t, base+"-nir.png", picture(&s.NIR))
		}
	}
}

func picture(f *hal.Frame) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, f.Width, f.Height))
	for y := range f.Height {
		for x := range f.Width {
			p := f.Pix[y*f.Stride+x*f.Format.BytesPerPixel():]
			c := color.NRGBA{p[0], p[0], p[0], 255}
			switch f.Format {
			case hal.RGB24:
				c.G, c.B = p[1], p[2]
			case hal.Y10:
				v := uint8((int(p[0]) | int(p[1])<<8) >> 2)
				c.R, c.G, c.B = v, v, v
			}
			m.SetNRGBA(x, y, c)
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
	fast := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := fast.Encode(f, m); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
