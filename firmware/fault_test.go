package firmware

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"volar/enclave/attest"
	"volar/hal"
	"volar/wire"
)

// TestCameraFaults spoils one shot in every way at every place of a wave: each
// gives one fault, and the same order is served afterwards.
func TestCameraFaults(t *testing.T) {
	for _, fault := range []error{hal.ErrStalled, hal.ErrUnplugged, hal.ErrHalf, hal.ErrSkew, errors.New("driver: other")} {
		for at := range 14 {
			t.Run(fmt.Sprintf("%v at %d", fault, at), func(t *testing.T) {
				bubble(t, func(t *testing.T, b *bench) {
					b.shoot = func(n int, _ hal.Light) error {
						if n == at {
							return fault
						}
						return nil
					}
					b.orders <- Order{Purpose: wire.Verify, Person: wire.Person{5}}
					b.start(Config{Orders: b})
					b.set(true)
					d := b.decision()
					hit := int(b.seq) > at
					if hit {
						if d.Outcome != Broken {
							t.Errorf("%+v", d)
						}
						d = b.decision()
					}
					if d.Outcome != Accepted || d.Order.Person != (wire.Person{5}) {
						t.Errorf("%+v", d)
					}
					b.stop()
					faults := b.kind(KindFault)
					if hit != (len(faults) == 1) || hit && (!strings.HasPrefix(faults[0].Error, "capture: shoot ") || !strings.HasSuffix(faults[0].Error, fault.Error())) {
						t.Errorf("faults %+v", faults)
					}
					if hit && !b.showed(hal.CueAgain) {
						t.Errorf("cues %v", b.cues)
					}
				})
			})
		}
	}
}

// TestCameraGone has a camera that stays away for a minute: out of service,
// tried ever more slowly, and back.
func TestCameraGone(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		var back time.Time
		var tries []time.Time
		b.shoot = func(n int, _ hal.Light) error {
			if n == 3 {
				back = time.Now().Add(time.Minute)
			}
			if n >= 3 && time.Now().Before(back) {
				tries = append(tries, time.Now())
				return hal.ErrUnplugged
			}
			return nil
		}
		b.start(Config{})
		b.set(true)
		if d := b.decision(); d.Outcome != Broken {
			t.Errorf("%+v", d)
		}
		time.Sleep(20 * time.Second)
		if !b.showed(hal.CueOutOfService) {
			t.Errorf("cues %v", b.cues)
		}
		if d := b.decision(); d.Outcome != Accepted || time.Now().Before(back) || time.Since(back) > lastWait+5*time.Second {
			t.Errorf("%+v, %v after the camera came back", d, time.Since(back))
		}
		b.stop()
		if len(tries) < 5 || len(tries) > 12 {
			t.Errorf("tried %d times in a minute", len(tries))
		}
		if f := b.kind(KindFault); len(f) > 2 {
			t.Errorf("one fault told of %d times: %+v", len(f), f)
		}
	})
}

// TestLinkFaults takes the vault away at each of its calls.
func TestLinkFaults(t *testing.T) {
	gone := errors.New("link: gone")
	for _, c := range []struct {
		name   string
		set    func(*bench)
		broken bool // the person is asked to try again
	}{
		{"dial", func(b *bench) {
			b.dial = func(n int) error {
				if n == 0 {
					return gone
				}
				return nil
			}
		}, true},
		{"begin of a new session", func(b *bench) { fails(b, 0, gone) }, true},
		{"sample", func(b *bench) { fails(b, 1, gone) }, true},
		{"begin of an old session", func(b *bench) { b.before = 1; fails(b, 2, gone) }, false},
		{"sample of an old session", func(b *bench) { b.before = 1; fails(b, 3, gone) }, true},
		{"challenge out of turn", func(b *bench) {
			replies(b, 1, wire.Challenge{Nonce: wire.Nonce{1}})
		}, true},
		{"answer out of turn", func(b *bench) { replies(b, 0, wire.Answer{Status: wire.Accepted}) }, true},
		{"no answer", func(b *bench) { replies(b, 1, nil) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				c.set(b)
				b.start(Config{})
				for range b.before {
					b.wave()
				}
				b.set(true)
				d := b.decision()
				if c.broken {
					if d.Outcome != Broken {
						t.Errorf("%+v", d)
					}
					d = b.decision()
				}
				if d.Outcome != Accepted {
					t.Errorf("%+v", d)
				}
				b.stop()
				if c.broken != b.showed(hal.CueAgain) || b.showed(hal.CueOutOfService) {
					t.Errorf("cues %v", b.cues)
				}
				if f := b.kind(KindFault); c.broken != (len(f) == 1) {
					t.Errorf("faults %+v", f)
				}
			})
		})
	}
}

