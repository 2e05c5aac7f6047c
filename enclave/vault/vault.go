// Package vault is the sealed matcher: the one program that sees palms in
// the clear. It has one door, Handle, one message in and at most one out, and
// no other way to the world: no files, no network, no log.
//
// A device that has checked the vault's evidence and shown a credential of
// its tenant's operator asks for a wave (wire.Begin), gets a nonce that
// works once and for NonceLife, and sends a wire.Sample with it. The answer
// says what was decided and never how close it was.
package vault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"volar/enclave/attest"
	"volar/enclave/vault/gallery"
	"volar/wire"
	"volar/wire/link"
)

// Limits of one vault.
const (
	MaxSessions    = 1024
	NonceLife      = 10 * time.Second // from the challenge to the sample
	idleLimit      = 3 * time.Minute  // a session without a frame
	handshakeLimit = 30 * time.Second // a session without an admitted device
	sweepEvery     = 5 * time.Second
	maxFPIR        = 1e-3
)

// Platform is what the machine gives to the vault.
type Platform interface {
	attest.Attester
	gallery.Sealer
	// Bind names the vault's Noise key, once; nothing unseals afterwards.
	Bind(ctx context.Context, vaultKey [32]byte) error
}

// Tenant is one of those whose galleries the vault holds, apart from each other.
type Tenant = gallery.Tenant

// Config is what a vault starts from.
type Config struct {
	Platform Platform
	Blobs    gallery.Blobs
	Tenants  []Tenant
	// FPIR is the wanted share of strangers' searches that name somebody:
	// above 0 and at most 1e-3, because the configuration comes from the host.
	FPIR float64
	// Batch is the least time between two epochs of enrolments and updates:
	// see gallery.Options.Wait.
	Batch time.Duration
	// Restore lets the vault of a new platform take over the gallery in the
	// store: see gallery.Options.Restore.
	Restore bool
}

// ErrRestoring means that the vault has asked for grants, and can do nothing
// until the share holders of every tenant have given one and it is started again.
var ErrRestoring = errors.New("a restore waits for the share holders' grants")

// Vault is a running vault.
type Vault struct {
	platform Platform
	gallery  *gallery.Gallery
	tenants  map[string]*tenant
	alive    func(*wire.Sample) bool
	key      *staticKey
	limits   limiter
	done     chan struct{}
	doneOnce sync.Once

	enrolments atomic.Int32 // under way

	mu       sync.Mutex
	sessions map[uint64]*session
	swept    time.Time
}

// New restores the galleries, makes a fresh Noise key and binds it to the
// platform, in this order: what is sealed opens only before the key is bound.
func New(ctx context.Context, cfg Config) (*Vault, error) {
	if cfg.Platform == nil || cfg.Blobs == nil {
		return nil, errors.New("vault: start: no platform or no store")
	}
	if len(cfg.Tenants) == 0 {
		return nil, errors.New("vault: start: no tenants")
	}
	if !(cfg.FPIR > 0 && cfg.FPIR <= maxFPIR) {
		return nil, fmt.Errorf("vault: start: false-positive rate of %g, want more than 0 and at most %g", cfg.FPIR, maxFPIR)
	}
	v := &Vault{
		platform: cfg.Platform,
		tenants:  map[string]*tenant{},
		alive:    alive,
		sessions: map[uint64]*session{},
		done:     make(chan struct{}),
	}
	for _, t := range cfg.Tenants {
		if t.Operator == ([32]byte{}) {
			return nil, fmt.Errorf("vault: start: tenant %s has no operator key", t.Name)
		}
		v.tenants[t.Name] = newTenant(t, cfg.FPIR)
	}
	var err error
	v.gallery, err = gallery.Open(ctx, cfg.Platform, cfg.Blobs, gallery.Options{
		Tenants: cfg.Tenants, Wait: cfg.Batch, Restore: cfg.Restore,
		Recode: func(name string, key [32]byte) { v.tenants[name].recode(key) },
		Load:   func(name string, r *gallery.Record) error { return v.tenants[name].restore(r) },
	})
	if err != nil {
		return nil, fmt.Errorf("vault: start: %w", err)
	}
	if v.key, err = newStaticKey(); err != nil {
		return nil, fmt.Errorf("vault: start: %w", err)
	}
	if err := cfg.Platform.Bind(ctx, v.key.Public()); err != nil {
		return nil, fmt.Errorf("vault: start: %w", err)
	}
	if err := v.certify(ctx, cfg.Tenants); err != nil {
		return nil, fmt.Errorf("vault: start: %w", err)
	}
	if err := v.gallery.Renew(ctx); err != nil {
		return nil, fmt.Errorf("vault: start: %w", err)
	}
	return v, nil
}

