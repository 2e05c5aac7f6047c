package link

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"volar/wire"
)

// Conn is what Dial needs of a net.Conn.
type Conn interface {
	io.ReadWriteCloser
	SetDeadline(time.Time) error
}

// ClientConfig is a device's. All fields are needed.
type ClientConfig struct {
	Tenant     string
	Static     Static
	Credential []byte // wire.SignCredential's, sent to a vault that has proved itself
	// Verify checks the evidence, that it is fresh by the nonce, and gives the
	// vault's key out of it. It runs again when the session is renewed.
	Verify func(evidence []byte, nonce [32]byte) (vaultKey [32]byte, err error)
}

func (c ClientConfig) check() error {
	if err := wire.CheckTenant(c.Tenant); err != nil {
		return err
	}
	switch {
	case c.Static == nil:
		return errors.New("no static key")
	case c.Verify == nil:
		return errors.New("no verifier of evidence")
	case len(c.Credential) < 1 || len(c.Credential) > wire.MaxCredential:
		return fmt.Errorf("credential of %d bytes, 1 to %d", len(c.Credential), wire.MaxCredential)
	}
	return nil
}

// Session is a device's side of a session. Calls are one after another; a
// second waits for the first.
type Session struct {
	conn Conn
	cfg  ClientConfig

	mu       sync.Mutex
	failed   error // final
	life     lifetime
	binding  [32]byte // the last handshake's hash
	up, down *stream
}

// Dial shakes hands over conn, which belongs to the session from now on and
// is closed on every error. It returns when the vault has proved what it is;
// whether the vault accepts the device shows in the first Call.
func Dial(ctx context.Context, conn Conn, cfg ClientConfig) (*Session, error) {
	s := &Session{conn: conn, cfg: cfg}
	err := cfg.check()
	if err == nil {
		err = s.within(ctx, time.Now().Add(HandshakeLimit), s.handshake)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("link: dial: %w", err)
	}
	return s, nil
}

// Call sends a Begin or a Sample and returns the vault's Challenge or Answer.
// Any error closes the session, also the end of ctx. The caller wipes m.
func (s *Session) Call(ctx context.Context, m wire.Message) (wire.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return nil, fmt.Errorf("link: call: %w", s.failed)
	}
	answer, err := s.call(ctx, m)
	if err != nil {
		s.fail(err)
		return nil, fmt.Errorf("link: call: %w", err)
	}
	return answer, nil
}

// Close ends the session, and a Call that is under way with it.
func (s *Session) Close() error {
	err := s.conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail(ErrClosed)
	return err
}

// fail is final. The mutex is held.
func (s *Session) fail(cause error) {
	if s.failed != nil {
		return
	}
	s.failed = fmt.Errorf("%w: %w", ErrClosed, cause)
	s.conn.Close()
	if s.down != nil {
		s.down.wipe()
	}
	s.up, s.down = nil, nil
}

func (s *Session) call(ctx context.Context, m wire.Message) (wire.Message, error) {
	if !fromDevice(m) {
		return nil, fmt.Errorf("%T is not a device's message", m)
	}
	if s.life.over() {
		return nil, ErrExpired
	}
	if s.life.mustRenew() {
		if err := s.within(ctx, time.Now().Add(HandshakeLimit), s.handshake); err != nil {
			return nil, fmt.Errorf("renew: %w", err)
		}
	}
	var answer wire.Message
	err := s.within(ctx, s.life.begun.Add(StopAfter), func() (err error) {
		if err = s.send(m); err == nil {
			answer, err = s.receive()
		}
		return err
	})
	return answer, err
}

