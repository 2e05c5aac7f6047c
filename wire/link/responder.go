package link

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flynn/noise"

	"volar/wire"
)

// ServerConfig is a vault's. All fields are needed.
type ServerConfig struct {
	Key Static
	// Evidence proves Key for the hello's tenant and nonce: 1 to MaxEvidence bytes.
	Evidence func(ctx context.Context, h wire.Hello) ([]byte, error)
	// Authorise refuses a device by returning an error. The handshake has
	// proved that the peer has deviceKey; the credential is still unread. It runs
	// again when the session is renewed. CheckCredential does the work.
	Authorise func(h wire.Hello, deviceKey [32]byte, credential []byte) error
}

// state is what a responder waits for.
//
//	hello ──Hello──▶ first ──XK 1──▶ third ──XK 3──▶ open ──last chunk──▶ owing
//	                   ▲                              │ ▲                   │
//	                   └────────Hello (renewal)───────┘ └───────Reply───────┘
//
// Any error leads to closed, for good. The zero state is closed.
type state uint8

const (
	stateClosed state = iota
	stateHello
	stateFirst
	stateThird
	stateOpen
	stateOwing
)

// Responder is the vault's side of one session. It is used by one goroutine at a time.
type Responder struct {
	cfg    ServerConfig
	state  state
	failed error

	hello     wire.Hello
	asked     time.Time // when the hello came
	handshake *noise.HandshakeState

	device   [32]byte // authorised; zero before
	tenant   string
	life     lifetime
	binding  [32]byte // the last handshake's hash
	up, down *stream
}

// NewResponder waits for a device's hello.
func NewResponder(cfg ServerConfig) (*Responder, error) {
	if cfg.Key == nil || cfg.Evidence == nil || cfg.Authorise == nil {
		return nil, errors.New("link: new responder: key, evidence and authorise are all needed")
	}
	return &Responder{cfg: cfg, state: stateHello}, nil
}

// DeviceKey is the key of the device, zero until it is authorised.
func (r *Responder) DeviceKey() [32]byte { return r.device }

// Tenant is the tenant of the device, empty until it is authorised.
func (r *Responder) Tenant() string { return r.tenant }

// Receive takes one frame of the device's connection. It gives at most one
// of: a frame to send back, which is part of a handshake, or a whole message,
// a Begin or a Sample, that the vault answers with Reply before the next
// frame. The caller wipes the message. An error is final: the caller closes the connection.
func (r *Responder) Receive(ctx context.Context, frame []byte) (reply []byte, m wire.Message, err error) {
	if r.state == stateClosed {
		return nil, nil, fmt.Errorf("link: receive: %w", r.closed())
	}
	reply, m, err = r.receive(ctx, frame)
	if err != nil {
		r.fail(err)
		return nil, nil, fmt.Errorf("link: receive: %w", err)
	}
	return reply, m, nil
}

// Reply seals the answer to the message that Receive gave.
func (r *Responder) Reply(m wire.Message) (frame []byte, err error) {
	if r.state == stateClosed {
		return nil, fmt.Errorf("link: reply: %w", r.closed())
	}
	frame, err = r.reply(m)
	if err != nil {
		r.fail(err)
		return nil, fmt.Errorf("link: reply: %w", err)
	}
	return frame, nil
}

// Close forgets the keys.
func (r *Responder) Close() { r.fail(ErrClosed) }

func (r *Responder) closed() error {
	if r.failed == nil { // a Responder that NewResponder did not make
		return ErrClosed
	}
	return r.failed
}

func (r *Responder) fail(cause error) {
	if r.failed == nil {
		r.failed = fmt.Errorf("%w: %w", ErrClosed, cause)
	}
	if r.up != nil {
		r.up.wipe()
	}
	r.state, r.handshake, r.up, r.down = stateClosed, nil, nil, nil
}

func (r *Responder) receive(ctx context.Context, frame []byte) ([]byte, wire.Message, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if len(frame) < 1 || len(frame) > wire.MaxFrame16 {
		return nil, nil, fmt.Errorf("%w: %d bytes, 1 to %d", ErrFrame, len(frame), wire.MaxFrame16)
	}
	if err := r.inTime(); err != nil {
		return nil, nil, err
	}
	switch {
	case frame[0] == frameHello && r.state == stateHello, frame[0] == frameHello && r.renewable():
		reply, err := r.onHello(ctx, frame[1:])
		return reply, nil, err
	case frame[0] == frameFirst && r.state == stateFirst:
		reply, err := r.onFirst(frame)
		return reply, nil, err
	case frame[0] == frameThird && r.state == stateThird:
		return nil, nil, r.onThird(frame)
	case frame[0] == frameUp && r.state == stateOpen:
		m, err := r.onChunk(frame)
		return nil, m, err
	}
	return nil, nil, fmt.Errorf("%w: type %d out of turn", ErrFrame, frame[0])
}

