package gateway

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"volar/wire"
)

func TestFramesPassBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &memory{}, nil, echo)
		c := b.dial()
		for _, frame := range []string{"a", "hello", string(bytes.Repeat([]byte{0xff}, wire.MaxFrame16))} {
			mustCall(t, c, frame)
		}
		c.Close()
		synctest.Wait()
		b.ended(endDevice, 1)
		if in, out := b.value("palmhost_frame_bytes_total", "direction", "in"), b.value("palmhost_frame_bytes_total", "direction", "out"); in != out || in != 6+wire.MaxFrame16 {
			t.Errorf("counted %v bytes in and %v out", in, out)
		}
		b.close()
	})
}

func TestVaultSeesOpenDataClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []wire.Envelope
		b := newBench(t, &memory{}, nil, func(v *fakeVault) {
			for e, ok := v.read(); ok; e, ok = v.read() {
				seen = append(seen, e)
			}
		})
		silent := b.dial() // costs the vault nothing
		first, second := b.dial(), b.dial()
		wire.WriteFrame16(first, []byte("one"))
		wire.WriteFrame16(second, []byte("two"))
		second.Write([]byte{0, 9, 'h', 'a', 'l', 'f'})
		synctest.Wait()
		first.Close()
		second.Close()
		silent.Close()
		synctest.Wait()
		b.close()
		bySession := map[uint64][]string{}
		for _, e := range seen {
			bySession[e.Session] = append(bySession[e.Session], fmt.Sprint(e.Kind, string(e.Payload)))
		}
		if got := fmt.Sprint(bySession); got != "map[2:[1 2one 3] 3:[1 2two 3]]" {
			t.Errorf("the vault saw %s", got)
		}
	})
}

func TestRepliesKeepTheirOrderAndComeBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &memory{}, nil, func(v *fakeVault) {
			e, _ := v.read()
			v.read()
			for i := range 4 {
				v.send(wire.Envelope{Session: e.Session, Kind: wire.Data, Payload: []byte{byte(i)}})
			}
			v.send(wire.Envelope{Session: e.Session, Kind: wire.Close})
			v.send(wire.Envelope{Session: e.Session, Kind: wire.Data, Payload: []byte("late")})
			if e, ok := v.read(); ok {
				t.Errorf("the vault closed the session and was still sent %v", e.Kind)
			}
		})
		c := b.dial()
		wire.WriteFrame16(c, []byte("x"))
		synctest.Wait() // the vault has closed the session before the device reads anything
		for i := range 4 {
			if frame, err := wire.ReadFrame16(c); err != nil || len(frame) != 1 || frame[0] != byte(i) {
				t.Fatalf("reply %d: %v, %v", i, frame, err)
			}
		}
		mustEnd(t, c)
		b.close()
		b.ended(endVault, 1)
		if n := b.value("palmhost_replies_dropped_total"); n != 1 {
			t.Errorf("%v replies were dropped", n)
		}
	})
}

func TestSlowDevicesLoseTheirConnection(t *testing.T) {
	d := DefaultLimits()
	for _, c := range []struct {
		name   string
		device func(t *testing.T, c net.Conn)
		after  time.Duration
		reason string
	}{
		{"says nothing", func(*testing.T, net.Conn) {}, d.Handshake, endHandshake},
		{"half a length", func(t *testing.T, c net.Conn) { c.Write([]byte{1}) }, d.Handshake, endHandshake},
		{"one frame, then silence", func(t *testing.T, c net.Conn) { mustCall(t, c, "hello") }, d.Handshake, endHandshake},
		{"handshake byte by byte", func(t *testing.T, c net.Conn) {
			c.Write([]byte{0, 40})
			for range 14 {
				time.Sleep(time.Second)
				c.Write([]byte{0})
			}
		}, d.Handshake - 14*time.Second, endHandshake},
		{"silent session", shakeHands, d.Idle, endIdle},
		{"half a frame in a session", func(t *testing.T, c net.Conn) {
			shakeHands(t, c)
			time.Sleep(d.Idle - time.Second)
			c.Write([]byte{0, 9, 1})
		}, d.Frame, endFrameTime},
		{"takes no reply", func(t *testing.T, c net.Conn) {
			shakeHands(t, c)
			wire.WriteFrame16(c, []byte("x"))
			time.Sleep(d.Write + time.Second)
		}, 0, endSlow},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, &memory{}, nil, echo)
				device := b.dial()
				c.device(t, device)
				if got := mustEnd(t, device); got != c.after {
					t.Errorf("ended after %v, want %v", got, c.after)
				}
				synctest.Wait()
				b.ended(c.reason, 1)
				other := b.dial()
				mustCall(t, other, "still served")
				other.Close()
				b.close()
			})
		})
	}
}

func TestGarbageEndsTheConnectionAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &memory{}, nil, echo)
		good := b.dial()
		mustCall(t, good, "a")
		bad := b.dial()
		bad.Write([]byte{0, 0})
		mustEnd(t, bad)
		mustCall(t, good, "b")
		good.Close()
		b.close()
		b.ended(endGarbage, 1)
	})
}

func TestOneSlowDeviceHoldsUpNobodyAndGrowsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The vault answers each frame of the first session with a hundred replies.
		b := newBench(t, &memory{}, nil, func(v *fakeVault) {
			for e, ok := v.read(); ok; e, ok = v.read() {
				for range 100 {
					if e.Kind == wire.Data {
						v.send(e)
					}
					if e.Session != 1 {
						break
					}
				}
			}
		})
		slow, quick := b.dial(), b.dial()
		began := time.Now()
		wire.WriteFrame16(slow, []byte("x"))
		synctest.Wait()
		b.ended(endSlow, 1)
		mustCall(t, quick, "y")
		if took := time.Since(began); took != 0 {
			t.Errorf("the quick device waited %v", took)
		}
		if n := b.value("palmhost_replies_dropped_total"); n < 90 {
			t.Errorf("only %v of 100 replies were dropped", n)
		}
		quick.Close()
		io.Copy(io.Discard, slow)
		b.close()
	})
}

func TestFastDeviceIsReadMoreSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &memory{}, func(l *Limits) { l.FrameRate, l.Burst = 100, 50 }, echo)
		c := b.dial()
		began := time.Now()
		for range 250 {
			mustCall(t, c, "x")
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("250 frames, 50 at once and then 100 a second, took %v", took)
		}
		if n := b.value("palmhost_frames_throttled_total"); n != 200 {
			t.Errorf("%v frames waited", n)
		}
		c.Close()
		b.close()
	})
}
