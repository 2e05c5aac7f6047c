package main

import (
	"math"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// cpu is the CPU time of the calling thread. On a busy machine it says what the clock
// cannot: how long the work took, without the time that others had the core.
func cpu() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err) // every Linux has it
	}
	return time.Duration(t.Nano())
}

// A contender does its work on one of the segments that all contenders work on.
type contender func(segment int)

// best lets the contenders take turns over all segments, rounds times, and gives for each
// the CPU time that all its segments take, each at its best, in seconds. What
// disturbs one round, and one contender within it, is left out.
func best(rounds, segments int, contenders ...contender) []float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	least := make([][]time.Duration, len(contenders))
	for range rounds {
		for i, c := range contenders {
			if least[i] == nil {
				least[i] = make([]time.Duration, segments)
			}
			for s := range segments {
				before := cpu()
				c(s)
				if d := cpu() - before; least[i][s] == 0 || d < least[i][s] {
					least[i][s] = d
				}
			}
		}
	}
	out := make([]float64, len(contenders))
	for i, list := range least {
		for _, d := range list {
			out[i] += d.Seconds()
		}
	}
	return out
}

// each is the CPU time of one call of f in seconds: the best of many short series.
func each(f func()) float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	n := 1
	for { // a series takes 2 ms or more
		if d := series(f, n); d > 2*time.Millisecond {
			break
		}
		n *= 2
	}
	least := math.Inf(1)
	for begin := time.Now(); time.Since(begin) < 300*time.Millisecond; {
		least = min(least, series(f, n).Seconds()/float64(n))
	}
	return least
}

func series(f func(), n int) time.Duration {
	before := cpu()
	for range n {
		f()
	}
	return cpu() - before
}