// inTime is the hard stop: for a handshake, and for a session's keys.
func (r *Responder) inTime() error {
	switch r.state {
	case stateFirst, stateThird:
		if time.Since(r.asked) >= HandshakeLimit {
			return fmt.Errorf("%w: the handshake took %v or more", ErrExpired, HandshakeLimit)
		}
	case stateOpen, stateOwing:
		if r.life.over() {
			return ErrExpired
		}
	}
	return nil
}

// renewable allows a Hello in the middle of a session: between messages, and not early.
func (r *Responder) renewable() bool {
	return r.state == stateOpen && r.up.idle() && r.life.mayRenew()
}

func (r *Responder) onHello(ctx context.Context, b []byte) ([]byte, error) {
	hello, err := wire.DecodeHello(b)
	if err != nil {
		return nil, err
	}
	if r.tenant != "" && hello.Tenant != r.tenant {
		return nil, fmt.Errorf("%w: renewal for another tenant", ErrHandshake)
	}
	r.hello, r.asked, r.up, r.down = hello, time.Now(), nil, nil
	evidence, err := r.cfg.Evidence(ctx, hello)
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	if len(evidence) < 1 || len(evidence) > MaxEvidence {
		return nil, fmt.Errorf("evidence of %d bytes, 1 to %d", len(evidence), MaxEvidence)
	}
	r.handshake, err = newHandshake(false, r.cfg.Key, nil, prologue(hello, evidence, r.binding))
	if err != nil {
		return nil, err
	}
	r.state = stateFirst
	return append([]byte{frameEvidence}, evidence...), nil
}

func (r *Responder) onFirst(frame []byte) ([]byte, error) {
	if len(frame) != firstSize {
		return nil, fmt.Errorf("%w: first message of %d bytes, not %d", ErrHandshake, len(frame), firstSize)
	}
	if _, _, _, err := r.handshake.ReadMessage(nil, frame[1:]); err != nil {
		return nil, fmt.Errorf("%w: first message: %w", ErrHandshake, err)
	}
	reply, _, _, err := r.handshake.WriteMessage([]byte{frameSecond}, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: second message: %w", ErrHandshake, err)
	}
	r.state = stateThird
	return reply, nil
}

func (r *Responder) onThird(frame []byte) error {
	if len(frame) <= thirdLeast || len(frame) > thirdMost {
		return fmt.Errorf("%w: third message of %d bytes, %d to %d", ErrHandshake, len(frame), thirdLeast+1, thirdMost)
	}
	credential, up, down, err := r.handshake.ReadMessage(nil, frame[1:])
	if err != nil {
		return fmt.Errorf("%w: third message: %w", ErrHandshake, err)
	}
	device := [32]byte(r.handshake.PeerStatic())
	if r.device != [32]byte{} && device != r.device {
		return fmt.Errorf("%w: renewal by another device", ErrHandshake)
	}
	if err := r.cfg.Authorise(r.hello, device, credential); err != nil {
		return fmt.Errorf("%w: device: %w", ErrHandshake, err)
	}
	r.binding = [32]byte(r.handshake.ChannelBinding()) // a copy: the slice is live
	r.up = &stream{cipher: up, frame: frameUp, session: r.binding}
	r.down = &stream{cipher: down, frame: frameDown, session: r.binding}
	r.device, r.tenant, r.handshake = device, r.hello.Tenant, nil
	r.life = lifetime{begun: time.Now()}
	r.state = stateOpen
	return nil
}

func (r *Responder) onChunk(frame []byte) (wire.Message, error) {
	plain, err := r.up.open(frame)
	if err != nil || plain == nil {
		return nil, err
	}
	r.life.bytes += uint64(len(plain))
	m, err := wire.Decode(plain)
	clear(plain)
	if err != nil {
		return nil, err
	}
	if !fromDevice(m) {
		return nil, fmt.Errorf("%w: a device sent %T", ErrFrame, m)
	}
	r.state = stateOwing
	return m, nil
}

func (r *Responder) reply(m wire.Message) ([]byte, error) {
	if r.state != stateOwing {
		return nil, errors.New("nothing was asked")
	}
	if err := r.inTime(); err != nil {
		return nil, err
	}
	if m == nil || fromDevice(m) {
		return nil, fmt.Errorf("%T is not a vault's message", m)
	}
	plain, err := wire.Encode(m)
	if err != nil {
		return nil, err
	}
	r.life.bytes += uint64(len(plain))
	frames, err := r.down.seal(plain)
	clear(plain)
	if err != nil {
		return nil, err
	}
	if len(frames) != 1 {
		return nil, fmt.Errorf("an answer of %d chunks", len(frames))
	}
	r.state = stateOpen
	return frames[0], nil
}
