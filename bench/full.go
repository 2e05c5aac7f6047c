package main

import (
	"fmt"

	"volar/enclave/vault/kernel"
	"volar/enclave/vault/matcher"
	"volar/wire"
)

// full measures what follows the coarse stage for the few that are left.
func full(b *bench) error {
	var probe kernel.Moved
	var code kernel.Code
	for i, words := range probes(len(probe.Bits), 64) {
		copy(probe.Bits[i][:], words)
		copy(probe.Care[i][:], words[3:])
		copy(code.Bits[i%kernel.Side][:], words[5:])
		copy(code.Care[i%kernel.Side][:], words[2:])
	}
	var counts [16]kernel.Count
	for _, tier := range kernel.Tiers() {
		restore := kernel.Use(tier)
		one := each(func() { kernel.Whole(&probe, &code, 1) })
		by16 := each(func() { kernel.Blocks(&counts, &probe, &code, 1) })
		b.add(fmt.Sprintf("whole code at one shift, %v", tier), 1e-6/one, "M comparisons/s", "per core and band; 6,144 bits and their care")
		b.add(fmt.Sprintf("the same by 16 blocks, %v", tier), 1e-6/by16, "M comparisons/s", "per core and band")
		restore()
	}
	p, c, err := captures()
	if err != nil {
		return err
	}
	t := each(func() { p.Compare(c) })
	b.add("palm against palm, all poses, shifts and blocks", 1/t, "comparisons/s", fmt.Sprintf("per core, both bands; %.0f us each", t*1e6))
	return nil
}

// captures makes a probe, and another palm as the gallery keeps it.
func captures() (*matcher.Probe, *matcher.Capture, error) {
	a, err := matcher.Encode(wire.Right, views(1))
	if err != nil {
		return nil, nil, err
	}
	other, err := matcher.Encode(wire.Right, views(2))
	if err != nil {
		return nil, nil, err
	}
	template, err := other.MarshalBinary()
	if err != nil {
		return nil, nil, err
	}
	c, err := matcher.ParseCapture(template)
	return matcher.NewProbe(a), c, err
}
