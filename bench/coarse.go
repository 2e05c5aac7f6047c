package main

import (
	"fmt"

	"volar/enclave/vault/kernel"
)

// shifts is the number of variants of a probe in the coarse stage.
const shifts = 9

// coarse measures the first stage of the search: 128 bytes of every palm against the
// variants of one probe, and the listing of what is near.
func coarse(b *bench) error {
	if err := b.needBandwidth(); err != nil {
		return err
	}
	r, err := array()
	if err != nil {
		return err
	}
	defer r.Close()
	probe := variants(shifts)
	out, list := make([]uint16, segmentSize/kernel.CoarseBytes), make([]uint32, 1024)
	var contenders []contender
	for _, tier := range kernel.Tiers() {
		contenders = append(contenders, func(i int) {
			defer kernel.Use(tier)()
			kernel.Coarse(out, segment(r.Bytes(), i), probe, nil)
		})
	}
	contenders = append(contenders, func(int) { kernel.Below(list, out, 1) })
	t := best(rounds, segments, contenders...)
	palms := float64(arraySize / kernel.CoarseBytes)
	for i, tier := range kernel.Tiers() {
		rate := palms / t[i]
		b.add(fmt.Sprintf("%d variants, %v", shifts, tier), rate/1e6, "M palms/s",
			fmt.Sprintf("per core; %.0f M comparisons of 128 bytes/s; %.2f of read bandwidth", rate*shifts/1e6, rate*kernel.CoarseBytes/b.read))
	}
	b.add(fmt.Sprintf("listing the nearest, %v", kernel.Active()), 100*t[len(t)-1]/t[len(t)-2], "% of the stage", "none near")
	return nil
}

// variants makes a probe of the coarse stage.
func variants(n int) []kernel.Variant {
	list := make([]kernel.Variant, n)
	bits := probes(2*n, kernel.CoarseBytes)
	for i := range list {
		list[i].Bits, list[i].Mask = [kernel.CoarseWords]uint64(bits[2*i]), [kernel.CoarseWords]uint64(bits[2*i+1])
	}
	return list
}
