package bundle

import (
	"cmp"
	"slices"
)

// Lengths of a packed segment: shorter with a base, which is most of what a
// unit has to read for it.
const (
	fullSegment  = MaxSegment
	deltaSegment = 2 << 20
)

// slack is how far around the place where a segment's bytes are expected the
// base is given as a dictionary: code that grew moves what is behind it.
const slack = 256 << 10

// piece is a segment that is planned: bytes at at of the new part.
type piece struct {
	at int64
	segment
}

// plan cuts a part into segments: long runs are copied, the rest is packed
// with what lay around it in the base.
func plan(now, base []byte) (list []piece) {
	if len(base) == 0 {
		return split(nil, 0, int64(len(now)), fullSegment, func(int64, int64) []span { return nil })
	}
	all := newIndex(base).runs(now)
	around := func(at, end int64) []span { return surroundings(all, at, end, int64(len(base))) }
	var done int64
	for _, r := range all {
		if r.size < leastRun {
			continue
		}
		list = split(list, done, r.at, deltaSegment, around)
		for n := int64(0); n < r.size; n += MaxSegment {
			size := min(MaxSegment, r.size-n)
			list = append(list, piece{r.at + n, segment{size: size, spans: []span{{r.from + n, size}}}})
		}
		done = r.at + r.size
	}
	return split(list, done, int64(len(now)), deltaSegment, around)
}

// split appends packed segments for the bytes from at to end.
func split(list []piece, at, end, most int64, spans func(at, end int64) []span) []piece {
	for at < end {
		size := min(most, end-at)
		list = append(list, piece{at, segment{packed: 1, size: size, spans: spans(at, at+size)}})
		at += size
	}
	return list
}

// surroundings are the places of the base that the bytes from at to end
// probably came from: where the runs in them and beside them point to, the
// longest first, as far as a segment may reach.
func surroundings(all []run, at, end, size int64) []span {
	first, _ := slices.BinarySearchFunc(all, at, func(r run, at int64) int { return cmp.Compare(r.at+r.size, at) })
	votes := map[int64]int64{} // bytes by how far the base is shifted
	for i := max(first-1, 0); i < len(all); i++ {
		votes[all[i].from-all[i].at] += max(1, min(all[i].at+all[i].size, end)-max(all[i].at, at))
		if all[i].at >= end {
			break
		}
	}
	if len(votes) == 0 {
		votes[0] = 1
	}
	shifts := make([]int64, 0, len(votes))
	for shift := range votes {
		shifts = append(shifts, shift)
	}
	slices.SortFunc(shifts, func(a, b int64) int { return cmp.Or(cmp.Compare(votes[b], votes[a]), cmp.Compare(a, b)) })
	var spans []span
	for _, shift := range shifts {
		from, to := max(0, at+shift-slack), min(size, end+shift+slack)
		if from >= to {
			continue
		}
		if more := merge(append(slices.Clone(spans), span{from, to - from})); len(more) <= MaxRanges && total(more) <= MaxBase {
			spans = more
		}
	}
	return spans
}

// merge sorts spans and joins those that touch.
func merge(spans []span) (out []span) {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.at, b.at) })
	for _, s := range spans {
		if n := len(out); n > 0 && s.at <= out[n-1].at+out[n-1].size {
			out[n-1].size = max(out[n-1].size, s.at+s.size-out[n-1].at)
			continue
		}
		out = append(out, s)
	}
	return out
}

func total(spans []span) (n int64) {
	for _, s := range spans {
		n += s.size
	}
	return n
}
