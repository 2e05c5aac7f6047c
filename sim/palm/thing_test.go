package palm

import (
	"math"
	"testing"
	"time"

	"volar/hal"
	"volar/wire"
)

// bareLike covers a hand with exactly what it looks like.
func bareLike(a *Anatomy, f Finish, form Form) *Thing {
	return NewThing(Recipe{Hand: a, Form: form, Finish: f, Paint: func(_ Point, below, _ Look) Look { return below }})
}

// skinFinish is how skin mirrors and scatters.
func skinFinish(a *Anatomy) Finish {
	rough := 0.016 * a.person.sheen
	return Finish{Rough: [2]float64{rough, 0.8 * rough}, Wrap: [2]float64{0.12, 0.3}, Lean: [2]float64{0.8, 0.65}}
}

// TestCoverOfSkinIsSkin: a layer that looks like the hand below it is seen as
// the hand, in each band, whichever lamps shine.
func TestCoverOfSkinIsSkin(t *testing.T) {
	a := anatomy(1, wire.Left)
	bare, covered := still(a), still(a)
	covered.Thing = bareLike(a, skinFinish(a), Form{Follow: 1})
	for _, c := range []struct {
		light hal.Light
		band  hal.Band
	}{{hal.White, hal.RGB}, {hal.NIR850, hal.NIR}, {hal.NIR940, hal.NIR}, {hal.NIR850 | hal.TopLeft, hal.NIR}, {hal.White | hal.BottomRight | hal.Half, hal.RGB}} {
		rgb, nir := levelsOf(bare, c.light)
		rgb2, nir2 := levelsOf(covered, c.light)
		got, want := nir2, nir
		if c.band == hal.RGB {
			got, want = rgb2, rgb
		}
		// The exposure control measures a cover with its veins, a hand without.
		if math.Abs(got/want-1) > 0.09 {
			t.Errorf("%v in %v: %.3f, bare skin %.3f", c.light, c.band, got, want)
		}
	}
}

// TestSheetIsFlat: the relief of the hand in the picture is not the sheet's.
func TestSheetIsFlat(t *testing.T) {
	a := anatomy(1, wire.Left)
	w := still(a)
	w.Thing = bareLike(a, Finish{}, Form{Sheet: true, Margin: 400})
	place := newPlacer(w)
	for _, p := range []Point{{-30, 30}, {0, 0}, {30, 40}} {
		if z := place(p).z; math.Abs(z) > 1e-9 {
			t.Errorf("%v lies %.2f mm off the plane", p, z)
		}
	}
}

// TestDisplay shines by itself, and its picture moves where it is a video.
func TestDisplay(t *testing.T) {
	a := anatomy(1, wire.Left)
	w := still(a)
	w.Thing = NewThing(Recipe{
		Hand: a, Form: Form{Sheet: true, Margin: 400}, Finish: Finish{Glow: 0.3, Grid: 0.1},
		Paint: func(_ Point, below, _ Look) Look { below.Edge = -7; return below },
		Slide: func(at time.Duration) Point { return Point{X: 20 * at.Seconds()} },
	})
	if rgb, nir := levelsOf(w, 0); rgb < 0.3 || nir > 0.05 {
		t.Errorf("in the dark: RGB %.3f, NIR %.3f", rgb, nir)
	}
	r := NewRenderer(DefaultRig())
	first := append([]byte(nil), r.Shoot(w, 0, time.Second, 1).RGB.Pix...)
	moved := r.Shoot(w, 0, 2*time.Second, 1).RGB.Pix
	differ := 0
	for i := range moved {
		if d := int(first[i]) - int(moved[i]); d > 30 || d < -30 {
			differ++
		}
	}
	if differ < len(moved)/100 {
		t.Errorf("%d of %d samples change while the video runs", differ, len(moved))
	}
}

// TestAge: old skin has more lines, young skin is that of New.
func TestAge(t *testing.T) {
	young, old := still(NewAged(11, 1, wire.Left, 0)), still(NewAged(11, 1, wire.Left, 1))
	plain := still(anatomy(1, wire.Left))
	a, b, c := detail(young, hal.White, hal.RGB), detail(old, hal.White, hal.RGB), detail(plain, hal.White, hal.RGB)
	if a != c || b < 1.1*a {
		t.Errorf("detail of skin at 20 %.4f, as ever %.4f, at 80 %.4f", a, c, b)
	}
}
