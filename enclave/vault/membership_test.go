package vault_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"volar/wire"
)

// seen is what an attacker can measure of a wave.
type seen struct {
	answer       wire.Answer // the device alone
	up, down     int         // bytes of frames
	frames, took int         // number, and nanoseconds
}

// observe is a wave through the eyes of the device and the host.
func (d *device) observe(h *host, b wire.Begin, palm, take uint64) (v seen) {
	d.t.Helper()
	nonce := d.begin(b)
	before := h.traffic()
	began := time.Now()
	m, err := d.Call(context.Background(), sample(nonce, wire.Left, palm, take))
	if err != nil {
		d.t.Fatal(err)
	}
	after := h.traffic()
	return seen{m.(wire.Answer), after.up - before.up, after.down - before.down, after.frames - before.frames, int(time.Since(began))}
}

// area is the area under the curve of the best classifier that knows how often
// each class gives each view: 0.5 for one that learns nothing, 1 for one that
// always knows.
func area(a, b []seen, view func(seen) string) float64 {
	counts := map[string][2]float64{}
	for i, list := range [][]seen{a, b} {
		for _, v := range list {
			c := counts[view(v)]
			c[i] += 1 / float64(len(list))
			counts[view(v)] = c
		}
	}
	var separated float64 // half the sum of what differs: the best advantage
	for _, c := range counts {
		separated += math.Abs(c[0]-c[1]) / 2
	}
	return 0.5 + separated/2
}

// Size, time and code of an answer do not tell whether somebody is enrolled,
// was not near enough, or is locked; and a host cannot tell any of these
// from somebody who was recognised.
func TestMembershipTellsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMachine().start(t)
		d := newDevice(t, "acme", operatorA).dial(h)
		defer d.Close()
		one := d.enrol(1)
		rng := rand.New(rand.NewPCG(17, 1))
		device := func(v seen) string { return fmt.Sprint(v) }
		carrier := func(v seen) string { v.answer = wire.Answer{}; return fmt.Sprint(v) }
		all := outcomes(one.Person)
		views := make([][]seen, len(all))
		for range 20 {
			for _, i := range rng.Perm(len(all)) {
				all[i].prepare(h, d)
				views[i] = append(views[i], d.observe(h, all[i].begin, all[i].palm, 4*rng.Uint64N(50)+3))
			}
		}
		for i := range all {
			for j := range i {
				who, view := "the host", carrier
				if all[i].want == wire.Refused && all[j].want == wire.Refused {
					who, view = "the device", device
				}
				if a := area(views[i], views[j], view); math.Abs(a-0.5) > 0.01 {
					t.Errorf("%s tells %q from %q: area under the curve %.3f; such as %+v and %+v", who, all[i].name, all[j].name, a, views[i][0], views[j][0])
				}
			}
		}
		// The control: an observer that is told the answer does tell them apart.
		if a := area(views[0], views[1], device); a != 1 {
			t.Errorf("with the answer in view the area is %.3f", a)
		}
	})
}
