package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"volar/enclave/host/store"
	"volar/wire"
)

// dieAtData lives until a device has sent n frames and dies in the middle of that wave.
func dieAtData(n int) func(*fakeVault) {
	return func(v *fakeVault) {
		for e, ok := v.read(); ok; e, ok = v.read() {
			if e.Kind != wire.Data {
				continue
			}
			if n--; n == 0 {
				return
			}
			v.send(e)
		}
	}
}

func TestVaultThatDiesEndsAllConnectionsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &memory{}, nil, dieAtData(31), echo)
		var devices []net.Conn
		for range 30 {
			c := b.dial()
			mustCall(t, c, "first")
			devices = append(devices, c)
		}
		began := time.Now()
		wire.WriteFrame16(devices[7], []byte("the wave in which it dies"))
		for _, c := range devices {
			mustEnd(t, c)
		}
		synctest.Wait()
		if took := time.Since(began); took != 0 {
			t.Errorf("the connections ended after %v", took)
		}
		b.ended(endVaultGone, 30)

		refused := b.dial()
		mustEnd(t, refused)
		if up, n := b.value("palmhost_vault_up"), b.value("palmhost_connections_refused_total", "reason", refuseVault); up != 0 || n != 1 {
			t.Errorf("vault up %v, %v refused", up, n)
		}
		time.Sleep(DefaultLimits().BackoffLeast)
		synctest.Wait()
		again := b.dial()
		mustCall(t, again, "the next vault answers")
		again.Close()
		if n := b.value("palmhost_vault_restarts_total"); n != 1 {
			t.Errorf("%v restarts", n)
		}
		b.close()
	})
}

func TestRestartsBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []string
		note := func() { at = append(at, fmt.Sprint(time.Since(began).Round(time.Millisecond))) }
		dies := func(*fakeVault) { note() }
		// Two that die, one that cannot be started, six that die, one that lives a
		// while, and one that dies.
		lives := []func(*fakeVault){dies, dies, nil, dies, dies, dies, dies, dies, dies,
			func(*fakeVault) { note(); time.Sleep(2 * time.Minute) }, dies, echo}
		b := newBench(t, &memory{}, nil, lives...)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		want := "[0s 200ms 1.4s 3s 6.2s 12.6s 25.4s 51s 1m21s 3m21.2s]"
		if got := fmt.Sprint(at); got != want {
			t.Errorf("started at\n%s, want\n%s", got, want)
		}
		c := b.dial()
		mustCall(t, c, "alive")
		c.Close()
		b.close()
	})
}

func TestStopDuringABackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &memory{}, nil, func(*fakeVault) {})
		time.Sleep(time.Minute)
		began := time.Now()
		b.close()
		if took := time.Since(began); took != 0 {
			t.Errorf("stopping took %v", took)
		}
	})
}

func TestVaultThatBreaksTheProtocolIsReplaced(t *testing.T) {
	frame := func(b ...byte) []byte {
		return append([]byte{0, 0, byte(len(b) >> 8), byte(len(b))}, b...)
	}
	open, err := wire.EncodeEnvelope(wire.Envelope{Session: 1, Kind: wire.Open})
	if err != nil {
		t.Fatal(err)
	}
	for name, life := range map[string]func(*fakeVault){
		"garbage on the sessions":  func(v *fakeVault) { v.sessions.Write(bytes.Repeat([]byte{0xff}, 64)); v.read() },
		"oversized envelope":       func(v *fakeVault) { v.sessions.Write([]byte{0, 1, 0xff, 0xff, 1}); v.read() },
		"not an envelope":          func(v *fakeVault) { v.sessions.Write(frame(0x80)); v.read() },
		"opens a session":          func(v *fakeVault) { v.sessions.Write(frame(open...)); v.read() },
		"garbage on the blobs":     func(v *fakeVault) { v.blobs.Write(bytes.Repeat([]byte{0xff}, 64)); v.read() },
		"not a blob request":       func(v *fakeVault) { v.blobs.Write(frame(0xa0)); v.read() },
		"closes the blobs":         func(v *fakeVault) { v.blobs.Close(); v.read() },
		"closes the sessions":      func(v *fakeVault) { v.sessions.Close() },
		"ends in a frame of blobs": func(v *fakeVault) { v.blobs.Write([]byte{0, 0, 0, 9, 1}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, &memory{}, nil, life, echo)
				time.Sleep(DefaultLimits().BackoffLeast)
				synctest.Wait()
				if n := b.value("palmhost_vault_restarts_total"); n != 1 {
					t.Errorf("%v restarts", n)
				}
				c := b.dial()
				mustCall(t, c, "the next vault answers")
				c.Close()
				b.close()
			})
		})
	}
}