// Done is closed when the vault can no longer be sure of its gallery. The
// process must then end; another start finds out what was committed.
func (v *Vault) Done() <-chan struct{} { return v.done }

// Handle is the one door: an encoded wire.Envelope in, at most one out (nil:
// nothing to send). It may be called at the same time for different sessions;
// those of one session must come one after another. Whatever comes in, it
// returns, and what it returns tells nothing but that a session goes on or is over.
func (v *Vault) Handle(ctx context.Context, in []byte) (out []byte) {
	e, err := wire.DecodeEnvelope(in)
	if err != nil {
		return nil // not even a session to close: the host speaks another language
	}
	var frame []byte
	over := true
	// A fault in here ends this session and no other. What it was about
	// stays unsaid: it may hold a palm.
	defer func() {
		if recover() != nil {
			over = true
		}
		if over {
			v.drop(e.Session)
		}
		out = reply(e, frame, over)
	}()
	frame, over = v.handle(ctx, e)
	return nil
}

// reply is what the host gets for an envelope.
func reply(e wire.Envelope, frame []byte, over bool) []byte {
	answer := wire.Envelope{Session: e.Session}
	switch {
	case over && e.Kind == wire.Close:
		return nil // the host knows
	case over:
		answer.Kind = wire.Close
	case frame == nil:
		return nil
	default:
		answer.Kind, answer.Payload = wire.Data, frame
	}
	b, err := wire.EncodeEnvelope(answer)
	if err != nil {
		return nil
	}
	return b
}

// handle does what an envelope asks for and says whether its session is over.
func (v *Vault) handle(ctx context.Context, e wire.Envelope) (frame []byte, over bool) {
	now := time.Now()
	v.sweep(now)
	switch e.Kind {
	case wire.Open:
		return nil, !v.open(e.Session, now)
	case wire.Data:
		s := v.session(e.Session)
		if s == nil {
			return nil, true
		}
		frame, err := s.receive(ctx, e.Payload)
		return frame, err != nil
	}
	return nil, true
}

// evidence proves the vault's key to whoever said this hello.
func (v *Vault) evidence(ctx context.Context, h wire.Hello) ([]byte, error) {
	if v.tenants[h.Tenant] == nil {
		return nil, errUnknownTenant
	}
	changes := v.gallery.Changes(h.Tenant) // not the counter: that one moves when anybody restarts the vault
	e, err := v.platform.Evidence(ctx, attest.ReportData(v.key.Public(), h.Nonce, changes, h.Tenant))
	if err != nil {
		return nil, err
	}
	e.Epoch = changes
	return e.Marshal()
}

// authorise admits a device that the tenant's operator vouches for. It runs
// before the first message of the session, so before any nonce is given out.
func (v *Vault) authorise(h wire.Hello, device [32]byte, credential []byte) error {
	t := v.tenants[h.Tenant]
	if t == nil {
		return errUnknownTenant
	}
	return link.CheckCredential(h, device, credential, t.Operator[:], time.Now())
}

var errUnknownTenant = errors.New("vault: no such tenant")

// changed notes what came of a change of the gallery.
func (v *Vault) changed(err error) {
	if err != nil && v.gallery.Failed() != nil {
		v.end()
	}
}

// end lets whoever runs the vault know that it must be started anew.
func (v *Vault) end() { v.doneOnce.Do(func() { close(v.done) }) }
