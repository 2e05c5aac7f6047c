package eval

import (
	"math"
	"slices"

	"volar/enclave/vault/matcher"
)

// probed is a probe, with what is known of its sample.
type probed struct {
	probe  *matcher.Probe
	sample *Sample
	poor   bool
	traits []Trait
}

// thresholds are the product's, by index of FalseMatchRates and by set of bands.
type thresholds [len(FalseMatchRates)][matcher.BothBands + 1]float64

func (o *Options) thresholds() (t thresholds) {
	for i, f := range FalseMatchRates {
		for b := range t[i] {
			t[i][b] = o.policy(f.Rate).Threshold(matcher.Bands(b), 1)
		}
	}
	return t
}

// policy is the product's for a rate.
func (o *Options) policy(rate float64) matcher.Policy {
	return matcher.Policy{FPIR: rate, Renewable: o.Scheme != nil}
}

// compare scores one probe against one entry: the nearest of its captures, by
// fusion and by band. It returns how many comparisons that took.
func (r *run) compare(p *probed, e *entry, into *Scores) (n int) {
	s := p.sample
	best := matcher.Score{RGB: matcher.Farthest, NIR: matcher.Farthest, Fused: matcher.Farthest}
	rgb, nir := best.RGB, best.NIR
	gated := math.Inf(1) // of the captures that the gate takes
	var nearest *enrolled
	for _, c := range e.captures {
		if c.sample.ID == s.ID || r.mirrored(s.ID, c.sample.ID) {
			continue
		}
		d := p.probe.Compare(c.capture)
		if n++; n == 1 || d.Fused < best.Fused {
			best, nearest = d, c
		}
		rgb, nir = min(rgb, d.RGB), min(nir, d.NIR)
		if !c.poor {
			gated = min(gated, d.Fused)
		}
	}
	if best.Bands == 0 {
		return n
	}
	genuine := e.palm == s.Palm
	into.Fused.add(best.Fused, genuine)
	if !p.poor && !math.IsInf(gated, 1) {
		into.Gated.add(gated, genuine)
	}
	into.group(p, nearest, best.Fused, genuine)
	into.Worst.add(Pair{Probe: s, Enrolled: nearest.sample, Distance: best.Fused}, genuine)
	if best.Bands&matcher.OnlyRGB != 0 {
		into.RGB.add(rgb, genuine)
	}
	if best.Bands&matcher.OnlyNIR != 0 {
		into.NIR.add(nir, genuine)
	}
	for i, f := range FalseMatchRates {
		// The threshold is looked up first because working it out anew for every stranger costs more than the comparison.
		accepted := best.Fused < r.thresholds[i][best.Bands] && r.options.policy(f.Rate).Accepts(best, 1)
		if genuine && !accepted {
			into.Decisions[i].GenuineRefused++
		}
		if !genuine && accepted {
			into.Decisions[i].ImpostorAccepted++
		}
	}
	return n
}

// group counts a pair for each trait: a genuine one by what the probe is, an
// impostor one where the nearest capture is the same, since strangers of one group are the likelier to be taken for each other.
func (s *Scores) group(p *probed, e *enrolled, distance float64, genuine bool) {
	for _, trait := range p.traits {
		if !genuine && !slices.Contains(e.traits, trait) {
			continue
		}
		d := s.Groups[trait]
		if d == nil {
			d = &Distances{}
			s.Groups[trait] = d
		}
		d.add(distance, genuine)
	}
}

// mirrored says that a pair is also scored the other way round, because both
// samples are probes and gallery; it then counts once. With several captures
// an entry, the entry is not mirrored by any probe, and all count.
func (r *run) mirrored(probe, enrolled string) bool {
	return r.options.Enrol == 0 && r.inGallery[probe] && r.inProbes[enrolled] && probe < enrolled
}

// join adds what one probe found.
func (s *Scores) join(found *Scores) {
	s.Fused.join(found.Fused)
	s.RGB.join(found.RGB)
	s.NIR.join(found.NIR)
	s.Gated.join(found.Gated)
	for i, d := range found.Decisions {
		s.Decisions[i].GenuineRefused += d.GenuineRefused
		s.Decisions[i].ImpostorAccepted += d.ImpostorAccepted
	}
	for trait, d := range found.Groups {
		if s.Groups == nil {
			s.Groups = map[Trait]*Distances{}
		}
		if s.Groups[trait] == nil {
			s.Groups[trait] = &Distances{}
		}
		s.Groups[trait].join(*d)
	}
	s.Worst.join(&found.Worst)
	s.Times.join(&found.Times)
}
