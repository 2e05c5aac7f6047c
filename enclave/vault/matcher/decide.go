package matcher

import (
	"math"

	"volar/wire"
)

// An Entry is one enrolled palm: the captures of one hand of one person.
type Entry struct {
	Person   wire.Person
	Hand     wire.Hand
	Captures []*Capture
}

// A Policy is how sure a decision must be. The zero Policy refuses everyone.
type Policy struct {
	// FPIR is the wanted share of strangers' searches that name somebody,
	// and of wrong claims that are verified: above 0 and below 1.
	FPIR float64
	// Renewable says that the codes were made in a tenant's Scheme.
	Renewable bool
}

// tails are how far strangers lie apart.
func (y Policy) tails() *[4]tail {
	if y.Renewable {
		return &keyed
	}
	return &strangers
}

// A Result is the answer of a search. The zero Result names nobody.
type Result struct {
	Person wire.Person
	Found  bool
	// Ambiguous says that somebody was near enough, but somebody else was about as near.
	Ambiguous bool
	// Compared is the number of captures that the search went through.
	Compared int
}

// A Near is the capture of an entry that lies nearest to a probe.
type Near struct {
	Person wire.Person
	Score  Score
}

// Identify searches a gallery for the probe's palm. Only entries of the
// probe's hand are compared. See Decide for who is named; every capture that
// has a band in common with the probe counts as a comparison.
func Identify(p *Probe, gallery []Entry, policy Policy) Result {
	var near []Near
	compared := 0
	for i := range gallery {
		found, n := Nearest(p, &gallery[i])
		if compared += n; n > 0 {
			near = append(near, found)
		}
	}
	return Decide(near, compared, policy)
}

// Decide names a person after a search that made so many comparisons with
// strangers, of which near holds the nearest entries at least. It is the nearest person where
// the distance passes the threshold for so many comparisons (see Threshold) and
// the next person is farther by the margin.
func Decide(near []Near, compared int, policy Policy) Result {
	r := Result{Compared: compared}
	var first, second candidate
	for _, n := range near {
		c := candidate{n.Person, n.Score}
		switch {
		case c.empty():
		case first.empty() || c.excess() < first.excess():
			if !first.empty() && first.person != c.person {
				second = first
			}
			first = c
		case c.person != first.person && (second.empty() || c.excess() < second.excess()):
			second = c
		}
	}
	if first.empty() || !policy.Accepts(first.score, r.Compared) {
		return r
	}
	if !second.empty() && second.excess()-first.excess() < margin {
		r.Ambiguous = true
		return r
	}
	r.Person, r.Found = first.person, true
	return r
}

// Nearest compares a probe with an entry's captures and returns the nearest.
// n counts those that had a band in common; where it is 0 there is none.
func Nearest(p *Probe, e *Entry) (near Near, n int) {
	best, n := nearest(p, e)
	return Near{e.Person, best.score}, n
}

// Verify decides whether the probe's palm is one of one person's entries.
// Entries of the other hand are passed over.
func Verify(p *Probe, entries []Entry, policy Policy) bool {
	compared := 0
	var best candidate
	for i := range entries {
		near, n := nearest(p, &entries[i])
		compared += n
		if n > 0 && (best.empty() || near.excess() < best.excess()) {
			best = near
		}
	}
	return !best.empty() && policy.Accepts(best.score, compared)
}

// SamePalm decides whether two captures show one palm, as one comparison.
// Captures of different hands never do.
func SamePalm(a *Probe, e *Capture, policy Policy) bool {
	return a.hand != 0 && a.hand == e.hand && policy.Accepts(a.Compare(e), 1)
}

// A candidate is the nearest capture of an entry.
type candidate struct {
	person wire.Person
	score  Score
}

func (c candidate) empty() bool { return c.score.Bands == 0 }

// excess makes distances over different sets of bands comparable: standard
// deviations of strangers' distances below their mean, negated.
func (c candidate) excess() float64 { return strangers[c.score.Bands].deviations(c.score.Fused) }

// nearest compares an entry's captures; n counts those that had a band in common.
func nearest(p *Probe, e *Entry) (best candidate, n int) {
	if p.hand == 0 || e.Hand != p.hand {
		return best, 0
	}
	for _, c := range e.Captures {
		if c.hand != p.hand {
			continue
		}
		s := p.Compare(c)
		if s.Bands == 0 {
			continue
		}
		n++
		if near := (candidate{score: s}); best.empty() || near.excess() < best.excess() {
			best = near
		}
	}
	return best, n
}

// Accepts says whether the best of n comparisons passes: the fused distance
// must be under the threshold, and where both bands were compared, each of
// them under that of weakRate.
func (y Policy) Accepts(s Score, n int) bool {
	if s.Bands == 0 || s.Fused >= y.Threshold(s.Bands, n) {
		return false
	}
	if s.Bands != BothBands {
		return true
	}
	weak := math.Log(weakRate)
	tails := y.tails()
	return s.RGB < tails[OnlyRGB].quantile(weak) && s.NIR < tails[OnlyNIR].quantile(weak)
}

// Threshold is the distance that the best of n comparisons with strangers
// falls below with probability FPIR, for a set of bands: each comparison is
// allowed the false match rate FPIR/n. It is 0, which nothing passes, for
// the zero Policy and for rates out of range.
func (y Policy) Threshold(b Bands, n int) float64 {
	if !(y.FPIR > 0 && y.FPIR < 1) || n < 1 || b == 0 || b > BothBands {
		return 0
	}
	t := &y.tails()[b]
	below := t.median - t.quantile(math.Log(y.FPIR)-math.Log(float64(n)))
	return max(t.median-float64(allowance[b]*below), 0)
}
