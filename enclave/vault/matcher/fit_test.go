package matcher

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"

	"volar/sim/palm"
	"volar/wire"
)

var (
	fit      = flag.Bool("fit", false, "fit the tails anew and write fitted.go")
	fitPalms = flag.Int("fit.palms", 600, "synthetic people to fit on")
)

// fitSeed draws the people of the fit; checkSeed those that check it.
const (
	fitSeed   = 0x766f6c6172
	checkSeed = 0x636865636b
	fitKeys   = 12 // of renewable codes
)

// synthetic renders the left palms of so many people, each once, with half of
// them guided, cuts them as well as vision does, and codes them in a scheme.
func synthetic(t testing.TB, scheme *Scheme, seed uint64, people int) []*Capture {
	t.Helper()
	out := make([]*Capture, people)
	each(people, func() func(i int) {
		cutter := palm.NewCutter(palm.DefaultRig())
		return func(i int) {
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			anatomy := palm.NewPalm(seed, i, wire.Left)
			for out[i] == nil && !t.Failed() {
				pose := palm.Guided(rng)
				if i%2 == 1 {
					pose = palm.Unguided(rng)
				}
				w := &palm.Wave{Anatomy: anatomy, Pose: pose, Seed: rng.Uint64()}
				rgb, nir, ok := cutter.Crop(w, palm.DrawMisfit(rng))
				if !ok {
					continue
				}
				c, err := scheme.Encode(wire.Left, []wire.View{rgb, nir})
				if err != nil {
					t.Error(err)
				}
				out[i] = c
			}
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	return out
}

// each runs do for 0 to n-1, with one do for each processor.
func each(n int, newDo func() func(i int)) {
	var workers sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			do := newDo()
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
}

// impostors compares every capture with every other, and returns the sorted distances by set of bands.
func impostors(captures []*Capture) (d [4][]float64) {
	rows := make([][4][]float64, len(captures))
	each(len(captures), func() func(i int) {
		p := new(Probe)
		return func(i int) {
			p.Set(captures[i])
			for j, c := range captures {
				if j == i {
					continue
				}
				s := p.Compare(c)
				rows[i][OnlyRGB] = append(rows[i][OnlyRGB], s.RGB)
				rows[i][OnlyNIR] = append(rows[i][OnlyNIR], s.NIR)
				rows[i][BothBands] = append(rows[i][BothBands], s.Fused)
			}
		}
	})
	for b := range d {
		for _, row := range rows {
			d[b] = append(d[b], row[b]...)
		}
		slices.Sort(d[b])
	}
	return d
}

// fitAgreed compares every capture with every other, in either band, and finds the mean spread, each as
// far as it is believed, and by least squares how the logarithm of the nearest places' agreement follows the spread's.
func fitAgreed(captures []*Capture) (law chanceLaw) {
	type pair struct{ spread, trust, nearness float64 }
	defer func(before chanceLaw) { agreed = before }(agreed)
	agreed = chanceLaw{} // whatever is in force: what is not believed of a spread is 0 until the mean is known
	rows := make([][]pair, len(captures))
	each(len(captures), func() func(i int) {
		p := new(Probe)
		return func(i int) {
			p.Set(captures[i])
			for j, c := range captures {
				for b, g := range c.bands {
					if j == i {
						continue
					}
					list, s := candidates(p.bands[b], g)
					rows[i] = append(rows[i], pair{float64(s), trust(min(p.bands[b].shown, g.shown)), nearness(p.bands[b], g.code, &list)})
				}
			}
		}
	})
	pairs := slices.Concat(rows...)
	var sum, believed float64
	for _, p := range pairs {
		sum, believed = sum+p.spread, believed+p.trust
	}
	law.spread = sum / believed
	var n, x, y, xx, xy float64
	for _, p := range pairs {
		n++
		u, v := math.Log(p.spread+(1-p.trust)*law.spread), math.Log(Farthest-p.nearness)
		x, y, xx, xy = x+u, y+v, xx+u*u, xy+u*v
	}
	law.follow = (xy - x*y/n) / (xx - x*x/n)
	return law
}

// edgeShare is the share of strangers that the tail is fitted to: few enough
// to be a tail, enough of them to be steady.
const edgeShare = 2e-3

// fitTail fits the lowest share of sorted distances by probability-weighted
// moments (Hosking and Wallis 1987, eq. 3 and 4, whose k is the shape negated).
// Where two standard errors of the shape reach below 0 the law is taken as
// exponential, whose scale is the mean excess: strangers' distances are bounded
// by how a search works, but nobody knows where.
func fitTail(sorted []float64) (t tail, shape, err float64) {
	n := int(edgeShare * float64(len(sorted)))
	t = tail{median: sorted[len(sorted)/2], edge: sorted[n], share: edgeShare}
	t.deviation = (t.median - t.edge) / normalTail(math.Log(edgeShare))
	b0, b1 := 0.0, 0.0
	for i, d := range sorted[:n] { // the largest excess first
		excess := t.edge - d
		b0 += excess / float64(n)
		b1 += excess * (float64(i) + 0.35) / float64(n) / float64(n)
	}
	shape = 2 - b0/(b0-2*b1)
	t.scale = 2 * b0 * b1 / (b0 - 2*b1)
	err = math.Sqrt((1-shape)*(1-shape+2*shape*shape)/(1-2*shape)/(3-2*shape)) * (2 - shape) / math.Sqrt(float64(n))
	t.shape = shape
	if shape-2*err < 0 {
		t.scale, t.shape = b0, 0
	}
	return t, shape, err
}

// TestFit writes fitted.go when it is run with -fit, as make fit does.
func TestFit(t *testing.T) {
	if !*fit {
		t.Skip("make fit writes fitted.go")
	}
	var b bytes.Buffer
	b.WriteString("package matcher\n\n// Code generated by make fit; DO NOT EDIT.\n")
	captures := synthetic(t, nil, fitSeed, *fitPalms)
	law := fitAgreed(captures)
	agreed = chanceLaw{math.Round(law.spread*1e5) / 1e5, math.Round(law.follow*100) / 100} // as it is written
	fmt.Fprintf(&b, `
// agreed is how strangers agree by chance, fitted to the same comparisons as the plain scheme's strangers.
var agreed = chanceLaw{spread: %.5f, follow: %.2f}
`, agreed.spread, agreed.follow)
	d := impostors(captures)
	fmt.Fprintf(&b, `
// strangers holds the tails by set of bands, fitted to %d comparisons among
// %d synthetic people of sim/palm, one left palm each, seed %#x. No real
// palm has a part in these numbers.
var strangers = `, len(d[BothBands]), *fitPalms, fitSeed)
	writeTails(t, &b, &d)

	var worst [4][]float64
	for key := range byte(fitKeys) {
		found := impostors(synthetic(t, NewScheme([32]byte{key}), fitSeed+uint64(key), *fitPalms/2))
		for bands := range found {
			if worst[bands] == nil || strictest(found[bands]) < strictest(worst[bands]) {
				worst[bands] = found[bands]
			}
		}
	}
	fmt.Fprintf(&b, `
// keyed is the same for renewable codes, whose strangers lie apart otherwise under each key: for each
// set of bands that of the key which asks for the strictest threshold of %d, each with %d comparisons among %d people.
var keyed = `, fitKeys, len(worst[BothBands]), *fitPalms/2)
	writeTails(t, &b, &worst)

	source, err := format.Source(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("fitted.go", source, 0o644); err != nil {
		t.Fatal(err)
	}
}

// strictest is how low the threshold has to be for a rate that a large gallery asks for.
func strictest(sorted []float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	law, _, _ := fitTail(sorted)
	return law.quantile(math.Log(1e-9))
}

// writeTails writes the laws of sorted distances by set of bands.
func writeTails(t *testing.T, b *bytes.Buffer, d *[4][]float64) {
	b.WriteString("[4]tail{\n")
	for i, name := range []string{OnlyRGB: "OnlyRGB", OnlyNIR: "OnlyNIR", BothBands: "BothBands"} {
		if name == "" {
			continue
		}
		law, shape, err := fitTail(d[i])
		fmt.Fprintf(b, "%s: {median: %.4f, deviation: %.5f, edge: %.4f, share: %g, scale: %.5f, shape: %.3f}, // the shape came out as %.2f, standard error %.2f\n",
			name, law.median, law.deviation, law.edge, law.share, law.scale, law.shape, shape, err)
		t.Logf("%s: nearest %.4f", name, d[i][0])
		for _, rate := range []float64{0.5, 0.1, 1e-2, 1e-3, 1e-4, 1e-5} {
			t.Logf("  rate %g: distance %.4f, the law says %.4f", rate, d[i][int(rate*float64(len(d[i])))], law.quantile(math.Log(rate)))
		}
	}
	b.WriteString("}\n")
}

// The estimator finds the law that its numbers were drawn from.
func TestFitTail(t *testing.T) {
	for _, shape := range []float64{0, 0.2} {
		const n = 200_000
		want := tail{median: 0.4, deviation: 0.0104, edge: 0.37, share: edgeShare, scale: 0.004, shape: shape}
		d := make([]float64, n)
		for i := range d {
			d[i] = want.median
			if share := (float64(i) + 0.5) / n; share < 2*edgeShare {
				d[i] = want.quantile(math.Log(share))
			}
		}
		got, found, err := fitTail(d)
		if math.Abs(found-shape) > 2*err || math.Abs(got.scale-want.scale) > 0.0006 || math.Abs(got.edge-want.edge) > 1e-3 {
			t.Errorf("shape %v: %+v (shape %.3f, standard error %.3f)", shape, got, found, err)
		}
	}
}

// TestFitHolds compares other synthetic people, and other keys, with the fitted tails.
func TestFitHolds(t *testing.T) {
	const people = 24
	for name, c := range map[string]struct {
		scheme *Scheme
		tails  *[4]tail
		policy Policy
	}{
		"plain":     {nil, &strangers, Policy{FPIR: 1e-6}},
		"renewable": {NewScheme([32]byte{0xff, 1}), &keyed, Policy{FPIR: 1e-6, Renewable: true}},
	} {
		d := impostors(synthetic(t, c.scheme, checkSeed, people))
		for _, b := range []Bands{OnlyRGB, OnlyNIR, BothBands} {
			median, law := d[b][len(d[b])/2], &c.tails[b]
			if allowed := map[bool]float64{false: 0.5, true: 1.5}[c.policy.Renewable]; math.Abs(law.deviations(median)) > allowed {
				t.Errorf("%s, bands %d: the median of new strangers is %.4f, fitted %.4f with deviation %.4f", name, b, median, law.median, law.deviation)
			}
			if low := c.policy.Threshold(b, 1); d[b][0] < low {
				t.Errorf("%s, bands %d: one of %d strangers lies at %.4f, fitted to happen once in a million below %.4f", name, b, len(d[b]), d[b][0], low)
			}
		}
	}
}
