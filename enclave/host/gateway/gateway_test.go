package gateway

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"volar/wire"
)

func TestLimitOfConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &memory{}, func(l *Limits) { l.Connections = 3 }, echo)
		var in []net.Conn
		for range 3 {
			c := b.dial()
			mustCall(t, c, "in")
			in = append(in, c)
		}
		for range 5 {
			if took := mustEnd(t, b.dial()); took != 0 {
				t.Errorf("the refusal took %v", took)
			}
		}
		if n := b.value("palmhost_connections_refused_total", "reason", refuseFull); n != 5 {
			t.Errorf("%v refused", n)
		}
		mustCall(t, in[1], "still served")
		in[0].Close()
		synctest.Wait()
		c := b.dial()
		mustCall(t, c, "a place is free")
		for _, c := range append(in, c) {
			c.Close()
		}
		b.close()
	})
}

func TestLimitOfAnAddress(t *testing.T) {
	addr := func(s string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(s), Port: 1} }
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &memory{}, func(l *Limits) { l.PerAddress = 2 }, echo)
		var in []net.Conn
		for _, from := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"} {
			c := b.dialFrom(addr(from))
			mustCall(t, c, "in")
			in = append(in, c)
		}
		for _, from := range []string{"192.0.2.1", "::ffff:192.0.2.1", "2001:db8::3"} {
			mustEnd(t, b.dialFrom(addr(from)))
		}
		if n := b.value("palmhost_connections_refused_total", "reason", refuseAddress); n != 3 {
			t.Errorf("%v refused", n)
		}
		for _, c := range in {
			c.Close()
		}
		synctest.Wait()
		if n := len(b.g.sources); n != 0 {
			t.Errorf("%d addresses are remembered", n)
		}
		b.close()
	})
}

func TestSourceOf(t *testing.T) {
	for _, c := range []struct {
		addr net.Addr
		want string
	}{
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 99}, "192.0.2.7/32"},
		{&net.TCPAddr{IP: net.ParseIP("2001:db8:1:2:3::4"), Port: 99}, "2001:db8:1:2::/64"},
		{&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0"}, "fe80::/64"},
		{&net.UnixAddr{Name: "x"}, netip.Prefix{}.String()},
	} {
		if got := sourceOf(fromAddr{addr: c.addr}).String(); got != c.want {
			t.Errorf("%v: %s, want %s", c.addr, got, c.want)
		}
	}
}

func TestShutdownLetsWavesFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// A frame is answered after as many seconds as its first byte says.
		b := newBench(t, &memory{}, nil, func(v *fakeVault) {
			for e, ok := v.read(); ok; e, ok = v.read() {
				if e.Kind == wire.Data {
					time.AfterFunc(time.Duration(e.Payload[0])*time.Second, func() { v.send(e) })
				}
			}
		})
		fresh, quiet, asking, endless := b.dial(), b.dial(), b.dial(), b.dial()
		for _, c := range []net.Conn{quiet, asking, endless} {
			mustCall(t, c, "\x00")
		}
		time.Sleep(time.Second)
		mustCall(t, fresh, "\x00") // between two frames of a wave
		wire.WriteFrame16(asking, []byte{3})
		wire.WriteFrame16(endless, []byte{60})
		synctest.Wait()

		began := time.Now()
		b.stop()
		synctest.Wait()
		select {
		case <-b.ln.shut:
		default:
			t.Error("the listener is open")
		}
		within := func(what string, got, want time.Duration) {
			t.Helper()
			if step := DefaultLimits().Quiet / 10; got < want || got > want+step {
				t.Errorf("%s: %v after the signal, want %v", what, got, want)
			}
		}
		mustEnd(t, quiet)
		within("quiet connection", time.Since(began), DefaultLimits().Quiet-time.Second)
		mustCall(t, fresh, "\x01") // goes on with its wave
		within("wave that went on", time.Since(began), DefaultLimits().Quiet)
		if frame, err := wire.ReadFrame16(asking); err != nil || frame[0] != 3 {
			t.Errorf("the answer of a running wave: %v, %v", frame, err)
		}
		within("answer", time.Since(began), 3*time.Second)
		mustEnd(t, fresh)
		mustEnd(t, asking)
		mustEnd(t, endless)
		within("the last connection", time.Since(began), DefaultLimits().Drain)
		if err := <-b.served; err != nil {
			t.Error(err)
		}
		b.ended(endShutdown, 4)
	})
}

func TestShutdownServesBlobsToTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &memory{}
		var last error
		b := newBench(t, s, nil, func(v *fakeVault) {
			echo(v) // until the host closes the sessions
			time.Sleep(time.Second)
			_, last = v.ask(wire.BlobRequest{Op: wire.BlobApply, Puts: []wire.Blob{{Key: "begun", Value: []byte("before")}}})
		})
		c := b.dial()
		mustCall(t, c, "x")
		began := time.Now()
		c.Close()
		b.close()
		if took := time.Since(began); took != time.Second {
			t.Errorf("stopping took %v, the vault needed 1s", took)
		}
		if last != nil || string(s.blobs["begun"]) != "before" {
			t.Errorf("the vault's last Apply: %v, %q", last, s.blobs["begun"])
		}
	})
}

func TestShutdownKillsAVaultThatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &memory{}, nil, func(v *fakeVault) { <-v.killed })
		began := time.Now()
		b.close()
		if took := time.Since(began); took != DefaultLimits().Stop {
			t.Errorf("stopping took %v", took)
		}
	})
}

func TestServeEndsWithItsListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &memory{}, nil, echo)
		c := b.dial()
		mustCall(t, c, "x")
		b.ln.Close()
		if err := <-b.served; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve: %v", err)
		}
		mustEnd(t, c)
	})
}

// tired is a listener without file descriptors for a while.
type tired struct {
	*listener
	failures int
}

type noDescriptors struct{ error }

func (noDescriptors) Temporary() bool { return true }

func (l *tired) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, noDescriptors{io.ErrShortBuffer}
	}
	return l.listener.Accept()
}

func TestAcceptWaitsOutPassingTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &memory{}, nil, echo)
		ln := &tired{listener: newListener(), failures: 4}
		ended := make(chan error, 1)
		began := time.Now()
		go func() { ended <- b.g.accept(ln) }()
		ours, theirs := net.Pipe()
		ln.conns <- theirs
		if took := time.Since(began); took != (5+10+20+40)*time.Millisecond {
			t.Errorf("accepted after %v", took)
		}
		mustCall(t, ours, "x")
		ours.Close()
		ln.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept: %v", err)
		}
		b.close()
	})
}