func fails(b *bench, at int, err error) {
	good := b.call
	b.call = func(n int, m wire.Message) (wire.Message, error) {
		if n == at {
			return nil, err
		}
		return good(n, m)
	}
}

func replies(b *bench, at int, r wire.Message) {
	good := b.call
	b.call = func(n int, m wire.Message) (wire.Message, error) {
		if n == at {
			return r, nil
		}
		return good(n, m)
	}
}

// TestVaultSilent has a vault that takes a sample and never answers.
func TestVaultSilent(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		good := b.call
		b.call = func(n int, m wire.Message) (wire.Message, error) {
			if n == 1 {
				time.Sleep(time.Second + callFor)
				return nil, context.DeadlineExceeded
			}
			return good(n, m)
		}
		b.start(Config{})
		b.set(true)
		if d := b.decision(); d.Outcome != Broken {
			t.Errorf("%+v", d)
		}
		if d := b.decision(); d.Outcome != Accepted {
			t.Errorf("%+v", d)
		}
		b.stop()
	})
}

// TestHandGoneAfterFault drops the order with the hand, so that the next
// person does not get it.
func TestHandGoneAfterFault(t *testing.T) {
	for _, after := range []time.Duration{100 * time.Millisecond, 5 * time.Second} {
		bubble(t, func(t *testing.T, b *bench) {
			fails(b, 1, io.ErrUnexpectedEOF)
			if after > time.Second {
				b.dial = func(n int) error {
					if n > 0 && n < 6 {
						return io.ErrUnexpectedEOF
					}
					return nil
				}
			}
			b.orders <- Order{Purpose: wire.Delete, Person: wire.Person{1}}
			b.start(Config{Orders: b})
			b.set(true)
			if d := b.decision(); d.Outcome != Broken || d.Order.Purpose != wire.Delete {
				t.Errorf("%+v", d)
			}
			time.Sleep(after)
			b.set(false)
			time.Sleep(20 * time.Second)
			b.orders <- Order{Purpose: wire.Identify}
			if d := b.wave(); d.Outcome != Accepted || d.Order.Purpose != wire.Identify {
				t.Errorf("%+v", d)
			}
			b.stop()
		})
	}
}

// TestAnotherHandAfterFault exchanges the hand while the vault is away: the
// order was the first person's.
func TestAnotherHandAfterFault(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		fails(b, 1, io.ErrUnexpectedEOF)
		b.dial = func(n int) error {
			if n > 0 && n < 6 {
				return io.ErrUnexpectedEOF
			}
			return nil
		}
		b.orders <- Order{Purpose: wire.Delete, Person: wire.Person{1}}
		b.orders <- Order{Purpose: wire.Identify}
		b.start(Config{Orders: b})
		b.set(true)
		if d := b.decision(); d.Outcome != Broken || d.Order.Purpose != wire.Delete {
			t.Errorf("%+v", d)
		}
		time.Sleep(time.Second)
		b.set(false)
		time.Sleep(time.Second)
		b.set(true)
		if d := b.decision(); d.Outcome != Accepted || d.Order.Purpose != wire.Identify {
			t.Errorf("%+v", d)
		}
		b.stop()
	})
}

func TestPresenceFault(t *testing.T) {
	broken := errors.New("sensor: no answer on the bus")
	for _, near := range []bool{false, true} {
		bubble(t, func(t *testing.T, b *bench) {
			b.start(Config{})
			b.set(near)
			time.Sleep(50 * time.Millisecond)
			b.breaks(broken)
			time.Sleep(30 * time.Second)
			if !b.showed(hal.CueOutOfService) {
				t.Errorf("near %v: cues %v", near, b.cues)
			}
			b.breaks(nil)
			time.Sleep(40 * time.Second)
			b.set(false)
			time.Sleep(5 * time.Second)
			for len(b.decisions) > 0 {
				<-b.decisions
			}
			if d := b.wave(); d.Outcome != Accepted {
				t.Errorf("near %v: %+v", near, d)
			}
			b.stop()
		})
	}
}

// TestEndOfRecording lets Run end where a camera plays a tape to its end.
func TestEndOfRecording(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.shoot = func(n int, _ hal.Light) error {
			if n == 4 {
				return hal.ErrEnd
			}
			return nil
		}
		b.start(Config{})
		b.set(true)
		if err := <-b.ended; !errors.Is(err, hal.ErrEnd) {
			t.Error(err)
		}
		b.clean()
	})
}

