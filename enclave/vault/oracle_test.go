package vault_test

import (
	"bytes"
	"flag"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"

	"volar/enclave/vault/matcher"
	"volar/wire"
)

var oracleQueries = flag.Int("oracle.queries", 200, "queries of the hill-climber; 100000 take half an hour")

// A forgery is a picture of blocks, each out of some synthetic palm: what a
// hill-climber who knows what palms look like, and not this one, can move.
const (
	forgedBlock = 16
	forgedSide  = wire.Side / forgedBlock
)

type forgery [forgedSide * forgedSide]uint64

func randomForgery(rng *rand.Rand) (f forgery) {
	one := rng.Uint64() // of one palm to begin with
	for i := range f {
		f[i] = one
	}
	return f
}

// gallery of palms that forgeries are made of, drawn once.
var pieces = map[uint64][]byte{}

func piece(seed uint64) []byte {
	seed %= 48
	if pieces[seed] == nil {
		pieces[seed] = lines(1e6+seed, 0, wire.NIR)
	}
	return pieces[seed]
}

func (f forgery) pixels() []byte {
	pix := make([]byte, wire.Side*wire.Side)
	for i, seed := range f {
		from := piece(seed)
		for y := range forgedBlock {
			at := (i/forgedSide*forgedBlock+y)*wire.Side + i%forgedSide*forgedBlock
			copy(pix[at:at+forgedBlock], from[at:at+forgedBlock])
		}
	}
	return pix
}

// mixture is a picture that is a weighted sum of palms: what a simplex moves.
func mixture(weights []float64) []byte {
	sum := make([]float64, wire.Side*wire.Side)
	for k, w := range weights {
		for i, v := range piece(uint64(k)) {
			sum[i] += w * (float64(v) - 150)
		}
	}
	pix := make([]byte, len(sum))
	for i, v := range sum {
		pix[i] = byte(min(max(150+v, 0), 255))
	}
	return pix
}

// walk is a random walk that keeps whatever the oracle does not like less.
func walk(rng *rand.Rand, queries int, oracle func(pix []byte) float64) (best []byte) {
	f := randomForgery(rng)
	best = f.pixels()
	at := oracle(best)
	for range queries - 1 {
		next := f
		next[rng.IntN(len(next))] = rng.Uint64()
		pix := next.pixels()
		if v := oracle(pix); v >= at {
			f, at, best = next, v, pix
		}
	}
	return best
}

