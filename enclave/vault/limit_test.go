package vault

import (
	"strings"
	"testing"
	"time"

	"volar/wire"
)

// attempts is how many refusals in a row are looked at from now on.
func attempts(l *limiter, c claim, now time.Time) (n int) {
	for ; n < 5000 && l.allowsAt(c, now); n++ {
		l.noteAt(c, false, now)
	}
	return n
}

// The limits, each alone: how many tries at once, and how many after a while.
func TestLimits(t *testing.T) {
	who := func(device, person byte) claim {
		c := claim{tenant: "acme", device: [32]byte{1, device}}
		if person != 0 {
			c.person = wire.Person{person}
		}
		return c
	}
	began := time.Now()
	for name, c := range map[string]struct {
		next  func(i int) claim // of the i-th round, each until it is refused
		burst []int             // tries of each round, all at once
		after time.Duration
		then  int // tries after that pause
	}{
		"a person at a device":              {func(int) claim { return who(1, 1) }, []int{5, 0}, refusalDelay, 1},
		"not before the delay is over":      {func(int) claim { return who(1, 1) }, []int{5}, refusalDelay - 1, 0},
		"a device that claims many persons": {func(i int) claim { return who(1, byte(i)+1) }, []int{5, 5, 0, 0}, 9 * time.Second, 3},
		"a device that claims nobody":       {func(int) claim { return who(1, 0) }, []int{10, 0}, 30 * time.Second, 10},
		"a person at many devices": {func(i int) claim { return who(byte(i), 1) },
			[]int{5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 0, 0}, 2 * identityEvery, 2},
	} {
		l := &limiter{}
		for i, want := range c.burst {
			if got := attempts(l, c.next(i), began); got != want {
				t.Errorf("%s: round %d has %d tries, want %d", name, i+1, got, want)
			}
		}
		if got := attempts(l, c.next(len(c.burst)), began.Add(c.after)); got != c.then {
			t.Errorf("%s: %d tries after %v, want %d", name, got, c.after, c.then)
		}
	}
	l, total := &limiter{}, 0
	for device := range 200 {
		total += attempts(l, who(byte(device), 0), began)
	}
	if total != tenantBurst {
		t.Errorf("200 devices of a tenant had %d tries, want %d", total, tenantBurst)
	}
	if l.allowsAt(who(250, 0), began) || !l.allowsAt(who(250, 0), began.Add(tenantEvery)) {
		t.Error("a tenant's limit does not hold, or does not pass")
	}
	if !l.allowsAt(claim{tenant: "bloom", device: [32]byte{1, 250}}, began) {
		t.Error("another tenant waits too")
	}
}

// One palm that is enrolled does not buy tries of others.
func TestSuccessDoesNotRefill(t *testing.T) {
	l, now := &limiter{}, time.Now()
	mine := claim{"acme", [32]byte{1}, wire.Person{1}}
	tries := 0
	for i := range 100 {
		other := claim{"acme", [32]byte{1}, wire.Person{2, byte(i)}}
		if l.allowsAt(other, now) {
			l.noteAt(other, false, now)
			tries++
		}
		if l.allowsAt(mine, now) {
			l.noteAt(mine, true, now)
		}
	}
	if tries != deviceBurst {
		t.Errorf("%d tries, want %d", tries, deviceBurst)
	}
}

// A machine's clock that jumps, either way, opens nothing: the vault reads the
// clock that only goes forward, and one that went back would forgive nothing.
func TestClockJumps(t *testing.T) {
	if !strings.Contains(time.Now().String(), "m=") {
		t.Error("this system's clock has no monotonic reading")
	}
	const years = 10 * 365 * 24 * time.Hour
	c := claim{"acme", [32]byte{1}, wire.Person{1}}
	now := time.Now().Round(0) // without that reading, as if there were none
	l := &limiter{}
	attempts(l, c, now)
	if l.allowsAt(c, now.Add(-years)) || l.allowsAt(claim{tenant: "acme", device: c.device, person: wire.Person{2}}, now.Add(-years)) != true {
		t.Error("a clock that goes back ten years ends a delay, or makes others wait")
	}
	attempts(l, claim{tenant: "acme", device: c.device}, now.Add(-years))
	if l.allowsAt(claim{tenant: "acme", device: c.device}, now.Add(-years)) {
		t.Error("a device's limit passes while the clock goes back")
	}
	if !l.allowsAt(c, now.Add(refusalDelay)) {
		t.Error("a jump back and forth locks for ever")
	}
}

// Whatever is claimed by whom, the memory of it is bounded, and what has just
// happened is not what is forgotten.
func TestLimitsAreBounded(t *testing.T) {
	l, now := &limiter{}, time.Now()
	victim := claim{"acme", [32]byte{1}, wire.Person{1}}
	for i := range maxClaims + 400 {
		c := claim{"acme", [32]byte{2, byte(i >> 8), byte(i)}, wire.Person{2, byte(i >> 8), byte(i)}}
		l.noteAt(c, false, now.Add(time.Duration(i)*tenantEvery))
	}
	end := now.Add((maxClaims + 400) * tenantEvery)
	attempts(l, victim, end)
	for i := range maxClaims - 1 {
		l.noteAt(claim{"acme", [32]byte{3, byte(i >> 8), byte(i)}, wire.Person{3, byte(i >> 8), byte(i)}}, false, end)
	}
	if l.allowsAt(victim, end) {
		t.Error("a delay was pushed out by fewer claims than are remembered")
	}
	for name, n := range map[string]int{"rows": len(l.rows), "persons": len(l.persons), "devices": len(l.devices), "tenants": len(l.tenants)} {
		if n > maxClaims {
			t.Errorf("%d %s", n, name)
		}
	}
}
