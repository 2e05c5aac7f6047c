package vault_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"volar/enclave/vault"
	"volar/wire"
)

// outcome is a wave whose answer is known before: classes that a host must
// not tell apart.
type outcome struct {
	name    string
	begin   wire.Begin
	hand    wire.Hand
	palm    uint64
	limited bool // the device has been refused too often before
	want    wire.Status
}

func outcomes(one wire.Person) []outcome {
	own, other := palmOf(1, wire.Left), palmOf(500, wire.Left)
	return []outcome{
		{"identified", wire.Begin{Purpose: wire.Identify}, wire.Left, own, false, wire.Accepted},
		{"not identified", wire.Begin{Purpose: wire.Identify}, wire.Left, other, false, wire.Refused},
		{"identified, but too many refusals", wire.Begin{Purpose: wire.Identify}, wire.Left, own, true, wire.Refused},
		{"identified, but does not live", wire.Begin{Purpose: wire.Identify}, wire.Left, own | dead, false, wire.Refused},
		{"verified", wire.Begin{Purpose: wire.Verify, Person: one}, wire.Left, own, false, wire.Accepted},
		{"verified, but does not live", wire.Begin{Purpose: wire.Verify, Person: one}, wire.Left, own | dead, false, wire.Refused},
		{"not verified", wire.Begin{Purpose: wire.Verify, Person: one}, wire.Left, other, false, wire.Refused},
		{"verified, but nobody of that name", wire.Begin{Purpose: wire.Verify, Person: wire.Person{9}}, wire.Left, own, false, wire.Refused},
		{"verified, but too many refusals", wire.Begin{Purpose: wire.Verify, Person: one}, wire.Left, own, true, wire.Refused},
	}
}

// prepare puts the limits where the outcome wants them.
func (o outcome) prepare(h *host, d *device) {
	h.vault.ForgetRefusals()
	if o.limited {
		h.vault.Refuse("acme", d.key.Public(), o.begin.Person)
	}
}

// spent is the processor time of this process.
func spent() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}

// Whatever comes of a sample leaves the vault a whole number of ticks after
// the sample came, to the nanosecond of a clock that stands still meanwhile.
func TestAnswersLeaveOnTheTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMachine().start(t)
		d := newDevice(t, "acme", operatorA).dial(h)
		one := d.enrol(1)
		on := func(name string, began time.Time) {
			t.Helper()
			if took := time.Since(began); took < vault.Tick || took%vault.Tick != 0 {
				t.Errorf("%s: released after %v, want whole ticks of %v", name, took, vault.Tick)
			}
		}
		for _, o := range outcomes(one.Person) {
			o.prepare(h, d)
			nonce := d.begin(o.begin)
			began := time.Now()
			m, err := d.Call(context.Background(), sample(nonce, o.hand, o.palm, 3))
			if err != nil || m.(wire.Answer).Status != o.want {
				t.Fatalf("%s: %v, %v", o.name, m, err)
			}
			on(o.name, began)
		}
		blank := sample(d.begin(wire.Begin{Purpose: wire.Identify}), wire.Left, 1, 3)
		clear(blank.Views[0].Mask)
		began := time.Now()
		if m, err := d.Call(context.Background(), blank); err != nil || m.(wire.Answer).Status != wire.Again {
			t.Errorf("a palm without skin: %v, %v", m, err)
		}
		on("too little skin", began)
		began = time.Now()
		if _, err := d.Call(context.Background(), sample(wire.Nonce{1}, wire.Left, 1, 3)); err == nil {
			t.Error("a sample without its nonce is answered")
		}
		on("the end of a session", began)
	})
}

