package eval

import "slices"

// A Pair is one comparison.
type Pair struct {
	Probe, Enrolled *Sample
	Distance        float64
}

// worstPairs is how many pairs of each kind are kept.
const worstPairs = 12

// Worst are the pairs that a matcher errs on first: the farthest genuine and the nearest impostor pairs, worst first.
type Worst struct{ Genuine, Impostor []Pair }

func (w *Worst) add(p Pair, genuine bool) {
	if genuine {
		w.Genuine = keep(w.Genuine, p, -1)
	} else {
		w.Impostor = keep(w.Impostor, p, 1)
	}
}

func (w *Worst) join(more *Worst) {
	for _, p := range more.Genuine {
		w.add(p, true)
	}
	for _, p := range more.Impostor {
		w.add(p, false)
	}
}

// keep puts a pair in its place among the worst, of which sign 1 has the
// nearest first and -1 the farthest. Names break ties, so that the order of work does not show.
func keep(list []Pair, p Pair, sign float64) []Pair {
	before := func(a, b Pair) int {
		switch {
		case sign*a.Distance < sign*b.Distance:
			return -1
		case a.Distance != b.Distance:
			return 1
		case a.Probe.ID+" "+a.Enrolled.ID < b.Probe.ID+" "+b.Enrolled.ID:
			return -1
		}
		return 1
	}
	if len(list) == worstPairs && before(list[worstPairs-1], p) < 0 {
		return list
	}
	at, _ := slices.BinarySearchFunc(list, p, before)
	list = slices.Insert(list, at, p)
	return list[:min(len(list), worstPairs)]
}
