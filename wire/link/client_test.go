package link

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"volar/wire"
)

func TestDialNeedsAll(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*ClientConfig){
		"everything":      func(c *ClientConfig) { *c = ClientConfig{} },
		"tenant":          func(c *ClientConfig) { c.Tenant = "" },
		"static":          func(c *ClientConfig) { c.Static = nil },
		"verify":          func(c *ClientConfig) { c.Verify = nil },
		"credential":      func(c *ClientConfig) { c.Credential = nil },
		"less credential": func(c *ClientConfig) { c.Credential = make([]byte, wire.MaxCredential+1) },
	} {
		near, far := net.Pipe()
		cfg := w.client()
		change(&cfg)
		if s, err := Dial(t.Context(), near, cfg); err == nil || s != nil {
			t.Errorf("dialled without %s", name)
		}
		if _, err := far.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("without %s: the connection is still there: %v", name, err)
		}
	}
}

// An evidence that is refused, or that names no key, ends it before a key is used.
func TestDialRefuses(t *testing.T) {
	refused := errors.New("another measurement")
	for name, c := range map[string]struct {
		key [32]byte
		err error
	}{"refused": {newTestKey(t).Public(), refused}, "no key": {}, "small order": {[32]byte{1}, nil}, "other key": {newTestKey(t).Public(), nil}} {
		w := newWorld(t)
		near, far := net.Pipe()
		v := &vaultSide{Responder: w.responder(t)}
		done := make(chan error)
		go func() { done <- v.serve(far) }()
		cfg := w.client()
		cfg.Verify = func([]byte, [32]byte) ([32]byte, error) { return c.key, c.err }
		s, err := Dial(t.Context(), near, cfg)
		if err == nil || s != nil || c.err != nil && !errors.Is(err, c.err) || name == "no key" && !strings.Contains(err.Error(), "the evidence has no key") {
			t.Errorf("%s: %v", name, err)
		}
		if err := <-done; err == nil || v.Tenant() != "" {
			t.Errorf("%s: the vault goes on", name)
		}
	}
}

// Any end of a call is the end of the session.
func TestCallIsFinal(t *testing.T) {
	silent := func(conn net.Conn, _ *vaultSide) { wire.ReadFrame16(conn) }
	says := func(plain []byte) func(net.Conn, *vaultSide) {
		return func(conn net.Conn, v *vaultSide) {
			frame, _ := wire.ReadFrame16(conn)
			v.Receive(context.Background(), frame)
			frames, _ := v.down.seal(plain)
			wire.WriteFrame16(conn, frames[0])
		}
	}
	ownMessage, _ := wire.Encode(begin)
	long, _ := wire.Encode(sample(1))
	for name, c := range map[string]struct {
		vault func(net.Conn, *vaultSide)
		m     wire.Message
		stop  func(s *Session, cancel func())
		want  error
	}{
		"cancelled":            {silent, begin, func(_ *Session, cancel func()) { cancel() }, context.Canceled},
		"closed":               {silent, begin, func(s *Session, _ func()) { s.Close() }, io.ErrClosedPipe},
		"deadline":             {silent, begin, nil, context.DeadlineExceeded},
		"the vault hangs up":   {func(conn net.Conn, _ *vaultSide) { wire.ReadFrame16(conn); conn.Close() }, begin, nil, io.EOF},
		"nil":                  {silent, nil, nil, nil},
		"an answer":            {silent, wire.Answer{}, nil, nil},
		"a bad begin":          {silent, wire.Begin{}, nil, nil},
		"garbage":              {func(conn net.Conn, _ *vaultSide) { wire.ReadFrame16(conn); wire.WriteFrame16(conn, make([]byte, 99)) }, begin, nil, ErrFrame},
		"sealed garbage":       {says([]byte("garbage")), begin, nil, nil},
		"a device's message":   {says(ownMessage), begin, nil, ErrFrame},
		"a vault's two chunks": {says(long), begin, nil, ErrFrame},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			near, far := net.Pipe()
			defer far.Close()
			v := &vaultSide{Responder: w.responder(t)}
			go func() {
				for range 3 {
					frame, _ := wire.ReadFrame16(far)
					if reply, _ := v.handle(frame); reply != nil {
						wire.WriteFrame16(far, reply)
					}
				}
				c.vault(far, v)
			}()
			s, err := Dial(t.Context(), near, w.client())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if c.stop != nil {
				time.AfterFunc(time.Second, func() { c.stop(s, cancel) })
			}
			m, err := s.Call(ctx, c.m)
			if err == nil || m != nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%s: %v, %v", name, m, err)
			}
			if _, err := s.Call(t.Context(), begin); !errors.Is(err, ErrClosed) {
				t.Errorf("%s: a second call: %v", name, err)
			}
			s.Close()
		})
	}
}

func TestDialCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		near, far := net.Pipe()
		go wire.ReadFrame16(far)
		time.AfterFunc(time.Second, cancel)
		begun := time.Now()
		if _, err := Dial(ctx, near, newWorld(t).client()); !errors.Is(err, context.Canceled) || time.Since(begun) != time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		near, _ = net.Pipe()
		if _, err := Dial(ctx, near, newWorld(t).client()); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// Calls from several goroutines wait for each other.
func TestConcurrentCalls(t *testing.T) {
	s, v := newWorld(t).connect(t)
	done := make(chan error)
	for range 8 {
		go func() {
			_, err := s.Call(t.Context(), begin)
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if len(v.accepted) != 8 {
		t.Errorf("%d calls", len(v.accepted))
	}
}