// The work of a search, in processor time, does not tell its outcome.
func TestWorkTellsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMachine().start(t)
		d := newDevice(t, "acme", operatorA).dial(h)
		defer d.Close()
		one := d.enrol(1)
		for person := range uint64(5) {
			d.enrol(10 + person)
		}
		all := outcomes(one.Person)
		defer debug.SetGCPercent(debug.SetGCPercent(400))
		rng := rand.New(rand.NewPCG(18, 18))
		took := make([][]float64, len(all))
		for round := range 40 {
			for _, i := range rng.Perm(len(all)) { // interleaved: what slows one slows all
				o := all[i]
				o.prepare(h, d)
				nonce := d.begin(o.begin)
				s := sample(nonce, o.hand, o.palm, 4*uint64(round)+3)
				began := spent()
				m, err := d.Call(context.Background(), s)
				cost := spent() - began
				if err != nil || m.(wire.Answer).Status != o.want {
					t.Fatalf("%s: %v, %v", o.name, m, err)
				}
				took[i] = append(took[i], float64(cost))
			}
		}
		compare(t, all[:4], took[:4], time.Microsecond)
		compare(t, all[4:], took[4:], time.Microsecond)
	})
}

// The time that a host sees, on a machine that does other things too.
func TestTimingTellsNothing(t *testing.T) {
	h := newMachine().start(t)
	var devices []*device
	for range 6 {
		devices = append(devices, newDevice(t, "acme", operatorA).dial(h))
	}
	one := devices[0].enrol(1)
	all := outcomes(one.Person)
	took := make([][]float64, len(all))
	var mu sync.Mutex
	var busy sync.WaitGroup
	for n, d := range devices {
		busy.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(n), 17))
			for range 6 {
				for _, i := range rng.Perm(len(all)) {
					o := all[i]
					if o.limited { // the others' limits are lifted beside this one: not for this test
						continue
					}
					h.vault.ForgetRefusals()
					nonce := d.begin(o.begin)
					s := sample(nonce, o.hand, o.palm, 3)
					began := time.Now()
					m, err := d.Call(context.Background(), s)
					cost := time.Since(began)
					if err != nil || m.(wire.Answer).Status != o.want {
						t.Errorf("%s: %v, %v", o.name, m, err)
						return
					}
					mu.Lock()
					took[i] = append(took[i], float64(cost))
					mu.Unlock()
				}
			}
		})
	}
	busy.Wait()
	kept, times := slices.Clone(all), slices.Clone(took)
	for i := len(kept) - 1; i >= 0; i-- {
		if kept[i].limited {
			kept, times = slices.Delete(kept, i, i+1), slices.Delete(times, i, i+1)
		}
	}
	compare(t, kept, times, time.Millisecond)
}

// compare is Welch's t between every two classes, after a tenth of the samples,
// the slowest of all, is cut off (as dudect does, Reparaz et al. 2017: other
// programs' turns are in there). 4.5 is that test's bound: by chance, once in 100,000.
func compare(t *testing.T, classes []outcome, took [][]float64, unit time.Duration) {
	t.Helper()
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	cut := all[len(all)*9/10]
	kept := make([][]float64, len(took))
	for i, list := range took {
		for _, v := range list {
			if v <= cut {
				kept[i] = append(kept[i], v)
			}
		}
	}
	worst, report := 0.0, ""
	for i := range kept {
		mean, dev := moments(kept[i])
		report += fmt.Sprintf("\n%-34s %4d of %d, %8.2f ± %.2f %s", classes[i].name, len(kept[i]), len(took[i]),
			mean/float64(unit), dev/float64(unit), unit.String()[1:])
		for j := range i {
			if v := welch(kept[i], kept[j]); math.Abs(v) > math.Abs(worst) {
				worst = v
			}
		}
	}
	if math.Abs(worst) >= 4.5 {
		t.Errorf("Welch's t of %.1f: the classes differ%s", worst, report)
	}
	t.Logf("largest Welch's t: %.2f%s", worst, report)
}

func welch(a, b []float64) float64 {
	ma, da := moments(a)
	mb, db := moments(b)
	return (ma - mb) / math.Sqrt(da*da/float64(len(a))+db*db/float64(len(b)))
}