type noOrders struct{ error }

func (n noOrders) Next(context.Context) (Order, error) { return Order{}, n.error }

func TestOrdersFail(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.start(Config{Orders: noOrders{io.ErrClosedPipe}})
		b.set(true)
		if err := <-b.ended; !errors.Is(err, io.ErrClosedPipe) {
			t.Error(err)
		}
	})
}

// TestHungCamera has a driver that ignores its context: the watchdog is left
// alone so that it resets the board, and a stop ends Run with an error.
func TestHungCamera(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		free := make(chan struct{})
		b.shoot = func(n int, _ hal.Light) error {
			if n == 2 {
				<-free
			}
			return nil
		}
		b.start(Config{GuideFor: time.Second})
		b.set(true)
		time.Sleep(actFor + (slowest+1)*time.Second)
		b.mu.Lock()
		kicks := b.kicks
		b.mu.Unlock()
		time.Sleep(time.Minute)
		b.mu.Lock()
		if b.kicks != kicks {
			t.Errorf("kicked %d times while the camera hung", b.kicks-kicks)
		}
		b.mu.Unlock()
		b.cancel()
		if err := <-b.ended; err == nil || !strings.Contains(err.Error(), "guide did not stop in 3s") {
			t.Error(err)
		}
		close(free)
		synctest.Wait()
	})
}

// TestWatchdogIsKicked keeps a device alive that only waits.
func TestWatchdogIsKicked(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.start(Config{})
		time.Sleep(time.Minute)
		b.stop()
		if b.kicks < 55 {
			t.Errorf("%d kicks in a minute", b.kicks)
		}
	})
}

func TestBackoff(t *testing.T) {
	if backoff(0) != 0 {
		t.Error("the first recovery waits")
	}
	for n := 1; n < 100; n++ {
		want := lastWait
		if n < 8 {
			want = firstWait << (n - 1)
		}
		for range 100 {
			if d := backoff(n); d <= want*3/4-1 || d > want {
				t.Errorf("recovery %d waits %v, want %v less a quarter at most", n, d, want)
			}
		}
	}
}

func TestConfigurationRefused(t *testing.T) {
	dial := func(context.Context) (Vault, error) { return nil, nil }
	for name, c := range map[string]Config{
		"zero":      {},
		"guide for": {Dial: dial, GuideFor: -1},
		"show for":  {Dial: dial, ShowFor: time.Hour},
	} {
		if err := c.check(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := Run(t.Context(), &hal.Device{Board: "empty"}, Config{Dial: dial}); err == nil || !strings.Contains(err.Error(), "has no camera") {
		t.Error(err)
	}
}

// TestVaultRefused has a vault that the device does not accept: no picture
// is taken, and face and trace say why, until it is accepted.
func TestVaultRefused(t *testing.T) {
	for _, c := range []struct {
		cause error
		cue   hal.Cue
	}{
		{attest.ErrPolicyTime, hal.CuePolicy}, {attest.ErrMeasurement, hal.CueVaultUnknown}, {attest.ErrDebug, hal.CueVaultOpen},
		{attest.ErrSimulated, hal.CueVaultOpen}, {attest.ErrRollback, hal.CueVaultOld}, {attest.ErrSignature, hal.CueVaultUnproved},
	} {
		bubble(t, func(t *testing.T, b *bench) {
			var good atomic.Bool
			b.dial = func(int) error {
				if good.Load() {
					return nil
				}
				return fmt.Errorf("link: dial: handshake refused: evidence: %w", c.cause)
			}
			b.start(Config{})
			b.set(true)
			if d := b.decision(); d.Outcome != Broken {
				t.Errorf("%v: %+v", c.cause, d)
			}
			time.Sleep(20 * time.Second)
			b.mu.Lock()
			for _, entry := range b.log {
				t.Errorf("%v: the device did: %s", c.cause, entry)
			}
			b.mu.Unlock()
			if !b.showed(c.cue) || b.showed(hal.CueOutOfService) || b.showed(hal.CueAgain) {
				t.Errorf("%v: cues %v, want %v alone", c.cause, b.cues, c.cue)
			}
			why, _ := attest.Why(c.cause)
			if f := b.kind(KindFault); len(f) != 1 || f[0].Reason != why.Name || f[0].Says != why.Text || f[0].Hint != why.Hint {
				t.Errorf("%v: told of as %+v", c.cause, f)
			}
			good.Store(true)
			if d := b.decision(); d.Outcome != Accepted {
				t.Errorf("%v: once accepted: %+v", c.cause, d)
			}
			b.stop()
		})
	}
}
