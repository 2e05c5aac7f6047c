package main

import (
	"fmt"
	"runtime"

	"volar/enclave/vault/kernel"
)

// run lets everyone search by turns and compares.
func (g *contest) run(b *bench, faiss, opencv *peer) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	type entry struct {
		name   string
		ours   func(first, count int) (nearest []int)
		peer   *peer
		engine string
	}
	entries := []entry{
		{name: "ours, one shift", ours: g.hamming},
		{name: "FAISS IndexBinaryFlat", peer: faiss, engine: "flat"},
		{name: "OpenCV BFMatcher", peer: opencv, engine: "bf"},
		{name: "FAISS IndexBinaryIVF, 4 of 512 lists", peer: faiss, engine: "ivf4"},
		{name: "FAISS IndexBinaryIVF, 16 of 512 lists", peer: faiss, engine: "ivf16"},
		{name: "FAISS IndexBinaryIVF, 64 of 512 lists", peer: faiss, engine: "ivf64"},
	}
	const flat = 1
	for _, t := range kernel.Tiers() {
		if t != kernel.Active() {
			entries = append(entries, entry{name: fmt.Sprintf("one shift, %v", t), ours: g.tier(t)})
		}
	}
	entries = append(entries, entry{name: fmt.Sprintf("ours, coarse stage, %d shifts", shifts), ours: g.coarse})
	one, many := make([]float64, len(entries)), make([]float64, len(entries))
	recall := make([][2]float64, len(entries))
	search := func(e *entry, first, count int) (float64, []int, error) {
		if e.peer != nil {
			return e.peer.search(e.engine, first, count)
		}
		before := cpu()
		nearest := e.ours(first, count)
		return (cpu() - before).Seconds(), nearest, nil
	}
	for round := range peerRounds {
		for i := range entries {
			e := &entries[i]
			for _, batch := range []struct {
				count int
				best  []float64
			}{{1, one}, {peerProbes, many}} {
				if batch.count > 1 && round >= 3 {
					continue // minutes already
				}
				t, nearest, err := search(e, 0, batch.count)
				if err != nil {
					return err
				}
				if batch.best[i] == 0 || t < batch.best[i] {
					batch.best[i] = t
				}
				if batch.count > 1 && round == 0 {
					recall[i][0] = g.found(nearest, 0)
					if _, nearest, err = search(e, peerProbes, peerProbes); err != nil {
						return err
					}
					recall[i][1] = g.found(nearest, peerProbes)
				}
			}
		}
	}
	coarse := len(entries) - 1
	for i, e := range entries {
		each := many[i] / peerProbes
		b.add(e.name, peerCodes/one[i]/1e6, "M palms/s", fmt.Sprintf("%.1f ms a probe; %d probes at once %.2f ms each; finds %.0f %% of mates in place, %.0f %% one step off",
			1e3*one[i], peerProbes, 1e3*each, 100*recall[i][0], 100*recall[i][1]))
	}
	b.least("1 probe: ours to FAISS IndexBinaryFlat", one[flat]/one[0], "times", 4, "one shift each, the same bytes")
	b.least(fmt.Sprintf("%d probes: ours to FAISS IndexBinaryFlat", peerProbes), many[flat]/many[0], "times", 25, "one shift each, the same bytes")
	b.least("1 probe: coarse stage to FAISS IndexBinaryFlat, by comparisons", shifts*one[flat]/one[coarse], "times", 4, "FAISS would search once for each of the shifts")
	b.least(fmt.Sprintf("%d probes: coarse stage to FAISS IndexBinaryFlat, by comparisons", peerProbes), shifts*many[flat]/many[coarse], "times", 25, "FAISS would search once for each of the shifts")
	return nil
}

// found is the share of the probes from first on that found their mate.
func (g *contest) found(nearest []int, first int) float64 {
	n := 0
	for i, id := range nearest {
		if id == g.mates[first+i] {
			n++
		}
	}
	return float64(n) / float64(len(nearest))
}

// tier is hamming on a slower tier.
func (g *contest) tier(t kernel.Tier) func(first, count int) []int {
	return func(first, count int) []int {
		defer kernel.Use(t)()
		return g.hamming(first, count)
	}
}

// hamming gives the nearest of the ten nearest codes of each probe at one shift: tile by tile of the
// gallery, four probes at a time where there are as many.
func (g *contest) hamming(first, count int) []int {
	tile := batchTile / kernel.CoarseBytes
	if count == 1 {
		tile = 4096
	}
	lists := make([]nearest, count)
	var out [4][]uint16
	for i := range out {
		out[i] = make([]uint16, tile)
	}
	for at := 0; at < peerCodes; at += tile {
		blocks := g.blocks.Bytes()[at*kernel.CoarseBytes:][:tile*kernel.CoarseBytes]
		i := 0
		for ; i+4 <= count; i += 4 {
			kernel.Hamming4(&out, blocks, (*[4][]uint64)(g.plain[first+i:]))
			for j := range out {
				lists[i+j].offer(out[j], at)
			}
		}
		for ; i < count; i++ {
			kernel.Hamming(out[0], blocks, g.plain[first+i])
			lists[i].offer(out[0], at)
		}
	}
	return firsts(lists)
}

// coarse is the same with the variants of each probe.
func (g *contest) coarse(first, count int) []int {
	tile := batchTile / kernel.CoarseBytes
	lists, out := make([]nearest, count), make([]uint16, tile)
	for at := 0; at < peerCodes; at += tile {
		blocks := g.blocks.Bytes()[at*kernel.CoarseBytes:][:tile*kernel.CoarseBytes]
		for i := range lists {
			kernel.Coarse(out, blocks, g.variants[first+i], nil)
			lists[i].offer(out, at)
		}
	}
	return firsts(lists)
}

// A nearest is the ten nearest codes so far, nearest first.
type nearest struct {
	n      int
	scores [nearestK]uint16
	ids    [nearestK]int
}

// offer looks through the scores of the codes from first on.
func (l *nearest) offer(scores []uint16, first int) {
	var hits [256]uint32
	for at := 0; at < len(scores); {
		bound := uint16(kernel.Worst)
		if l.n == nearestK {
			bound = l.scores[nearestK-1]
		}
		n := kernel.Below(hits[:], scores[at:], bound)
		for _, h := range hits[:n] {
			l.insert(scores[at+int(h)], first+at+int(h))
		}
		if n < len(hits) {
			return
		}
		at += int(hits[n-1]) + 1
	}
}

func (l *nearest) insert(score uint16, id int) {
	if l.n == nearestK {
		if score >= l.scores[nearestK-1] {
			return
		}
		l.n--
	}
	i := l.n
	for ; i > 0 && l.scores[i-1] > score; i-- {
		l.scores[i], l.ids[i] = l.scores[i-1], l.ids[i-1]
	}
	l.scores[i], l.ids[i] = score, id
	l.n++
}

func firsts(lists []nearest) []int {
	out := make([]int, len(lists))
	for i := range lists {
		out[i] = lists[i].ids[0]
	}
	return out
}