// simplex is Nelder and Mead's method over mixtures of palms.
func simplex(rng *rand.Rand, queries int, oracle func(pix []byte) float64) (best []byte) {
	const dims = 8
	type corner struct {
		at    [dims]float64
		value float64
	}
	ask := func(at [dims]float64) corner {
		queries--
		return corner{at, oracle(mixture(at[:]))}
	}
	var s []corner
	for range dims + 1 {
		var at [dims]float64
		for i := range at {
			at[i] = rng.NormFloat64() / 2
		}
		s = append(s, ask(at))
	}
	for queries > 0 {
		slices.SortStableFunc(s, func(a, b corner) int { return cmpFloat(b.value, a.value) })
		var middle [dims]float64
		for _, c := range s[:dims] {
			for i := range middle {
				middle[i] += c.at[i] / dims
			}
		}
		worst := s[dims]
		step := func(by float64) corner {
			var at [dims]float64
			for i := range at {
				at[i] = middle[i] + by*(worst.at[i]-middle[i])
			}
			return ask(at)
		}
		next := step(-1)
		switch {
		case next.value > s[0].value:
			if far := step(-2); far.value > next.value {
				next = far
			}
		case next.value <= worst.value:
			next = step(0.5)
		}
		s[dims] = next
	}
	slices.SortStableFunc(s, func(a, b corner) int { return cmpFloat(b.value, a.value) })
	return mixture(s[0].at[:])
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// target is the palm that is attacked, as only the vault knows it.
func target(t *testing.T, palm uint64) *matcher.Capture {
	t.Helper()
	c, err := matcher.Encode(wire.Left, nirView(lines(palm, 1, wire.NIR)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func nirView(pix []byte) []wire.View {
	return []wire.View{{Band: wire.NIR, Pix: pix, Mask: bytes.Repeat([]byte{0xff}, wire.MaskBytes)}}
}

// distance is the score that no answer tells.
func distance(t *testing.T, pix []byte, to *matcher.Capture) float64 {
	t.Helper()
	c, err := matcher.Encode(wire.Left, nirView(slices.Clone(pix)))
	if err != nil {
		return matcher.Farthest
	}
	defer c.Wipe()
	p := matcher.NewProbe(c)
	defer p.Wipe()
	return p.Compare(to).Fused
}

// A hill-climber with all the tries of the world, at the vault's own door,
// learns nothing from its answers: it comes no nearer to the palm than guesses
// do. The same climber comes nearer at once where it is told the score.
func TestNoScoreOracle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMachine().start(t)
		d := newDevice(t, "acme", operatorA).dial(h)
		defer func() { d.Close() }()
		one := d.enrol(1)
		palm := target(t, palmOf(1, wire.Left))
		rng := rand.New(rand.NewPCG(4, 4))
		asked, accepted, codes := 0, 0, map[wire.Answer]bool{}
		door := func(pix []byte) float64 {
			h.vault.ForgetRefusals()
			if asked++; asked%10_000 == 0 { // a credential of these tests is good for an hour
				d.Close()
				d = newDevice(t, "acme", operatorA).dial(h)
			}
			nonce := d.begin(wire.Begin{Purpose: wire.Verify, Person: one.Person})
			m, err := d.Call(t.Context(), wire.Sample{Nonce: nonce, Hand: wire.Left, Distance: 700, Quality: 80, Views: nirView(slices.Clone(pix)), Proof: wire.NewProof()})
			if err != nil {
				t.Fatal(err)
			}
			codes[m.(wire.Answer)] = true
			if m.(wire.Answer).Status == wire.Accepted {
				accepted++
				return 1
			}
			return 0
		}
		if door(lines(palmOf(1, wire.Left), 3, wire.NIR)) != 1 {
			t.Fatal("the palm itself is refused")
		}
		accepted, codes = 0, map[wire.Answer]bool{}
		queries := *oracleQueries / 2
		climbed := map[string]float64{
			"walk":    distance(t, walk(rng, queries, door), palm),
			"simplex": distance(t, simplex(rng, queries, door), palm),
		}
		if len(codes) != 1 && accepted == 0 || len(codes) > 2 {
			t.Errorf("%d different answers: a refusal has one form", len(codes))
		}
		// As many guesses of each kind, and where they lie.
		var guesses, mixtures []float64
		for range 40 {
			f := randomForgery(rng)
			for i := range f {
				f[i] = rng.Uint64()
			}
			guesses = append(guesses, distance(t, f.pixels(), palm))
			w := make([]float64, 8)
			for i := range w {
				w[i] = rng.NormFloat64() / 2
			}
			mixtures = append(mixtures, distance(t, mixture(w), palm))
		}
		// At a false match rate of 1e-4: more than this many happen by chance once in a thousand runs.
		expected := 1e-4 * float64(2*queries)
		if most := expected + 3.1*math.Sqrt(expected) + 1; float64(accepted) > most {
			t.Errorf("%d of %d queries accepted, guessing gives %.1f", accepted, 2*queries, expected)
		}
		for name, list := range map[string][]float64{"walk": guesses, "simplex": mixtures} {
			mean, dev := moments(list)
			if climbed[name] < mean-4.5*dev {
				t.Errorf("%s: distance %.3f after %d queries, guesses lie at %.3f ± %.3f", name, climbed[name], queries, mean, dev)
			}
			t.Logf("%s: distance %.3f after %d queries, guesses lie at %.3f ± %.3f", name, climbed[name], queries, mean, dev)
		}
		// The control: told the score, the same walk gains.
		mean, dev := moments(guesses)
		told := distance(t, walk(rng, 250, func(pix []byte) float64 { return -distance(t, pix, palm) }), palm)
		if told > mean-4.5*dev {
			t.Errorf("the climber is no climber: told the score it comes to %.3f, guesses lie at %.3f ± %.3f", told, mean, dev)
		}
		t.Logf("told the score: %.3f; %d accepted; %d answers", told, accepted, len(codes))
	})
}

// With the limits on, the climber is stopped: the palm itself is refused after
// at most ten tries, whoever is claimed.
func TestLockedByTryTen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, purpose := range map[string]wire.Purpose{"verify": wire.Verify, "identify": wire.Identify} {
			h := newMachine().start(t)
			d := newDevice(t, "acme", operatorA).dial(h)
			one := d.enrol(1)
			claim := func() wire.Begin {
				if purpose == wire.Verify {
					return wire.Begin{Purpose: purpose, Person: one.Person}
				}
				return wire.Begin{Purpose: purpose}
			}
			for try := range 10 {
				d.wave(purpose, claim().Person, wire.Left, 900+uint64(try), 1)
			}
			if a := d.wave(purpose, claim().Person, wire.Left, palmOf(1, wire.Left), 2); a.Status != wire.Refused {
				t.Errorf("%s: try 11 is %v", name, a.Status)
			}
			d.Close()
		}
	})
}

func moments(list []float64) (mean, dev float64) {
	for _, v := range list {
		mean += v / float64(len(list))
	}
	for _, v := range list {
		dev += (v - mean) * (v - mean) / float64(len(list)-1)
	}
	return mean, math.Sqrt(dev)
}
