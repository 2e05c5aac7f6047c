package firmware

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"volar/hal"
	"volar/wire"
)

// bubble runs a test with a device in fake time.
func bubble(t *testing.T, do func(*testing.T, *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { do(t, newBench(t)) })
}

func TestWave(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.start(Config{})
		d := b.wave()
		if d.Outcome != Accepted || d.Person != (wire.Person{9}) || d.Order.Purpose != wire.Identify || d.Bursts != 1 || d.Hand != wire.Left || d.Wave != 1 {
			t.Errorf("%+v", d)
		}
		if d := b.wave(); d.Outcome != Accepted || d.Wave != 2 {
			t.Errorf("%+v", d)
		}
		b.stop()

		want := "approach guide challenge capture judge seal wait answer remove idle"
		if got := strings.Join(b.states(), " "); got != want+" "+want+" off" {
			t.Errorf("states %s", got)
		}
		wantCues := []hal.Cue{hal.CueIdle, hal.CueHover, hal.CueStill, hal.CueWorking, hal.CueAccepted, hal.CueIdle}
		if !slices.Equal(b.cues[:len(wantCues)], wantCues) {
			t.Errorf("cues %v", b.cues)
		}
		var stages []string
		for _, s := range b.kind(KindStage)[:10] {
			stages = append(stages, s.Stage)
		}
		if got := strings.Join(stages, " "); got != "open guide nonce capture vision quality liveness seal link answer" {
			t.Errorf("stages %s", got)
		}
		if b.dials != 1 {
			t.Errorf("%d sessions for two waves", b.dials)
		}
		if f := b.kind(KindFault); f != nil {
			t.Errorf("faults %v", f)
		}
	})
}

// TestNoBurstBeforeTheVaultIsKnown holds the order of a wave: evidence, then
// the first shot; nonce, then the burst.
func TestNoBurstBeforeTheVaultIsKnown(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.start(Config{})
		b.wave()
		b.stop()
		log := strings.Join(b.log, ", ")
		burst := "begin identify, shoot dark, shoot white, shoot nir850, shoot nir940, "
		for _, l := range CodeOf(wire.Nonce{byte(wire.Identify)}) {
			burst += "shoot " + l.String() + ", "
		}
		burst += "sample left"
		look := "shoot dark, shoot nir850, "
		if !strings.HasPrefix(log, "dial, "+look+look+look+burst) { // the first look cannot tell motion
			t.Error(log)
		}
	})
}

func TestRetries(t *testing.T) {
	poor := func(at ...int) func(int) (*rectified, error) {
		return func(n int) (*rectified, error) {
			p := goodPalm()
			if slices.Contains(at, n) {
				p.tilt = 20
			}
			return p, nil
		}
	}
	for _, c := range []struct {
		name    string
		set     func(*bench)
		outcome Outcome
		bursts  int
		cue     hal.Cue // that was shown on the way
		last    hal.Cue // that told the outcome
	}{
		{"second burst good", func(b *bench) { b.palm = poor(0) }, Accepted, 2, hal.CueFlatter, hal.CueAccepted},
		{"third burst good", func(b *bench) { b.palm = poor(0, 1) }, Accepted, 3, hal.CueFlatter, hal.CueAccepted},
		{"none good", func(b *bench) { b.palm = poor(0, 1, 2) }, Unusable, 3, hal.CueFlatter, hal.CueAgain},
		{"no palm", func(b *bench) { b.palm = func(int) (*rectified, error) { return nil, errors.New("no palm") } }, Unusable, 3, hal.CueAgain, hal.CueAgain},
		{"not live", func(b *bench) { b.live = func(int) bool { return false } }, NotLive, 3, hal.CueAgain, hal.CueRefused},
		{"live at last", func(b *bench) { b.live = func(n int) bool { return n == 2 } }, Accepted, 3, hal.CueAgain, hal.CueAccepted},
		{"no skin", func(b *bench) {
			b.palm = func(int) (*rectified, error) {
				p := goodPalm()
				clear(p.rgbMask[:wire.MaskBytes/2])
				return p, nil
			}
		}, Unusable, 3, hal.CueCentre, hal.CueAgain},
		{"no sample can be made", func(b *bench) {
			b.palm = func(int) (*rectified, error) {
				p := goodPalm()
				p.hand = 0
				return p, nil
			}
		}, Unusable, 3, hal.CueAgain, hal.CueAgain},
		{"vault says again", answers(wire.Again, wire.Again, wire.Accepted), Accepted, 3, hal.CueAgain, hal.CueAccepted},
		{"vault says again and again", answers(wire.Again, wire.Again, wire.Again), Unusable, 3, hal.CueAgain, hal.CueAgain},
		{"vault says no", answers(wire.Refused), Refused, 1, hal.CueWorking, hal.CueRefused},
		{"vault wants no sample", func(b *bench) {
			b.call = func(int, wire.Message) (wire.Message, error) { return wire.Answer{}, nil }
		}, Refused, 0, hal.CueHover, hal.CueRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				c.set(b)
				b.start(Config{})
				d := b.wave()
				b.stop()
				if d.Outcome != c.outcome || d.Bursts != c.bursts {
					t.Errorf("%+v", d)
				}
				if !b.showed(c.cue) {
					t.Errorf("cues %v, want %v among them", b.cues, c.cue)
				}
				if last := b.cues[len(b.cues)-2]; last != c.last {
					t.Errorf("cues %v, want %v before idle", b.cues, c.last)
				}
			})
		})
	}
}

