package gateway

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"volar/wire"
)

// socketPair is a real one, as between the host and a vault's process.
func socketPair() (ours, theirs net.Conn) {
	ours, file, err := pair("test")
	if err != nil {
		panic(err)
	}
	defer file.Close()
	if theirs, err = net.FileConn(file); err != nil {
		panic(err)
	}
	return ours, theirs
}

// overTCP starts a gateway on loopback and gives its address. What it started
// is gone when the test ends, to the last goroutine.
func overTCP(t *testing.T, launch Launch) (addr string, b *bench) {
	t.Helper()
	before := runtime.NumGoroutine()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b = &bench{t: t, registry: prometheus.NewRegistry(), served: make(chan error, 1)}
	b.g, err = Start(Config{Launch: launch, Store: &memory{}, Limits: DefaultLimits(),
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Metrics: NewMetrics(b.registry)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	go func() { b.served <- b.g.Serve(ctx, ln) }()
	t.Cleanup(func() {
		b.close()
		for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				stacks := make([]byte, 1<<16)
				t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(),
					stacks[:runtime.Stack(stacks, true)])
			}
		}
	})
	return ln.Addr().String(), b
}

func dialTCP(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

// honest runs waves like a device's: short frames, then two long ones, each
// with content that no other frame has.
func honest(addr string, device, waves int) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	for wave := range waves {
		for i, size := range []int{40, 49, 200, wire.MaxFrame16, 400} {
			frame := bytes.Repeat(fmt.Appendf(nil, "%d/%d/%d ", device, wave, i), size)[:size]
			if err := wire.WriteFrame16(c, frame); err != nil {
				return fmt.Errorf("device %d, wave %d, frame %d: %w", device, wave, i, err)
			}
			got, err := wire.ReadFrame16(c)
			if err != nil {
				return fmt.Errorf("device %d, wave %d, reply %d: %w", device, wave, i, err)
			}
			if !bytes.Equal(got, frame) {
				return fmt.Errorf("device %d, wave %d: reply %d is another's", device, wave, i)
			}
		}
	}
	return nil
}

// hostile does harm until stop is closed.
func hostile(addr string, rng *rand.Rand, stop <-chan struct{}) {
	for {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		c.SetDeadline(time.Now().Add(200 * time.Millisecond))
		switch rng.IntN(5) {
		case 0: // leaves at once
		case 1: // half a frame, and stays a while
			c.Write([]byte{0xff, 0xff, 1, 2, 3})
			time.Sleep(50 * time.Millisecond)
		case 2: // an empty frame
			c.Write([]byte{0, 0})
		case 3: // random bytes
			b := make([]byte, 1+rng.IntN(5000))
			for i := range b {
				b[i] = byte(rng.Uint32())
			}
			c.Write(b)
		case 4: // floods and reads nothing
			for wire.WriteFrame16(c, make([]byte, 8000)) == nil {
			}
		}
		c.Close()
		select {
		case <-stop:
			return
		default:
		}
	}
}

func TestTwoHundredDevicesAmongHostileOnes(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of frames over real sockets")
	}
	addr, b := overTCP(t, launcher(socketPair, echo))
	stop := make(chan struct{})
	var bad, good sync.WaitGroup
	for i := range 8 {
		bad.Go(func() { hostile(addr, rand.New(rand.NewPCG(1, uint64(i))), stop) })
	}
	errs := make(chan error, 200)
	for i := range 200 {
		good.Go(func() { errs <- honest(addr, i, 4) })
	}
	good.Wait()
	close(stop)
	bad.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	t.Logf("%v frames in, %v out", b.value("palmhost_frames_total", "direction", "in"),
		b.value("palmhost_frames_total", "direction", "out"))
}

func TestStuckVaultDoesNotGrowTheHost(t *testing.T) {
	wake := make(chan struct{})
	addr, b := overTCP(t, launcher(socketPair, func(v *fakeVault) { <-wake }))
	defer close(wake)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	frame := append([]byte{0xff, 0xff}, make([]byte, wire.MaxFrame16)...)
	var flood sync.WaitGroup
	for range 200 {
		c := dialTCP(t, addr)
		defer c.Close()
		c.SetDeadline(time.Now().Add(time.Second))
		flood.Go(func() {
			for _, err := c.Write(frame); err == nil; _, err = c.Write(frame) {
			}
		})
	}
	flood.Wait() // each has written until nothing more was taken
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("%d KiB for each of 200 devices", grown>>10/200)
	if grown > 200*4*wire.MaxFrame16 { // a frame and its envelope are held, four of that size are allowed
		t.Errorf("the heap has grown by %d MiB", grown>>20)
	}
	if n := b.value("palmhost_connections"); n != 200 {
		t.Errorf("%v connections are open", n)
	}
}

// vaultMode makes this test binary a vault's process.
const vaultMode = "GATEWAY_TEST_VAULT"

func TestMain(m *testing.M) {
	mode := os.Getenv(vaultMode)
	if mode == "" {
		os.Exit(m.Run())
	}
	v := &fakeVault{}
	for fd, c := range map[uintptr]*net.Conn{3: &v.sessions, 4: &v.blobs} {
		var err error
		if *c, err = net.FileConn(os.NewFile(fd, "link")); err != nil {
			panic(err)
		}
	}
	fmt.Fprintln(os.Stdout, "vault", mode)
	if strings.HasPrefix(mode, "die") {
		dieAtData(2)(v)
		os.Exit(3)
	}
	echo(v)
}