func (s *Session) send(m wire.Message) error {
	plain, err := wire.Encode(m)
	if err != nil {
		return err
	}
	s.life.bytes += uint64(len(plain))
	frames, err := s.up.seal(plain)
	clear(plain)
	if err != nil {
		return err
	}
	for _, frame := range frames {
		if err := wire.WriteFrame16(s.conn, frame); err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) receive() (wire.Message, error) {
	frame, err := wire.ReadFrame16(s.conn)
	if err != nil {
		return nil, err
	}
	if s.life.over() {
		return nil, ErrExpired
	}
	plain, err := s.down.open(frame)
	if err != nil {
		return nil, err
	}
	if plain == nil { // the vault's messages fit one chunk
		return nil, fmt.Errorf("%w: a vault's message of several chunks", ErrFrame)
	}
	s.life.bytes += uint64(len(plain))
	m, err := wire.Decode(plain)
	clear(plain)
	if err != nil {
		return nil, err
	}
	if fromDevice(m) {
		return nil, fmt.Errorf("%w: a vault sent %T", ErrFrame, m)
	}
	return m, nil
}

// fromDevice tells the messages that a device sends from those that a vault sends.
func fromDevice(m wire.Message) bool {
	switch m.(type) {
	case wire.Begin, wire.Sample:
		return true
	}
	return false
}

// within runs do with reads and writes that end at the limit, at ctx's
// deadline, or when ctx is cancelled, whichever is first.
func (s *Session) within(ctx context.Context, limit time.Time, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	deadline, late := limit, ErrExpired
	if d, ok := ctx.Deadline(); ok && d.Before(limit) {
		deadline, late = d, context.DeadlineExceeded
	}
	if err := s.conn.SetDeadline(deadline); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { s.conn.SetDeadline(time.Unix(1, 0)) })
	err := do()
	if !stop() { // the deadline in the past is set, or will be: this connection is spent
		return errors.Join(ctx.Err(), err)
	}
	if err != nil && !time.Now().Before(deadline) {
		return fmt.Errorf("%w: %w", late, err)
	}
	return err
}

// handshake asks for evidence, judges it, and makes new keys; it is also how
// a session is renewed. A vault that does not hold the session's last keys
// cannot renew it: their hash is in the prologue.
func (s *Session) handshake() error {
	hello := wire.Hello{Tenant: s.cfg.Tenant}
	rand.Read(hello.Nonce[:]) // never fails
	evidence, err := s.askEvidence(hello)
	if err != nil {
		return err
	}
	vault, err := s.cfg.Verify(evidence, hello.Nonce)
	if err != nil {
		return fmt.Errorf("%w: evidence: %w", ErrHandshake, err)
	}
	if vault == [32]byte{} {
		return fmt.Errorf("%w: the evidence has no key", ErrHandshake)
	}
	return s.exchange(vault, prologue(hello, evidence, s.binding))
}

// exchange is the three messages of XK.
func (s *Session) exchange(vault [32]byte, prologue []byte) error {
	xk, err := newHandshake(true, s.cfg.Static, vault[:], prologue)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	first, _, _, err := xk.WriteMessage([]byte{frameFirst}, nil)
	if err != nil {
		return fmt.Errorf("%w: first message: %w", ErrHandshake, err)
	}
	if err := wire.WriteFrame16(s.conn, first); err != nil {
		return err
	}
	second, err := s.read(frameSecond, secondSize)
	if err != nil {
		return err
	}
	if len(second) != secondSize-1 {
		return fmt.Errorf("%w: second message of %d bytes, not %d", ErrHandshake, len(second), secondSize-1)
	}
	if _, _, _, err := xk.ReadMessage(nil, second); err != nil {
		return fmt.Errorf("%w: second message: %w", ErrHandshake, err)
	}
	third, up, down, err := xk.WriteMessage([]byte{frameThird}, s.cfg.Credential)
	if err != nil {
		return fmt.Errorf("%w: third message: %w", ErrHandshake, err)
	}
	s.binding = [32]byte(xk.ChannelBinding()) // a copy: the slice is live
	s.up = &stream{cipher: up, frame: frameUp, session: s.binding}
	s.down = &stream{cipher: down, frame: frameDown, session: s.binding}
	s.life = lifetime{begun: time.Now()}
	return wire.WriteFrame16(s.conn, third)
}

func (s *Session) askEvidence(hello wire.Hello) ([]byte, error) {
	b, err := wire.EncodeHello(hello)
	if err != nil {
		return nil, err
	}
	if err := wire.WriteFrame16(s.conn, append([]byte{frameHello}, b...)); err != nil {
		return nil, err
	}
	return s.read(frameEvidence, 1+MaxEvidence)
}

// read reads a frame of this type, limit bytes at most, and returns what follows the type.
func (s *Session) read(frame byte, limit int) ([]byte, error) {
	b, err := wire.ReadFrame16(s.conn)
	if err != nil {
		return nil, err
	}
	if b[0] != frame || len(b) > limit {
		return nil, fmt.Errorf("%w: type %d of %d bytes; want %d, at most %d", ErrFrame, b[0], len(b), frame, limit)
	}
	return b[1:], nil
}
