package main

import (
	"fmt"

	"volar/enclave/vault/kernel"
)

// The shares of the read bandwidth that the scan for one probe is to reach.
var scanWant = map[kernel.Tier]float64{kernel.AVX512: 0.85, kernel.AVX2: 0.55}

// scan measures plain Hamming distances of one probe, and of 64, to codes of 128 and 512 bytes.
func scan(b *bench) error {
	if err := b.needBandwidth(); err != nil {
		return err
	}
	r, err := array()
	if err != nil {
		return err
	}
	defer r.Close()
	for _, size := range []int{128, 512} {
		probe := probes(64, size)
		var contenders []contender
		out := make([]uint16, segmentSize/size)
		for _, tier := range kernel.Tiers() {
			contenders = append(contenders, func(i int) {
				defer kernel.Use(tier)()
				kernel.Hamming(out, segment(r.Bytes(), i), probe[0])
			})
		}
		contenders = append(contenders, func(i int) { read(segment(r.Bytes(), i)) })
		t := best(rounds, segments, contenders...)
		bar := arraySize / t[len(t)-1] // taken beside, so that both have the same neighbours
		for i, tier := range kernel.Tiers() {
			rate := arraySize / t[i]
			name := fmt.Sprintf("1 probe, %d-byte codes, %v", size, tier)
			note := fmt.Sprintf("%.1f M comparisons/s, %.1f of %.1f GB/s", rate/float64(size)/1e6, rate/1e9, bar/1e9)
			if want := scanWant[tier]; want > 0 {
				b.least(name, rate/bar, "of read bandwidth", want, note)
			} else {
				b.add(name, rate/bar, "of read bandwidth", note)
			}
		}
		for _, tier := range kernel.Tiers() {
			restore := kernel.Use(tier)
			t := each(func() { hammingMany(segment(r.Bytes(), 0)[:batchTile], probe, out) })
			b.add(fmt.Sprintf("64 probes, %d-byte codes, %v", size, tier), float64(batchTile/size*len(probe))/t/1e6, "M comparisons/s",
				"per core; the gallery by tiles that stay in the cache")
			restore()
		}
	}
	return nil
}

// batchTile is how much of a gallery stays in the cache while many probes are run past it.
const batchTile = 128 << 10

// hammingMany runs probes four at a time past a tile; out has the distances of four probes at least.
func hammingMany(tile []byte, probe [][]uint64, out []uint16) {
	n := len(tile) / (8 * len(probe[0]))
	var o [4][]uint16
	for i := range o {
		o[i] = out[i*n : (i+1)*n]
	}
	for ; len(probe) >= 4; probe = probe[4:] {
		kernel.Hamming4(&o, tile, (*[4][]uint64)(probe))
	}
}

// probes makes probes of random bits: a distance takes as long whatever it is.
func probes(n, size int) [][]uint64 {
	list := make([][]uint64, n)
	x := uint64(88172645463325252)
	for i := range list {
		list[i] = make([]uint64, size/8)
		for w := range list[i] {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			list[i][w] = x
		}
	}
	return list
}