// answers is a vault that gives these answers to samples, in turn.
func answers(status ...wire.Status) func(*bench) {
	return func(b *bench) {
		n := 0
		b.call = func(_ int, m wire.Message) (wire.Message, error) {
			if _, ok := m.(wire.Begin); ok {
				return wire.Challenge{Nonce: wire.Nonce{1}}, nil
			}
			n++
			return wire.Answer{Status: status[n-1]}, nil
		}
	}
}

// TestHandGone takes the hand away in every state.
func TestHandGone(t *testing.T) {
	for after := 500 * time.Microsecond; after < 600*time.Millisecond; after += 13 * time.Millisecond {
		bubble(t, func(t *testing.T, b *bench) {
			b.start(Config{})
			b.set(true)
			time.Sleep(after)
			b.set(false)
			time.Sleep(5 * time.Second)
			d := b.decision()
			shown := b.cues[len(b.cues)-2] == hal.CueAccepted && b.cues[len(b.cues)-1] == hal.CueIdle
			switch d.Outcome {
			case Left:
				if b.showed(hal.CueAccepted) || b.bursts > 0 {
					t.Errorf("after %v: the hand left, cues %v, %d bursts judged", after, b.cues, b.bursts)
				}
			case Accepted:
				if !shown {
					t.Errorf("after %v: cues %v", after, b.cues)
				}
			default:
				t.Errorf("after %v: %+v", after, d)
			}
			if d := b.wave(); d.Outcome != Accepted {
				t.Errorf("after %v: the next wave: %+v", after, d)
			}
			b.stop()
		})
	}
}

// TestStop ends the device at any time of a wave.
func TestStop(t *testing.T) {
	seen := make(map[string]bool)
	for after := 500 * time.Microsecond; after < 2500*time.Millisecond; after += 17 * time.Millisecond {
		bubble(t, func(t *testing.T, b *bench) {
			b.start(Config{})
			b.set(true)
			time.Sleep(after)
			if s := b.states(); len(s) > 0 {
				seen[s[len(s)-1]] = true
			}
			began := time.Now()
			b.stop()
			if took := time.Since(began); took > 50*time.Millisecond {
				t.Errorf("after %v: took %v to stop", after, took)
			}
			if len(b.log) > 0 && b.dials > 0 && b.log[len(b.log)-1] != "close" && slices.Contains(b.log, "dial") {
				t.Errorf("after %v: left a session open: %v", after, b.log)
			}
		})
	}
	for _, s := range strings.Fields("approach guide challenge capture wait answer remove") {
		if !seen[s] {
			t.Errorf("never stopped in %s", s)
		}
	}
}

func TestGuideTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.blind = true
		b.start(Config{GuideFor: 3 * time.Second})
		d := b.wave()
		if d.Outcome != TimedOut || d.Took < 3*time.Second || d.Took > 4*time.Second || !b.showed(hal.CueCentre) {
			t.Errorf("%+v, cues %v", d, b.cues)
		}
		b.stop()
	})
}

func TestEnrolment(t *testing.T) {
	left, right := wire.Left, wire.Right
	hands := []wire.Hand{left, left, left, right, right, right}
	bubble(t, func(t *testing.T, b *bench) {
		n := 0
		b.palm = func(int) (*rectified, error) {
			p := goodPalm()
			p.hand = hands[n]
			return p, nil
		}
		b.hand = func() wire.Hand { return hands[n] }
		b.call = func(_ int, m wire.Message) (wire.Message, error) {
			if _, ok := m.(wire.Begin); ok {
				return wire.Challenge{Nonce: wire.Nonce{1}}, nil
			}
			if n+1 == len(hands) {
				return wire.Answer{Status: wire.Accepted, Person: wire.Person{7}}, nil
			}
			return wire.Answer{Status: wire.More, Hand: hands[n+1]}, nil
		}
		b.orders <- Order{Purpose: wire.Enrol}
		b.start(Config{Orders: b})
		for n = range hands {
			d := b.wave()
			want := Another
			if n+1 == len(hands) {
				want = Accepted
			}
			if d.Outcome != want || d.Order.Purpose != wire.Enrol || d.Hand != hands[n] {
				t.Errorf("wave %d: %+v", n, d)
			}
			switch last := b.cues[len(b.cues)-1]; {
			case n < 2 || n == 3 || n == 4:
				if last != hal.CueHover {
					t.Errorf("after wave %d: cues %v", n, b.cues)
				}
			case n == 2:
				if last != hal.CueOtherHand {
					t.Errorf("after wave %d: cues %v", n, b.cues)
				}
			case last != hal.CueIdle:
				t.Errorf("after wave %d: cues %v", n, b.cues)
			}
		}
		b.stop()
		if got := strings.Count(strings.Join(b.log, " "), "begin enrol"); got != len(hands) || b.dials != 1 {
			t.Errorf("%d waves begun over %d sessions", got, b.dials)
		}
	})
}

