package palm

import (
	"math"
	"math/rand/v2"
	"testing"

	"volar/hal"
	"volar/wire"
)

// framed cuts a crop out of whole frames, as Crop says it does.
func framed(c *Cutter, w *Wave, m Misfit) (rgb, nir []byte) {
	cut := func(f *hal.Frame, t Truth, s Shift) []byte {
		h := s.apply(t.ToImage)
		out := make([]byte, wire.Side*wire.Side*[2]int{hal.RGB: 3, hal.NIR: 1}[f.Band])
		c.cut(f, &h, out)
		return out
	}
	shot := c.r.Shoot(w, hal.White, whiteAt, whiteSeq)
	rgb = cut(&shot.RGB, c.r.Truth(w, hal.RGB, whiteAt), m.RGB)
	shot = c.r.Shoot(w, hal.NIR850, infraredAt, infraredSeq)
	return rgb, cut(&shot.NIR, c.r.Truth(w, hal.NIR, infraredAt), m.NIR)
}

// differ is the mean and the largest difference in grey levels.
func differ(a, b []byte) (mean, most float64) {
	for i := range a {
		d := math.Abs(float64(a[i]) - float64(b[i]))
		mean += d / float64(len(a))
		most = max(most, d)
	}
	return mean, most
}

// A crop of a whole hand is what its frames give, noise and all; a crop of
// the palm alone differs by a little light and by tenths of a pixel.
func TestCropsAreThoseOfFrames(t *testing.T) {
	c := NewCutter(DefaultRig())
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 6 {
		pose := Guided(rng)
		if i%2 == 1 {
			pose = Unguided(rng)
		}
		hand := wire.Left + wire.Hand(i/2%2)
		m := DrawMisfit(rng)
		w := &Wave{Anatomy: New(9, i, hand), Pose: pose, Seed: rng.Uint64()}
		rgb, nir, ok := c.Crop(w, m)
		wantRGB, wantNIR := framed(c, w, m)
		for band, pair := range map[string][2][]byte{"white": {rgb.Pix, wantRGB}, "850": {nir.Pix, wantNIR}} {
			if mean, most := differ(pair[0], pair[1]); mean > 0.01 || most > 2 {
				t.Errorf("hand %d, %s: %.3f grey levels off on average, %.0f at most", i, band, mean, most)
			}
		}
		alone := &Wave{Anatomy: NewPalm(9, i, hand), Pose: w.Pose, Seed: w.Seed}
		rgb, nir, _ = c.Crop(alone, m)
		for band, pair := range map[string][2][]byte{"white": {rgb.Pix, wantRGB}, "850": {nir.Pix, wantNIR}} {
			if mean, most := differ(pair[0], pair[1]); !ok || mean > 4 || most > 60 {
				t.Errorf("palm %d, %s: %.3f grey levels off on average, %.0f at most", i, band, mean, most)
			}
		}
	}
}
