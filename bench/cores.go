package main

import (
	"runtime"
	"sync"
	"time"

	"volar/enclave/vault/kernel"
)

// cores measures what a second core adds. Both work at the same time on halves of one
// array; the gain is of CPU time, so it is true where they really ran side by side,
// and the gain by the clock beside it tells whether they did.
func cores(b *bench) error {
	if runtime.NumCPU() < 2 {
		b.add("two cores", 1, "times one", "this machine has one core")
		return nil
	}
	r, err := array()
	if err != nil {
		return err
	}
	defer r.Close()
	probe, plain := variants(shifts), probes(1, kernel.CoarseBytes)[0]
	var out [2][]uint16
	for i := range out {
		out[i] = make([]uint16, segmentSize/kernel.CoarseBytes)
	}
	for _, w := range []struct {
		name string
		want float64
		do   func(core, segment int)
	}{
		{"read", 0, func(core, i int) { read(segment(r.Bytes(), i)) }},
		{"scan, 128-byte codes", 1.7, func(core, i int) { kernel.Hamming(out[core], segment(r.Bytes(), i), plain) }},
		{"coarse", 1.7, func(core, i int) { kernel.Coarse(out[core], segment(r.Bytes(), i), probe, nil) }},
	} {
		one, _ := together(1, w.do)
		two, clock := together(2, w.do)
		alone, _ := together(1, w.do)
		one = max(one, alone)
		note := "by CPU time; by the clock " + short(clock/one)
		if w.want > 0 {
			b.least("two cores, "+w.name, two/one, "times one", w.want, note)
		} else {
			b.add("two cores, "+w.name, two/one, "times one", note)
		}
	}
	return nil
}

// together has n threads work through the array side by side, each through its part, and
// gives the bytes a second: the sum of what each does in its own CPU time, and by the clock.
// It is the best of several short bursts.
func together(n int, do func(core, segment int)) (byCPU, byClock float64) {
	const burst = 8 // segments for each thread
	for at := 0; at+n*burst <= segments*2; at += burst {
		rate := make([]float64, n)
		var ready, done sync.WaitGroup
		ready.Add(n)
		start := make(chan struct{})
		for core := range n {
			done.Go(func() {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				ready.Done()
				<-start
				before := cpu()
				for i := range burst {
					do(core, (at+core*burst+i)%segments)
				}
				rate[core] = burst * segmentSize / (cpu() - before).Seconds()
			})
		}
		ready.Wait()
		begin := time.Now()
		close(start)
		done.Wait()
		clock := float64(n*burst*segmentSize) / time.Since(begin).Seconds()
		sum := 0.0
		for _, v := range rate {
			sum += v
		}
		byCPU, byClock = max(byCPU, sum), max(byClock, clock)
	}
	return byCPU, byClock
}
