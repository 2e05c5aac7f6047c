package vault

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"sync"
	"time"

	"volar/wire"
	"volar/wire/link"
)

// session is one device's connection.
type session struct {
	vault *Vault

	mu       sync.Mutex
	link     *link.Responder
	opened   time.Time
	last     time.Time // of the last frame
	closed   bool
	wave     wave
	enrolled *enrolment // under way, or nil
}

// wave is a challenge that waits for its sample. The zero wave waits for none.
type wave struct {
	begin wire.Begin
	nonce wire.Nonce
	begun time.Time
}

// errTurn means a sample that nobody asked for, or with another nonce. An
// honest device never sends one, so the session ends.
var errTurn = errors.New("vault: a sample without its challenge")

// open makes a session, and reports whether there was room for it.
func (v *Vault) open(id uint64, now time.Time) bool {
	r, err := link.NewResponder(link.ServerConfig{Key: v.key, Evidence: v.evidence, Authorise: v.authorise})
	if err != nil {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.sessions[id] != nil || len(v.sessions) >= MaxSessions {
		return false // a number that is in use ends the session that has it
	}
	v.sessions[id] = &session{vault: v, link: r, opened: now, last: now}
	return true
}

func (v *Vault) session(id uint64) *session {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.sessions[id]
}

// drop forgets a session and everything that it holds.
func (v *Vault) drop(id uint64) {
	v.mu.Lock()
	s := v.sessions[id]
	delete(v.sessions, id)
	v.mu.Unlock()
	if s != nil {
		s.close()
	}
}

// sweep drops sessions that nobody uses. It runs when envelopes come, a few
// times a minute at most.
func (v *Vault) sweep(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if now.Sub(v.swept) < sweepEvery {
		return
	}
	v.swept = now
	for id, s := range v.sessions {
		if s.stale(now) {
			delete(v.sessions, id)
			go s.close() // waits for a frame that is being handled
		}
	}
}

// stale says whether a session has been idle for too long. One whose frame
// is being handled is not.
func (s *session) stale(now time.Time) bool {
	if !s.mu.TryLock() {
		return false
	}
	defer s.mu.Unlock()
	admitted := s.link.DeviceKey() != [32]byte{}
	return now.Sub(s.last) >= idleLimit || !admitted && now.Sub(s.opened) >= handshakeLimit
}

func (s *session) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.link.Close()
	s.wave = wave{}
	s.endEnrolment()
}

// receive takes one frame of the connection and gives at most one back. An
// error ends the session.
func (s *session) receive(ctx context.Context, frame []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, link.ErrClosed
	}
	s.last = time.Now()
	out, m, err := s.link.Receive(ctx, frame)
	if err != nil || m == nil {
		return out, err
	}
	answer, err := s.message(ctx, m)
	if err != nil {
		return nil, err
	}
	return s.link.Reply(answer)
}

// message answers a message of an admitted device.
func (s *session) message(ctx context.Context, m wire.Message) (wire.Message, error) {
	switch m := m.(type) {
	case wire.Begin:
		return s.begin(m), nil
	case wire.Sample:
		defer awaitTick(time.Now())
		defer m.Wipe()
		return s.sample(ctx, m)
	}
	return nil, errTurn
}

// Tick is how often answers to samples are released. A search takes less on a
// machine that is fit for its gallery; one that takes longer waits for the next.
const Tick = 50 * time.Millisecond

// awaitTick waits until a whole number of Ticks has passed since a sample
// came. What follows the sample, an answer or the end of the session, is
// released then and not before, whatever was decided and how.
func awaitTick(came time.Time) {
	time.Sleep(Tick - time.Since(came)%Tick)
}

// begin gives out a fresh nonce. One that was out before is worth nothing any more.
func (s *session) begin(b wire.Begin) wire.Challenge {
	if b.Purpose != wire.Enrol {
		s.endEnrolment()
	}
	s.wave = wave{begin: b, begun: time.Now()}
	_, _ = rand.Read(s.wave.nonce[:]) // never fails: crypto/rand ends the program instead
	return wire.Challenge{Nonce: s.wave.nonce}
}

// sample decides about a palm. The nonce is spent, whatever comes of it.
func (s *session) sample(ctx context.Context, m wire.Sample) (wire.Answer, error) {
	w := s.wave
	s.wave = wave{}
	if w.begin.Purpose == 0 || subtle.ConstantTimeCompare(w.nonce[:], m.Nonce[:]) != 1 {
		return wire.Answer{}, errTurn
	}
	if time.Since(w.begun) > NonceLife {
		return wire.Answer{Status: wire.Again}, nil
	}
	return s.decide(ctx, w.begin, m), nil
}
