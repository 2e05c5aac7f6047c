package gallery_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"volar/enclave/vault/gallery"
	"volar/wire"
)

// waiting opens a gallery whose changes wait for each other.
func (m *machine) waiting(wait time.Duration) *gallery.Gallery {
	m.t.Helper()
	g, _, err := m.openWith(gallery.Options{Tenants: both, Wait: wait})
	if err != nil {
		m.t.Fatal(err)
	}
	return g
}

// A hundred enrolments that come together take a handful of epochs, and each
// is on disk and committed when it is acknowledged.
func TestEnrolmentsShareEpochs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		g := m.waiting(2 * time.Second)
		put(t, g, "acme", 0, "the first one waits for nobody")
		before, began := m.epoch, time.Now()
		var all sync.WaitGroup
		for i := range byte(100) {
			all.Go(func() {
				if err := g.Put(ctx, "acme", record(i+1, "palm")); err != nil {
					t.Error(err)
					return
				}
				// What is acknowledged is in the store of this very moment.
				c := m.copyNow()
				if _, got, err := c.open(both...); err != nil || got[who("acme", i+1)] != "palm" {
					t.Errorf("person %d is acknowledged and not there: %v", i+1, err)
				}
			})
		}
		all.Wait()
		if n := m.epoch - before; n < 4 || n > 8 { // 100 in epochs of at most 32
			t.Errorf("%d epochs for 100 enrolments", n)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// One epoch a wait, whatever comes: this is what spares the counter.
func TestEpochsKeepTheirDistance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		g := m.waiting(2 * time.Second)
		before := m.epoch
		for i := range byte(40) { // one every half second, from as many devices
			go func() { _ = g.Put(ctx, "acme", record(i, "palm")) }()
			time.Sleep(500 * time.Millisecond)
		}
		time.Sleep(5 * time.Second)
		if n := g.Epoch() - before; n > 12 || g.People("acme") != 40 {
			t.Errorf("%d epochs in 20 s for %d people", n, g.People("acme"))
		}
	})
}

// A deletion waits for nobody, and takes along whoever waits.
func TestDeletionsDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		g := m.waiting(time.Hour)
		put(t, g, "acme", 0, "zero")
		began, before := time.Now(), m.epoch
		var enrolment sync.WaitGroup
		enrolment.Go(func() {
			if err := g.Put(ctx, "acme", record(1, "one")); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if _, err := g.Delete(ctx, "acme", wire.Person{0, 1}); err != nil {
			t.Fatal(err)
		}
		enrolment.Wait()
		if time.Since(began) > time.Second || m.epoch != before+1 {
			t.Errorf("after %v, %d epochs", time.Since(began), m.epoch-before)
		}
		// Another enrolment would wait for an hour; a caller that gives up
		// before it is queued is not queued.
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if err := g.Put(gone, "acme", record(2, "two")); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// In one batch each change has its own fate.
func TestBatchOfGoodAndBad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		g := m.waiting(time.Second)
		put(t, g, "acme", 0, "zero")
		var errs [4]error
		var all sync.WaitGroup
		all.Go(func() { errs[0] = g.Put(ctx, "acme", record(1, "one")) })
		all.Go(func() { errs[1] = g.Put(ctx, "nobody", record(1, "one")) })
		all.Go(func() { errs[2] = g.Put(ctx, "bloom", &gallery.Record{Person: wire.Person{1}}) })
		synctest.Wait()
		all.Go(func() { _, errs[3] = g.Delete(ctx, "acme", wire.Person{9}) })
		all.Wait()
		if errs[0] != nil || !errors.Is(errs[1], gallery.ErrUnknown) || errs[2] == nil || !errors.Is(errs[3], gallery.ErrUnknown) {
			t.Errorf("%v", errs)
		}
		// Where the write fails, all of the batch has failed and is not there.
		m.fault = fault{at: 1}
		all.Go(func() { errs[0] = g.Put(ctx, "acme", record(2, "two")) })
		all.Go(func() { errs[1] = g.Put(ctx, "bloom", record(2, "two")) })
		all.Wait()
		if !errors.Is(errs[0], errDisk) || !errors.Is(errs[1], errDisk) {
			t.Errorf("%v", errs)
		}
		m.fault = fault{}
		_, got := m.mustOpen(both...)
		same(t, "after it", got, people{who("acme", 0): "zero", who("acme", 1): "one"})
	})
}

