package gateway

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"volar/enclave/host/store"
	"volar/wire"
)

// memory is a Store in memory. With fail set, every request fails with it.
type memory struct {
	mu    sync.Mutex
	blobs map[string][]byte
	fail  error
}

func (m *memory) Get(_ context.Context, key string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, found := m.blobs[key]
	return value, found, m.fail
}

func (m *memory) List(_ context.Context, prefix, after string, limit int) (keys []string, more bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.blobs {
		if key > after && len(key) >= len(prefix) && key[:len(prefix)] == prefix {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	if len(keys) > limit {
		return keys[:limit], true, m.fail
	}
	return keys, false, m.fail
}

func (m *memory) Apply(_ context.Context, puts []wire.Blob, deletes []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	if m.blobs == nil {
		m.blobs = map[string][]byte{}
	}
	for _, p := range puts {
		if len(p.Value) > wire.MaxValue {
			return store.ErrInvalid
		}
		m.blobs[p.Key] = p.Value
	}
	for _, key := range deletes {
		delete(m.blobs, key)
	}
	return nil
}

// fakeVault is the vault's end of its two links.
type fakeVault struct {
	sessions, blobs net.Conn
	killed          chan struct{}
}

// read gives the next envelope, or false once the host has closed the link.
func (v *fakeVault) read() (wire.Envelope, bool) {
	b, err := wire.ReadFrame32(v.sessions, wire.MaxEnvelope)
	if err != nil {
		return wire.Envelope{}, false
	}
	e, err := wire.DecodeEnvelope(b)
	if err != nil {
		panic(err)
	}
	return e, true
}

func (v *fakeVault) send(e wire.Envelope) error {
	b, err := wire.EncodeEnvelope(e)
	if err != nil {
		return err
	}
	return wire.WriteFrame32(v.sessions, b)
}

// ask sends a blob request and reads its reply.
func (v *fakeVault) ask(r wire.BlobRequest) (wire.BlobReply, error) {
	b, err := wire.EncodeBlobRequest(r)
	if err != nil {
		return wire.BlobReply{}, err
	}
	if err := wire.WriteFrame32(v.blobs, b); err != nil {
		return wire.BlobReply{}, err
	}
	if b, err = wire.ReadFrame32(v.blobs, wire.MaxFrame32); err != nil {
		return wire.BlobReply{}, err
	}
	return wire.DecodeBlobReply(b)
}

// echo answers every frame with itself until the link ends.
func echo(v *fakeVault) {
	for {
		e, ok := v.read()
		if !ok {
			return
		}
		if e.Kind == wire.Data && v.send(e) != nil {
			return
		}
	}
}

// launcher starts fake vaults: the n-th runs the n-th of lives, the last of
// them for ever after.
func launcher(pair func() (net.Conn, net.Conn), lives ...func(*fakeVault)) Launch {
	n := 0
	return func() (*Vault, error) {
		life := lives[min(n, len(lives)-1)]
		n++
		if life == nil {
			return nil, errors.New("no such program")
		}
		sessions, theirs := pair()
		blobs, theirBlobs := pair()
		v := &fakeVault{sessions: theirs, blobs: theirBlobs, killed: make(chan struct{})}
		done := make(chan struct{})
		closeBoth := func() { theirs.Close(); theirBlobs.Close() }
		go func() {
			defer close(done)
			defer closeBoth()
			life(v)
		}()
		return &Vault{Sessions: sessions, Blobs: blobs, Done: done, Kill: func() { close(v.killed); closeBoth() }, Err: func() error { return nil }}, nil
	}
}

// listener hands out in-memory connections.
type listener struct {
	conns chan net.Conn
	once  sync.Once
	shut  chan struct{}
}

func newListener() *listener {
	return &listener{conns: make(chan net.Conn), shut: make(chan struct{})}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.shut:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error   { l.once.Do(func() { close(l.shut) }); return nil }
func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }

// fromAddr is a connection that says where it is from.
type fromAddr struct {
	net.Conn
	addr net.Addr
}

func (f fromAddr) RemoteAddr() net.Addr { return f.addr }

// bench is a running gateway with an in-memory listener.
type bench struct {
	t        *testing.T
	g        *Gateway
	ln       *listener
	registry *prometheus.Registry
	stop     context.CancelFunc
	served   chan error
}

// newBench starts a gateway over in-memory links; change may alter its limits.
// Call it in a synctest bubble, which then sees to it that nothing is left running.
func newBench(t *testing.T, s Store, change func(*Limits), lives ...func(*fakeVault)) *bench {
	t.Helper()
	limits := DefaultLimits()
	if change != nil {
		change(&limits)
	}
	b := &bench{t: t, ln: newListener(), registry: prometheus.NewRegistry(), served: make(chan error, 1)}
	var err error
	b.g, err = Start(Config{Launch: launcher(net.Pipe, lives...), Store: s, Limits: limits,
		Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(b.registry)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	go func() { b.served <- b.g.Serve(ctx, b.ln) }()
	return b
}

// close stops the gateway and waits for it.
func (b *bench) close() {
	b.t.Helper()
	b.stop()
	if err := <-b.served; err != nil {
		b.t.Errorf("Serve: %v", err)
	}
	if n := b.value("palmhost_connections"); n != 0 {
		b.t.Errorf("%v connections are left", n)
	}
}

func (b *bench) dial() net.Conn { return b.dialFrom(nil) }

func (b *bench) dialFrom(addr net.Addr) net.Conn {
	b.t.Helper()
	ours, theirs := net.Pipe()
	if addr != nil {
		theirs = fromAddr{theirs, addr}
	}
	select {
	case b.ln.conns <- theirs:
	case <-b.ln.shut:
		b.t.Fatal("dial: the listener is closed")
	}
	return ours
}

// value sums a metric over the label values that are given as name, value pairs.
func (b *bench) value(name string, labels ...string) float64 {
	b.t.Helper()
	families, err := b.registry.Gather()
	if err != nil {
		b.t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			match := true
			for i := 0; i < len(labels); i += 2 {
				found := false
				for _, l := range m.GetLabel() {
					found = found || l.GetName() == labels[i] && l.GetValue() == labels[i+1]
				}
				match = match && found
			}
			if match {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

// ended checks how many connections have ended for a reason.
func (b *bench) ended(reason string, want float64) {
	b.t.Helper()
	if got := b.value("palmhost_connections_closed_total", "reason", reason); got != want {
		b.t.Errorf("%v connections ended for %q, want %v", got, reason, want)
	}
}

// call sends a frame and reads the reply.
func call(c net.Conn, frame string) (string, error) {
	if err := wire.WriteFrame16(c, []byte(frame)); err != nil {
		return "", err
	}
	b, err := wire.ReadFrame16(c)
	return string(b), err
}

// mustCall does so and expects an echo.
func mustCall(t *testing.T, c net.Conn, frame string) {
	t.Helper()
	if got, err := call(c, frame); err != nil || got != frame {
		t.Fatalf("sent %q, got %q, %v", frame, got, err)
	}
}

// shakeHands sends the frames of a handshake to a vault that echoes.
func shakeHands(t *testing.T, c net.Conn) {
	t.Helper()
	for range handshakeFrames {
		mustCall(t, c, "handshake")
	}
}

// mustEnd expects the end of the connection, without another byte, and tells after how long.
func mustEnd(t *testing.T, c net.Conn) time.Duration {
	t.Helper()
	began := time.Now()
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Fatalf("read %d bytes, %v; want the end of the connection", n, err)
	}
	return time.Since(began)
}