func TestSlowVaultMakesDevicesWaitAndGrowsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wakes := make(chan struct{})
		b := newBench(t, &memory{}, nil, func(v *fakeVault) { <-wakes; echo(v) })
		// Each device has more to say than the host takes while the vault takes nothing.
		var devices []net.Conn
		written := make([]int, 50)
		for i := range written {
			c := b.dial()
			devices = append(devices, c)
			go func() {
				for wire.WriteFrame16(c, bytes.Repeat([]byte{1}, 10_000)) == nil {
					written[i]++
				}
			}()
		}
		time.Sleep(DefaultLimits().Forward - time.Second)
		synctest.Wait()
		for i, n := range written {
			if n > 2 { // one that waits for the vault, and one that the reader's buffer may have begun
				t.Fatalf("the host took %d frames of device %d", n, i)
			}
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		b.ended(endBusy, 50)
		close(wakes) // in time: the vault is still the same
		synctest.Wait()
		c := b.dial()
		mustCall(t, c, "awake")
		c.Close()
		for _, c := range devices {
			c.Close()
		}
		b.close()
		if n := b.value("palmhost_vault_restarts_total"); n != 0 {
			t.Errorf("%v restarts", n)
		}
	})
}

func TestStalledVaultIsReplacedUnlessItAsksForBlobs(t *testing.T) {
	for _, c := range []struct {
		name string
		life func(*fakeVault)
		want float64
	}{
		{"stalled", func(v *fakeVault) { <-v.killed }, 1},
		{"answers, and is slow to take more", func(v *fakeVault) {
			for range 30 {
				time.Sleep(10 * time.Second)
				if err := v.send(wire.Envelope{Session: 99, Kind: wire.Data, Payload: []byte("for another device")}); err != nil {
					panic(err)
				}
			}
			echo(v)
		}, 0},
		{"restores its gallery", func(v *fakeVault) {
			for range 30 {
				time.Sleep(10 * time.Second)
				if _, err := v.ask(wire.BlobRequest{ID: 1, Op: wire.BlobGet, Key: "k"}); err != nil {
					panic(err)
				}
			}
			echo(v)
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, &memory{}, nil, c.life, echo)
				waits := b.dial()
				wire.WriteFrame16(waits, []byte("x"))
				time.Sleep(10 * time.Minute)
				if n := b.value("palmhost_vault_restarts_total"); n != c.want {
					t.Errorf("%v restarts, want %v", n, c.want)
				}
				waits.Close()
				d := b.dial()
				mustCall(t, d, "served")
				d.Close()
				b.close()
			})
		})
	}
}

func TestStartRefuses(t *testing.T) {
	good := Config{Launch: func() (*Vault, error) { return nil, errors.New("no such file") }, Store: &memory{},
		Limits: DefaultLimits(), Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry())}
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"a vault that cannot start": {func(*Config) {}, "no such file"},
		"no limits":                 {func(c *Config) { c.Limits = Limits{} }, "limit of 0"},
		"no time limit":             {func(c *Config) { c.Limits.Idle = 0 }, "time limit of 0"},
		"no launch":                 {func(c *Config) { c.Launch = nil }, "must be set"},
		"no store":                  {func(c *Config) { c.Store = nil }, "must be set"},
		"no log":                    {func(c *Config) { c.Log = nil }, "must be set"},
		"no metrics":                {func(c *Config) { c.Metrics = nil }, "must be set"},
	} {
		cfg := good
		c.change(&cfg)
		if _, err := Start(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBlobsAreServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &memory{}
		asked := make(chan error, 1)
		b := newBench(t, s, nil, func(v *fakeVault) { asked <- useBlobs(v, s); echo(v) })
		if err := <-asked; err != nil {
			t.Error(err)
		}
		if done, failed := b.value("palmhost_store_operations_total", "result", "done"), b.value("palmhost_store_operations_total", "result", "failed"); done != 8 || failed != 3 {
			t.Errorf("%v done, %v failed", done, failed)
		}
		b.close()
		if n := b.value("palmhost_vault_restarts_total"); n != 0 {
			t.Errorf("a failing store cost %v restarts", n)
		}
	})
}