// TestEnrolmentLeft has a person go away amidst an enrolment: the order ends,
// and so does the session, so that the vault forgets what it was given.
func TestEnrolmentLeft(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		answers(wire.More, wire.Accepted)(b)
		more := b.call
		b.call = func(n int, m wire.Message) (wire.Message, error) {
			r, err := more(n, m)
			if a, ok := r.(wire.Answer); ok && a.Status == wire.More {
				a.Hand = wire.Right
				r = a
			}
			return r, err
		}
		b.orders <- Order{Purpose: wire.Enrol}
		b.start(Config{Orders: b})
		if d := b.wave(); d.Outcome != Another || d.Next != wire.Right {
			t.Errorf("%+v", d)
		}
		if !b.showed(hal.CueOtherHand) {
			t.Errorf("cues %v", b.cues)
		}
		// The same hand again: guided to the other one, and never taken.
		b.set(true)
		time.Sleep(3 * time.Second)
		if b.bursts != 1 || b.cues[len(b.cues)-1] != hal.CueOtherHand {
			t.Errorf("%d bursts, cues %v", b.bursts, b.cues)
		}
		b.set(false)
		if d := b.decision(); d.Outcome != Left {
			t.Errorf("%+v", d)
		}
		if d := b.decision(); d.Outcome != TimedOut || d.Order.Purpose != wire.Enrol {
			t.Errorf("%+v", d)
		}
		time.Sleep(time.Second)
		if b.log[len(b.log)-1] != "close" || b.cues[len(b.cues)-1] != hal.CueIdle {
			t.Errorf("log %v, cues %v", b.log, b.cues)
		}
		b.orders <- Order{Purpose: wire.Identify}
		if d := b.wave(); d.Outcome != Accepted || d.Order.Purpose != wire.Identify {
			t.Errorf("%+v", d)
		}
		b.stop()
	})
}

// TestWrongHand has a hand that guiding takes for the one that is wanted, and
// the burst for the other.
func TestWrongHand(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.call = func(_ int, m wire.Message) (wire.Message, error) {
			if _, ok := m.(wire.Begin); ok {
				return wire.Challenge{Nonce: wire.Nonce{1}}, nil
			}
			return wire.Answer{Status: wire.More, Hand: wire.Right}, nil
		}
		b.orders <- Order{Purpose: wire.Enrol}
		b.start(Config{Orders: b})
		b.wave()
		b.hand = func() wire.Hand { return wire.Right }
		if d := b.wave(); d.Outcome != Unusable || d.Bursts != maxBursts {
			t.Errorf("%+v", d)
		}
		b.stop()
		if n := strings.Count(strings.Join(b.log, " "), "sample"); n != 1 || !b.showed(hal.CueOtherHand) {
			t.Errorf("%d samples sent, cues %v", n, b.cues)
		}
	})
}

func TestOrders(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.start(Config{Orders: b})
		b.orders <- Order{} // no purpose: told of, and passed over
		b.orders <- Order{Purpose: wire.Verify, Person: wire.Person{4}}
		if d := b.wave(); d.Outcome != Accepted || d.Order.Person != (wire.Person{4}) {
			t.Errorf("%+v", d)
		}
		if f := b.kind(KindFault); len(f) != 1 || !strings.HasPrefix(f[0].Error, "firmware: take an order: ") {
			t.Errorf("%+v", f)
		}
		// No order comes: the device gives up on the hand, and says nothing to the till.
		b.set(true)
		time.Sleep(orderFor + time.Second)
		if !b.showed(hal.CueAgain) || len(b.decisions) != 0 {
			t.Errorf("cues %v, %d decisions", b.cues, len(b.decisions))
		}
		b.set(false)
		time.Sleep(time.Second)
		b.stop()
	})
}

func TestTracesHoldNothingSecret(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.start(Config{})
		b.wave()
		b.stop()
		for _, tr := range b.traces {
			if text := fmt.Sprintf("%+v", tr); strings.Contains(text, "planted") {
				t.Error(text)
			}
		}
	})
}
