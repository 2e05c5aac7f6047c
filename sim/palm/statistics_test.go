package palm_test

import (
	"fmt"
	"image"
	_ "image/jpeg" // the format that real sets come in
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"volar/sim/palm"
	"volar/wire"
)

// statistics of one crop of 128 x 128 pixels.
type statistics struct {
	octave [5]float64 // contrast, % of the mean, of details below 1, 1 to 2, 2 to 4, 4 to 8, 8 to 16 px
	lines  float64    // % of pixels on a dark line
}

// TestStatistics guards contrast and line density of synthetic crops against
// drifting away from those of real ones (README.md). With PALM_STATISTICS set
// to a file pattern it prints those of the pictures there as well.
func TestStatistics(t *testing.T) {
	if pattern := os.Getenv("PALM_STATISTICS"); pattern != "" {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		var all []statistics
		for _, name := range names {
			all = append(all, measure(load(t, name)))
		}
		fmt.Println(pattern, medians(all))
	}
	r := palm.NewRenderer(palm.DefaultRig())
	rng := rand.New(rand.NewPCG(3, 3))
	all := map[string][]statistics{}
	for i := range 10 {
		w := &palm.Wave{Anatomy: palm.New(12345, i, wire.Hand(1+i%2)), Pose: palm.Guided(rng)}
		for band, pix := range crops(r, w) {
			all[band] = append(all[band], measure(grey(pix)))
		}
	}
	for band, within := range map[string][2]statistics{
		"white": {{[5]float64{0.6, 0.7, 0.9, 1.0, 1.0}, 7}, {[5]float64{2.7, 2.7, 3.5, 4.3, 5.2}, 15}},
		"850":   {{[5]float64{0.6, 0.5, 0.7, 1.2, 1.6}, 3}, {[5]float64{1.8, 1.8, 2.7, 4.5, 6.5}, 12}},
	} {
		m := medians(all[band])
		t.Log(band, m)
		for k, v := range m.octave {
			if v < within[0].octave[k] || v > within[1].octave[k] {
				t.Errorf("%s: contrast of octave %d is %.2f %%, want %v to %v", band, k, v, within[0].octave[k], within[1].octave[k])
			}
		}
		if m.lines < within[0].lines || m.lines > within[1].lines {
			t.Errorf("%s: %.1f %% of pixels on lines, want %v to %v", band, m.lines, within[0].lines, within[1].lines)
		}
	}
}

func medians(all []statistics) (m statistics) {
	middle := func(f func(*statistics) float64) float64 {
		v := make([]float64, len(all))
		for i := range all {
			v[i] = f(&all[i])
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	for k := range m.octave {
		m.octave[k] = middle(func(s *statistics) float64 { return s.octave[k] })
	}
	m.lines = middle(func(s *statistics) float64 { return s.lines })
	return m
}

// field is a grey crop.
type field [wire.Side * wire.Side]float64

func (f *field) at(x, y int) float64 {
	const n = wire.Side
	return f[min(max(y, 0), n-1)*n+min(max(x, 0), n-1)]
}

func grey(pix []byte) *field {
	var f field
	n := len(pix) / len(f)
	for i := range f {
		p := pix[i*n:]
		f[i] = 0.5*float64(p[0]) + 0.3*float64(p[n/2]) + 0.2*float64(p[n-1])
	}
	return &f
}

func load(t *testing.T, name string) *field {
	r, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	m, _, err := image.Decode(r)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var f field
	b := m.Bounds()
	for i := range f {
		x, y := b.Min.X+(i%wire.Side)*b.Dx()/wire.Side, b.Min.Y+(i/wire.Side)*b.Dy()/wire.Side
		red, green, blue, _ := m.At(x, y).RGBA()
		f[i] = (0.5*float64(red) + 0.3*float64(green) + 0.2*float64(blue)) / 257
	}
	return &f
}

// blurred smooths by a Gaussian of sigma pixels.
func (f *field) blurred(sigma float64) *field {
	reach := int(math.Ceil(3 * sigma))
	k := make([]float64, 2*reach+1)
	sum := 0.0
	for i := range k {
		k[i] = math.Exp(-float64((i-reach)*(i-reach)) / (2 * sigma * sigma))
		sum += k[i]
	}
	var rows, out field
	for i := range f {
		for t, w := range k {
			rows[i] += w / sum * f.at(i%wire.Side+t-reach, i/wire.Side)
		}
	}
	for i := range f {
		for t, w := range k {
			out[i] += w / sum * rows.at(i%wire.Side, i/wire.Side+t-reach)
		}
	}
	return &out
}

func measure(f *field) (s statistics) {
	mean := 0.0
	for _, v := range f {
		mean += v / float64(len(f))
	}
	fine := f
	for k := range s.octave {
		coarse := f.blurred(float64(int(1) << k))
		sum := 0.0
		for i := range f {
			d := (fine[i] - coarse[i]) / mean
			sum += d * d
		}
		s.octave[k] = 100 * math.Sqrt(sum/float64(len(f)))
		fine = coarse
	}
	s.lines = lineDensity(f)
	return s
}

// lineDensity is the share of pixels, in %, where the picture, divided by its
// local deviation, bends upwards across some direction by more than 0.22 a
// square pixel: dark lines of any orientation, whatever the contrast.
func lineDensity(f *field) float64 {
	a, wide := f.blurred(1.3), f.blurred(12)
	var power field
	for i := range f {
		a[i] -= wide[i]
		power[i] = a[i] * a[i]
	}
	local := power.blurred(16)
	for i := range a {
		a[i] /= math.Sqrt(local[i] + 1e-6)
	}
	on, n := 0, 0
	for y := 2; y < wire.Side-2; y++ {
		for x := 2; x < wire.Side-2; x++ {
			xx := a.at(x+1, y) + a.at(x-1, y) - 2*a.at(x, y)
			yy := a.at(x, y+1) + a.at(x, y-1) - 2*a.at(x, y)
			xy := (a.at(x+1, y+1) + a.at(x-1, y-1) - a.at(x+1, y-1) - a.at(x-1, y+1)) / 4
			if (xx+yy)/2+math.Sqrt((xx-yy)*(xx-yy)/4+xy*xy) > 0.22 {
				on++
			}
			n++
		}
	}
	return 100 * float64(on) / float64(n)
}
