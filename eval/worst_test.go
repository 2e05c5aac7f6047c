package eval

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestWorstKeepsTheWorst(t *testing.T) {
	sample := func(id string) *Sample { return &Sample{ID: id} }
	var all []Pair
	for i := range 40 {
		all = append(all, Pair{sample(string(rune('A' + i))), sample("x"), float64(i / 2)}) // two of each distance
	}
	order := func(shuffle int64) (ids []string, impostors []string) {
		r := rand.New(rand.NewPCG(uint64(shuffle), 1))
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		var halves [2]Worst
		for i, p := range all {
			halves[i%2].add(p, true)
			halves[i%2].add(p, false)
		}
		halves[0].join(&halves[1])
		for i := range halves[0].Genuine {
			ids = append(ids, halves[0].Genuine[i].Probe.ID)
			impostors = append(impostors, halves[0].Impostor[i].Probe.ID)
		}
		return ids, impostors
	}
	genuine, impostor := order(1)
	if len(genuine) != worstPairs || genuine[0] != "g" || impostor[0] != "A" || impostor[worstPairs-1] != "L" {
		t.Errorf("farthest genuine %v, nearest impostor %v", genuine, impostor)
	}
	again, others := order(2)
	if !slices.Equal(genuine, again) || !slices.Equal(impostor, others) {
		t.Error("the order of work shows")
	}
}

// Groups count genuine pairs by the probe, impostor pairs where both share the trait.
func TestGroups(t *testing.T) {
	light, dark, near := Trait{"tone", "light", 0}, Trait{"tone", "dark", 1}, Trait{"distance", "near", 0}
	s := Scores{Groups: map[Trait]*Distances{}}
	probe := &probed{traits: []Trait{light, near}}
	s.group(probe, &enrolled{traits: []Trait{light}}, 0.1, true)
	s.group(probe, &enrolled{traits: []Trait{light, near}}, 0.3, false)
	s.group(probe, &enrolled{traits: []Trait{dark, near}}, 0.4, false)
	other := Scores{}
	other.join(&s)
	other.Fused = Distances{Genuine: []float64{0.1}, Impostor: []float64{0.3, 0.4}}
	for trait, want := range map[Trait][2]int{light: {1, 1}, near: {1, 2}} {
		d := other.Groups[trait]
		if d == nil || len(d.Genuine) != want[0] || len(d.Impostor) != want[1] {
			t.Errorf("%v: %+v", trait, d)
		}
	}
	if other.Groups[dark] != nil {
		t.Error("a pair counts for a trait that the probe lacks")
	}
	if r := groupRates(&other); len(r) != 2 || r[0].Trait != "distance" || r[1].Thresholds["1e-3"].FNMR != 0 || r[1].Impostor != 1 {
		t.Errorf("%+v", r)
	}
}
