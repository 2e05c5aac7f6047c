package eval

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"volar/enclave/vault/matcher"
	"volar/hal"
	"volar/sim/palm"
	"volar/wire"
)

// framed captures a wave as the device's cameras see it whole, cut at the truth.
func framed(t *testing.T, r *palm.Renderer, w *palm.Wave) *matcher.Capture {
	t.Helper()
	whole := bytes.Repeat([]byte{0xff}, wire.MaskBytes)
	const at = 0
	shot := r.Shoot(w, hal.White, at, 1)
	truth := r.Truth(w, hal.RGB, at)
	rgb := wire.View{Band: wire.RGB, Pix: truth.Crop(&shot.RGB, wire.Side), Mask: whole}
	shot = r.Shoot(w, hal.NIR850, at, 2)
	truth = r.Truth(w, hal.NIR, at)
	nir := wire.View{Band: wire.NIR, Pix: truth.Crop(&shot.NIR, wire.Side), Mask: whole}
	return coded(t, w, rgb, nir)
}

func coded(t *testing.T, w *palm.Wave, views ...wire.View) *matcher.Capture {
	t.Helper()
	c, err := matcher.Encode(w.Anatomy.Hand(), views)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// distances compares captures of palms in order, so many of each.
func distances(captures []*matcher.Capture, each int) (d Distances) {
	for i, a := range captures {
		p := matcher.NewProbe(a)
		for j, b := range captures[:i] {
			d.add(p.Compare(b).Fused, i/each == j/each)
		}
		p.Wipe()
	}
	return d
}

func moments(v []float64) (mean, deviation float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		deviation += (x - mean) * (x - mean) / float64(len(v))
	}
	return mean, math.Sqrt(deviation)
}

// A matcher finds crops that were drawn directly as far apart as those that were cut out of frames.
func TestCropsCompareAsFramesDo(t *testing.T) {
	rig := palm.DefaultRig()
	renderer, cutter := palm.NewRenderer(rig), palm.NewCutter(rig)
	rng := rand.New(rand.NewPCG(17, 1))
	const palms, each = 5, 3
	var cut, drawn []*matcher.Capture
	for i := range palms {
		whole, alone := palm.New(11, i, wire.Left), palm.NewPalm(11, i, wire.Left)
		for range each {
			w := &palm.Wave{Anatomy: whole, Pose: palm.Guided(rng), Seed: rng.Uint64()}
			cut = append(cut, framed(t, renderer, w))
			w.Anatomy = alone
			rgb, nir, ok := cutter.Crop(w, palm.Misfit{})
			if !ok {
				t.Fatalf("palm %d is out of view", i)
			}
			drawn = append(drawn, coded(t, w, rgb, nir))
		}
	}
	want, got := distances(cut, each), distances(drawn, each)
	for name, pair := range map[string][2][]float64{"genuine": {want.Genuine, got.Genuine}, "impostor": {want.Impostor, got.Impostor}} {
		mean, sd := moments(pair[0])
		m, s := moments(pair[1])
		t.Logf("%s: frames %.4f ± %.4f, crops %.4f ± %.4f", name, mean, sd, m, s)
		if math.Abs(m-mean) > 0.012 || s > 1.3*sd || sd > 1.3*s {
			t.Errorf("%s distances: frames %.4f ± %.4f, crops %.4f ± %.4f", name, mean, sd, m, s)
		}
	}
}
