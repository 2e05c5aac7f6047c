package drill

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"volar/hal"
)

// ill is a part that can be made to fail or to be slow.
type ill struct {
	mu    sync.Mutex
	err   error
	delay time.Duration
}

func (i *ill) fail(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.err = err
}

func (i *ill) slow(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.delay = d
}

func (i *ill) suffer() error {
	i.mu.Lock()
	err, delay := i.err, i.delay
	i.mu.Unlock()
	if delay > 0 {
		time.Sleep(delay)
	}
	return err
}

type illIdentity struct {
	ill
	hal.Identity
}

func (i *illIdentity) ECDH(peer [32]byte) ([32]byte, error) {
	if err := i.suffer(); err != nil {
		return [32]byte{}, err
	}
	return i.Identity.ECDH(peer)
}

type illPresence struct {
	ill
	hal.Presence
}

func (p *illPresence) Wait(ctx context.Context, near bool) error {
	if err := p.suffer(); err != nil {
		return err
	}
	return p.Presence.Wait(ctx, near)
}

type illFace struct {
	ill
	hal.Face
}

func (f *illFace) Show(c hal.Cue) error {
	if err := f.suffer(); err != nil {
		return err
	}
	return f.Face.Show(c)
}

type illStore struct {
	ill
	hal.Store
}

func (s *illStore) Put(key string, val []byte) error {
	if err := s.suffer(); err != nil {
		return err
	}
	return s.Store.Put(key, val)
}

// weather is how the line to the host is.
type weather int

const (
	fair weather = iota
	slow
	crawling
	halfClosed
	garbled
	unreachable
)

// lines are the connections of a device.
type lines struct {
	mu  sync.Mutex
	now weather
}

func (l *lines) be(w weather) (heal func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = w
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.now = fair
	}
}

func (l *lines) is() weather {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

var errUnreachable = errors.New("connect: no route to host")

// line is a connection through the weather.
type line struct {
	net.Conn
	of *lines
}

func (c line) Write(b []byte) (int, error) {
	switch c.of.is() {
	case slow:
		time.Sleep(700 * time.Millisecond)
	case crawling:
		time.Sleep(6 * time.Second)
	case halfClosed:
		return len(b), nil
	case garbled:
		b = append([]byte(nil), b...)
		b[len(b)/2] ^= 4
	}
	return c.Conn.Write(b)
}
