package linux

import (
	"math"
	"time"
)

// Limit is how long a lamp may be lit: never longer than MaxOn at once, and
// in no stretch of Window() longer than MaxOn in all. So the share of time
// that it is lit stays at Duty, counted over any such stretch. The zero Limit
// allows nothing.
//
// Eyes and LEDs both need it: boards/README.md derives the numbers from
// IEC 62471.
type Limit struct {
	MaxOn time.Duration
	Duty  float64 // over 0 to 1
}

// Pulse is a time in which a lamp was lit, from On until Off, since boot.
type Pulse struct{ On, Off time.Duration }

// Window is the stretch of time over which the duty is counted.
func (l Limit) Window() time.Duration {
	if l.MaxOn <= 0 || !(l.Duty > 0) {
		return math.MaxInt64
	}
	return time.Duration(math.Ceil(float64(l.MaxOn) / min(l.Duty, 1)))
}

// Lit is how long a lamp that was lit in past may be lit from now on: 0 up to
// MaxOn. Nothing in past may lie after now.
func (l Limit) Lit(past []Pulse, now time.Duration) time.Duration {
	if l.MaxOn <= 0 || !(l.Duty > 0) {
		return 0
	}
	// Lit for d from now on, the stretch that ends then holds d and what of
	// past still lies in it. While d grows, the stretch takes in as much as it
	// leaves behind or more, so what it holds never falls: the longest d is
	// found by halving.
	lo, hi := time.Duration(0), l.MaxOn
	if l.held(past, now, hi) <= l.MaxOn {
		return hi
	}
	for hi-lo > 1 {
		d := lo + (hi-lo)/2
		if l.held(past, now, d) <= l.MaxOn {
			lo = d
		} else {
			hi = d
		}
	}
	return lo
}

// held is how much light the stretch holds that ends d after now, where the
// lamp is lit all of d.
func (l Limit) held(past []Pulse, now, d time.Duration) time.Duration {
	sum, from := d, now+d-l.Window()
	for _, p := range past {
		sum += max(0, p.Off-max(p.On, from))
	}
	return sum
}

// Rest is how long a lamp that was lit in past must stay dark from now on,
// until it may be lit for need; ok is false where need is over MaxOn, so that
// no rest is long enough.
func (l Limit) Rest(past []Pulse, now, need time.Duration) (rest time.Duration, ok bool) {
	if l.Lit(nil, now) < need {
		return 0, false
	}
	if l.Lit(past, now) >= need {
		return 0, true
	}
	lo, hi := time.Duration(0), l.Window() // after a whole stretch nothing is left of the past
	for hi-lo > 1 {
		d := lo + (hi-lo)/2
		if l.Lit(past, now+d) >= need {
			hi = d
		} else {
			lo = d
		}
	}
	return hi, true
}

// forget drops the pulses that no stretch can hold any more.
func (l Limit) forget(past []Pulse, now time.Duration) []Pulse {
	keep := past[:0]
	for _, p := range past {
		if p.Off > now-l.Window() {
			keep = append(keep, p)
		}
	}
	return keep
}
