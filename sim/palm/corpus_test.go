package palm_test

import (
	"fmt"
	"image"
	"image/color"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"volar/hal"
	"volar/sim/palm"
	"volar/wire"
)

// TestCorpus writes palm crops, cut by the truth, and a manifest for
// `palmsim eval`: both hands of each person, two sessions of three captures,
// in white light and at 850 nm. PALM_CORPUS names a folder to keep it in,
// PALM_PEOPLE how many people (2), PALM_POSE guided or unguided.
func TestCorpus(t *testing.T) {
	dir, people, pose := os.Getenv("PALM_CORPUS"), 2, palm.Unguided
	if dir == "" {
		dir = t.TempDir()
	}
	if n, err := strconv.Atoi(os.Getenv("PALM_PEOPLE")); err == nil {
		people = n
	}
	if os.Getenv("PALM_POSE") == "guided" {
		pose = palm.Guided
	}
	manifest, err := os.Create(filepath.Join(dir, "manifest.csv"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(manifest, "palm,person,hand,session,capture,band,kind,path")
	r := palm.NewRenderer(palm.DefaultRig())
	for person := range people {
		for _, hand := range []wire.Hand{wire.Left, wire.Right} {
			id := fmt.Sprintf("%03d%c", person, hand.String()[0])
			a := palm.New(12345, person, hand)
			for capture := 1; capture <= 6; capture++ {
				rng := rand.New(rand.NewPCG(uint64(2*person)+uint64(hand), uint64(capture)))
				w := &palm.Wave{Anatomy: a, Pose: pose(rng), Seed: rng.Uint64()}
				for band, pix := range crops(r, w) {
					name := fmt.Sprintf("%s_%s_%d.png", id, band, capture)
					save(t, filepath.Join(dir, name), square(pix, hand == wire.Right))
					fmt.Fprintf(manifest, "%s,%03d,%s,%d,%d,%s,roi,%s\n", id, person, id[3:], 1+(capture-1)/3, capture, band, name)
				}
			}
		}
	}
	if err := manifest.Close(); err != nil {
		t.Fatal(err)
	}
}

// crops takes a wave in white light and at 850 nm and cuts the palm square.
func crops(r *palm.Renderer, w *palm.Wave) map[string][]byte {
	const first, second = 100 * time.Millisecond, 130 * time.Millisecond
	s := r.Shoot(w, hal.White, first, 1)
	truth := r.Truth(w, hal.RGB, first)
	white := truth.Crop(&s.RGB, wire.Side)
	s = r.Shoot(w, hal.NIR850, second, 2)
	truth = r.Truth(w, hal.NIR, second)
	return map[string][]byte{"white": white, "850": truth.Crop(&s.NIR, wire.Side)}
}

// square makes a picture of a crop; mirrored shows a right hand as it is.
func square(pix []byte, mirrored bool) image.Image {
	const side = wire.Side
	m := image.NewNRGBA(image.Rect(0, 0, side, side))
	n := len(pix) / side / side
	for i := range side * side {
		x := i % side
		if mirrored {
			x = side - 1 - x
		}
		p := pix[i*n:][:n]
		m.SetNRGBA(x, i/side, color.NRGBA{p[0], p[n/2], p[n-1], 255})
	}
	return m
}