// Records that are together longer than a message go in several, and count
// only when the last of them is there.
func TestBatchLongerThanAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		g := m.waiting(time.Second)
		put(t, g, "acme", 100, "first")
		template := make([]byte, 16<<10)
		var all sync.WaitGroup
		for i := range byte(20) {
			all.Go(func() {
				r := &gallery.Record{Person: wire.Person{i, 1}}
				for range gallery.MaxCaptures {
					r.Left, r.Right = append(r.Left, template), append(r.Right, template)
				}
				if err := g.Put(ctx, "acme", r); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		_, got := m.mustOpen(both...)
		if len(got) != 21 {
			t.Errorf("%d people", len(got))
		}
	})
}

// A platform that fails at any call, in any of the ways in which chips fail,
// costs at most the change that met it, or ends the vault; nothing that was
// acknowledged is lost.
func TestPlatformFailsAtEveryCall(t *testing.T) {
	clean := newMachine(t)
	play(clean)
	calls := clean.calls
	if calls < 15 {
		t.Fatalf("only %d calls", calls)
	}
	for at := 1; at <= calls; at++ {
		for _, how := range []struct {
			name string
			f    platformFault
		}{
			{"busy once", platformFault{at: at}},
			{"reply lost", platformFault{at: at, after: true}},
			{"locked out for good", platformFault{at: at, forGood: true}},
			{"dead after it did it", platformFault{at: at, after: true, forGood: true}},
		} {
			m := newMachine(t)
			m.platform = how.f
			may := play(m)
			m.platform = platformFault{}
			_, got, err := m.open(acme)
			if err != nil {
				t.Fatalf("%s at call %d: the gallery does not open: %v", how.name, at, err)
			}
			for person, texts := range may {
				if text := got[who("acme", person)]; !slices.Contains(texts, text) {
					t.Errorf("%s at call %d: person %d is %q, may be %q", how.name, at, person, text, texts)
				}
			}
		}
	}
	t.Logf("%d calls failed in 4 ways each", calls)
}

// copyNow is the machine as it would be found after a power cut.
func (m *machine) copyNow() *machine {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.copy()
}

// No receipt comes before the gallery is certified, and no deletion either.
func TestUncertifiedDeletesNobody(t *testing.T) {
	m := newMachine(t)
	g, err := gallery.Open(ctx, m.sealer(), m, gallery.Options{Tenants: both})
	if err != nil {
		t.Fatal(err)
	}
	put(t, g, "acme", 0, "zero")
	if _, err := g.Delete(ctx, "acme", wire.Person{0, 1}); !errors.Is(err, gallery.ErrUncertain) {
		t.Error(err)
	}
	vouch := func(gallery.Tenant, ed25519.PublicKey) ([]byte, error) { return []byte("voucher"), nil }
	if err := g.Certify(ctx, [32]byte{}, vouch); err == nil {
		t.Error("a vault without a measurement certifies")
	}
	if err := g.Certify(ctx, program, func(gallery.Tenant, ed25519.PublicKey) ([]byte, error) { return nil, errDisk }); !errors.Is(err, errDisk) {
		t.Error(err)
	}
	if _, err := g.Delete(ctx, "acme", wire.Person{0, 1}); !errors.Is(err, gallery.ErrUncertain) {
		t.Error(err)
	}
	if err := g.Certify(ctx, program, vouch); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Delete(ctx, "acme", wire.Person{0, 1}); err != nil {
		t.Error(err)
	}
}
