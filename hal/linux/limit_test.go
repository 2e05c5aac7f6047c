package linux

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

const ms = time.Millisecond

func TestLimitAtItsEdges(t *testing.T) {
	half := Limit{50 * ms, 0.5}
	for _, c := range []struct {
		name  string
		limit Limit
		past  []Pulse
		now   time.Duration
		lit   time.Duration
		need  time.Duration
		rest  time.Duration
		never bool
	}{
		{"new lamp", half, nil, 0, 50 * ms, 50 * ms, 0, false},
		{"a nanosecond too long", half, nil, 0, 50 * ms, 50*ms + 1, 0, true},
		{"just spent", half, []Pulse{{0, 50 * ms}}, 50 * ms, 0, 50 * ms, 50 * ms, false},
		{"a nanosecond before it is free", half, []Pulse{{0, 50 * ms}}, 100*ms - 1, 0, 50 * ms, 1, false},
		{"free", half, []Pulse{{0, 50 * ms}}, 100 * ms, 50 * ms, 50 * ms, 0, false},
		{"half spent", half, []Pulse{{0, 25 * ms}}, 25 * ms, 25 * ms, 25 * ms, 0, false},
		{"half spent, all wanted", half, []Pulse{{0, 25 * ms}}, 25 * ms, 25 * ms, 50 * ms, 50 * ms, false},
		{"two pulses", half, []Pulse{{0, 30 * ms}, {60 * ms, 70 * ms}}, 100 * ms, 40 * ms, 40 * ms, 0, false},
		{"all the time", Limit{50 * ms, 1}, []Pulse{{0, 50 * ms}}, 50 * ms, 50 * ms, 50 * ms, 0, false},
		{"one in a thousand", Limit{time.Second, 0.001}, []Pulse{{0, time.Second}}, 999 * time.Second, 0, time.Second, time.Second, false},
		{"zero", Limit{}, nil, 0, 0, 1, 0, true},
		{"no duty", Limit{50 * ms, 0}, nil, 0, 0, 1, 0, true},
		{"duty not a number", Limit{50 * ms, math.NaN()}, nil, 0, 0, 1, 0, true},
		{"negative", Limit{-50 * ms, 0.5}, nil, 0, 0, 1, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.limit.Lit(c.past, c.now); got != c.lit {
				t.Errorf("Lit = %v, want %v", got, c.lit)
			}
			rest, ok := c.limit.Rest(c.past, c.now, c.need)
			if ok == c.never || rest != c.rest {
				t.Errorf("Rest for %v = %v, %v, want %v", c.need, rest, ok, c.rest)
			}
		})
	}
}

// Whatever is asked for, no stretch of time holds more light than is allowed,
// no pulse is longer, and who rests as long as he is told gets what he needs.
func TestLimitHoldsAlways(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		l := Limit{time.Duration(1 + r.IntN(1000)*int(ms)), 0.01 + 0.99*r.Float64()}
		var all, kept []Pulse
		now := time.Duration(0)
		for range 200 {
			now += time.Duration(r.Int64N(int64(l.Window())))
			if r.IntN(2) == 0 {
				need := 1 + time.Duration(r.Int64N(int64(l.MaxOn)))
				rest, ok := l.Rest(kept, now, need)
				if !ok || l.Lit(kept, now+rest) < need || rest > 0 && l.Lit(kept, now+rest-1) >= need {
					t.Fatalf("seed %d: rest %v, %v for %v of %+v", seed, rest, ok, need, l)
				}
				now += rest
			}
			on := l.Lit(kept, now)
			if on > l.MaxOn {
				t.Fatalf("seed %d: lit for %v, allowed %v", seed, on, l.MaxOn)
			}
			if on > 0 && r.IntN(3) > 0 {
				on = 1 + time.Duration(r.Int64N(int64(on))) // switched off earlier
			}
			if on > 0 {
				all = append(all, Pulse{now, now + on})
				kept = append(l.forget(kept, now), Pulse{now, now + on})
			}
			now += on
		}
		checkPulses(t, seed, l, all)
	}
}

// checkPulses looks at every stretch that ends where a pulse ends: no other
// holds more.
func checkPulses(t *testing.T, seed uint64, l Limit, all []Pulse) {
	for _, end := range all {
		sum := time.Duration(0)
		for _, p := range all {
			sum += max(0, min(p.Off, end.Off)-max(p.On, end.Off-l.Window()))
		}
		if sum > l.MaxOn {
			t.Fatalf("seed %d: %v lit in %v, allowed %v", seed, sum, l.Window(), l.MaxOn)
		}
	}
}