// useBlobs walks through the store's operations from the vault's side.
func useBlobs(v *fakeVault, s *memory) error {
	var many []wire.Blob
	var first []string
	for i := range wire.MaxKeys {
		many = append(many, wire.Blob{Key: fmt.Sprintf("b/%04d", i)})
		first = append(first, many[i].Key)
	}
	for i, c := range []struct {
		fail error
		ask  wire.BlobRequest
		want wire.BlobReply
	}{
		{nil, wire.BlobRequest{Op: wire.BlobApply, Puts: []wire.Blob{{Key: "a", Value: []byte("1")}, {Key: "b"}}}, wire.BlobReply{}},
		{nil, wire.BlobRequest{Op: wire.BlobGet, Key: "a"}, wire.BlobReply{Found: true, Value: []byte("1")}},
		{nil, wire.BlobRequest{Op: wire.BlobGet, Key: "c"}, wire.BlobReply{}},
		{nil, wire.BlobRequest{Op: wire.BlobApply, Deletes: []string{"b", "c"}}, wire.BlobReply{}},
		{nil, wire.BlobRequest{Op: wire.BlobList}, wire.BlobReply{Keys: []string{"a"}}},
		{nil, wire.BlobRequest{Op: wire.BlobApply, Puts: many}, wire.BlobReply{}},
		{nil, wire.BlobRequest{Op: wire.BlobList, Prefix: "b/"}, wire.BlobReply{Keys: first}},
		{nil, wire.BlobRequest{Op: wire.BlobList}, wire.BlobReply{Keys: append([]string{"a"}, first[:wire.MaxKeys-1]...), More: true}},
		{store.ErrFull, wire.BlobRequest{Op: wire.BlobApply, Deletes: []string{"a"}}, wire.BlobReply{Err: "store: no space left"}},
		{fmt.Errorf("store: get: %w: /a/path/on/the/host", store.ErrIO), wire.BlobRequest{Op: wire.BlobGet, Key: "a"}, wire.BlobReply{Err: "store: disk failed"}},
		{errors.New("/a/path/on/the/host"), wire.BlobRequest{Op: wire.BlobList}, wire.BlobReply{Err: "store: request failed"}},
	} {
		s.mu.Lock()
		s.fail = c.fail
		s.mu.Unlock()
		c.ask.ID, c.want.ID = uint64(i), uint64(i)
		got, err := v.ask(c.ask)
		if err != nil {
			return err
		}
		a, _ := wire.EncodeBlobReply(got)
		b, _ := wire.EncodeBlobReply(c.want)
		if !bytes.Equal(a, b) {
			return fmt.Errorf("request %d: reply %+v, want %+v", i, got, c.want)
		}
	}
	return nil
}

// FuzzAnswer feeds the request handler whatever a broken vault may send: it
// replies with something decodable, or refuses, and never panics.
func FuzzAnswer(f *testing.F) {
	for _, r := range []wire.BlobRequest{
		{ID: 1, Op: wire.BlobGet, Key: "head"},
		{ID: 2, Op: wire.BlobList, Prefix: "r/", After: "r/1"},
		{ID: 3, Op: wire.BlobApply, Puts: []wire.Blob{{Key: "r/2", Value: []byte("sealed")}}, Deletes: []string{"r/1"}},
	} {
		b, err := wire.EncodeBlobRequest(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	s, err := store.Open(f.Context(), f.TempDir()+"/blobs.db")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	m, log := NewMetrics(prometheus.NewRegistry()), slog.New(slog.DiscardHandler)
	f.Fuzz(func(t *testing.T, b []byte) {
		encoded, err := answer(s, m, log, b)
		if err != nil {
			return
		}
		req, err := wire.DecodeBlobRequest(b)
		if err != nil {
			t.Fatalf("answered what is no request: %v", err)
		}
		reply, err := wire.DecodeBlobReply(encoded)
		if err != nil || reply.ID != req.ID || reply.Err != "" {
			t.Fatalf("request %d was answered with %d, %q, %v", req.ID, reply.ID, reply.Err, err)
		}
	})
}
