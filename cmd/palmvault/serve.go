package main

import (
	"context"
	"errors"
	"io"
	"sync"

	"volar/enclave/vault"
	"volar/wire"
)

// queue is how many envelopes wait for one session: more make the host wait.
const queue = 4

// server passes envelopes between the link and the vault. Each session has a
// goroutine, so its envelopes stay in order, and one whose answer waits for its
// tick holds up no other.
type server struct {
	vault    *vault.Vault
	sessions map[uint64]*worker
	busy     sync.WaitGroup

	writing sync.Mutex
	link    io.ReadWriter
}

// worker is one session: what waits for it, and whether the vault has ended it.
type worker struct {
	in    chan []byte
	ended chan struct{}
}

// serve works until the host closes the link (nil) or the link fails.
func serve(ctx context.Context, link io.ReadWriter, v *vault.Vault) error {
	s := &server{vault: v, link: link, sessions: map[uint64]*worker{}}
	err := s.dispatch(ctx)
	for _, w := range s.sessions {
		close(w.in)
	}
	s.busy.Wait()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// dispatch reads envelopes and gives each to its session. Those of no session,
// and those that open one too many, the vault answers at once.
func (s *server) dispatch(ctx context.Context) error {
	for {
		b, err := wire.ReadFrame32(s.link, wire.MaxEnvelope)
		if err != nil {
			return err
		}
		e, err := wire.DecodeEnvelope(b)
		if err != nil {
			return err // the host speaks another language
		}
		w := s.sessions[e.Session]
		if w == nil && e.Kind == wire.Open {
			w = s.open(ctx, e.Session)
		}
		if w == nil {
			s.handle(ctx, b)
			continue
		}
		select {
		case w.in <- b:
		case <-w.ended: // the vault says once more that it is over
			s.handle(ctx, b)
		}
		if e.Kind == wire.Close {
			s.forget(e.Session)
		}
	}
}

// open begins a session, or gives nil where there are too many.
func (s *server) open(ctx context.Context, id uint64) *worker {
	if len(s.sessions) >= vault.MaxSessions {
		for old, w := range s.sessions {
			select {
			case <-w.ended:
				s.forget(old)
			default:
			}
		}
	}
	if len(s.sessions) >= vault.MaxSessions {
		return nil
	}
	w := &worker{in: make(chan []byte, queue), ended: make(chan struct{})}
	s.sessions[id] = w
	s.busy.Go(func() {
		defer close(w.ended)
		for b := range w.in {
			if s.handle(ctx, b) {
				return
			}
		}
	})
	return w
}

func (s *server) forget(id uint64) {
	close(s.sessions[id].in)
	delete(s.sessions, id)
}

// handle passes an envelope to the vault and what comes of it to the host. It
// says whether the session is over.
func (s *server) handle(ctx context.Context, b []byte) (over bool) {
	out := s.vault.Handle(ctx, b)
	if out == nil {
		return false
	}
	e, err := wire.DecodeEnvelope(out)
	s.writing.Lock()
	defer s.writing.Unlock()
	_ = wire.WriteFrame32(s.link, out) // a host that no longer reads has closed: the reader notices
	return err != nil || e.Kind == wire.Close
}
