package replay

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"volar/enclave/attest"
	"volar/enclave/attest/simulated"
	"volar/enclave/vault"
	"volar/firmware"
	"volar/hal"
	"volar/wire"
	"volar/wire/link"
)

// Tenant is the only tenant of a vault of this package.
const Tenant = "bench"

// fpir is what palmvault demands where its configuration says nothing.
const fpir = 1e-4

// validFor is how long credentials and policies count: longer than any run.
const validFor = 30 * 24 * time.Hour

// Keys that everybody may know: they guard nothing.
var (
	signing  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	operator = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, ed25519.SeedSize))
	program  = [32]byte{0xab}
)

// Vault is the real vault in this process, on a platform of software and a
// store in memory, behind a gateway without a network.
type Vault struct {
	vault    *vault.Vault
	sessions atomic.Uint64
	serving  sync.WaitGroup

	// Through, where set, may replace the connection of a device.
	Through func(net.Conn) net.Conn

	mu    sync.Mutex
	lines map[net.Conn]bool
}

// Shelf is what outlives a vault: its blobs and its counter.
type Shelf struct {
	mu    sync.Mutex
	blobs map[string][]byte
	epoch uint64

	fails func() error // asked before each write
}

// Fail lets f be asked before each write; an error is the disk's. nil is a
// disk that works.
func (s *Shelf) Fail(f func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = f
}

// NewShelf is an empty one.
func NewShelf() *Shelf { return &Shelf{blobs: map[string][]byte{}} }

// Copy is another shelf with the same on it.
func (s *Shelf) Copy() *Shelf {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Shelf{blobs: maps.Clone(s.blobs), epoch: s.epoch}
}

// Records counts the blobs.
func (s *Shelf) Records() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.blobs)
}

// Get is of gallery.Blobs.
func (s *Shelf) Get(_ context.Context, key string) ([]byte, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.blobs[key]
	return bytes.Clone(v), ok, nil
}

// List is of gallery.Blobs.
func (s *Shelf) List(_ context.Context, prefix, after string) ([]string, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := slices.Sorted(maps.Keys(s.blobs))
	return slices.DeleteFunc(keys, func(k string) bool { return !strings.HasPrefix(k, prefix) || k <= after }), false, nil
}

// Apply is of gallery.Blobs.
func (s *Shelf) Apply(_ context.Context, puts []wire.Blob, deletes []string) error {
	s.mu.Lock()
	fails := s.fails
	s.mu.Unlock()
	if fails != nil {
		if err := fails(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range puts {
		s.blobs[p.Key] = bytes.Clone(p.Value)
	}
	for _, k := range deletes {
		delete(s.blobs, k)
	}
	return nil
}

func (s *Shelf) raise(n uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch = n
	return nil
}

// StartVault starts a vault on a shelf.
func StartVault(ctx context.Context, s *Shelf) (*Vault, error) {
	platform, err := simulated.New(simulated.Config{
		Key: signing, Sealing: [32]byte{4}, Measurement: program, Epoch: s.epoch, Persist: s.raise,
	})
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	v, err := vault.New(ctx, vault.Config{
		Platform: platform, Blobs: s, FPIR: fpir,
		Tenants: []vault.Tenant{{Name: Tenant, Operator: [32]byte(operator.Public().(ed25519.PublicKey))}},
	})
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	return &Vault{vault: v}, nil
}

// Close waits until every connection has ended.
func (v *Vault) Close() { v.serving.Wait() }

// Kill cuts every connection, as the end of the vault's process does.
func (v *Vault) Kill() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for c := range v.lines {
		c.Close()
	}
}

// Done is closed when the vault wants to be started anew.
func (v *Vault) Done() <-chan struct{} { return v.vault.Done() }

// keep notes a connection until the function that it returns is called.
func (v *Vault) keep(c net.Conn) func() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.lines == nil {
		v.lines = map[net.Conn]bool{}
	}
	v.lines[c] = true
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.lines, c)
	}
}

// connect is the gateway's work for one device.
func (v *Vault) connect() net.Conn {
	ctx := context.Background() // a session outlives the dialling of it
	near, far := net.Pipe()
	id := v.sessions.Add(1)
	v.handle(ctx, wire.Envelope{Session: id, Kind: wire.Open})
	forget := v.keep(far)
	v.serving.Go(func() {
		defer forget()
		defer far.Close()
		defer v.handle(ctx, wire.Envelope{Session: id, Kind: wire.Close})
		for {
			frame, err := wire.ReadFrame16(far)
			if err != nil {
				return
			}
			back, some := v.handle(ctx, wire.Envelope{Session: id, Kind: wire.Data, Payload: frame})
			if some && (back.Kind == wire.Close || wire.WriteFrame16(far, back.Payload) != nil) {
				return
			}
		}
	})
	if v.Through != nil {
		return v.Through(near)
	}
	return near
}

func (v *Vault) handle(ctx context.Context, e wire.Envelope) (wire.Envelope, bool) {
	in, err := wire.EncodeEnvelope(e)
	if err != nil {
		return wire.Envelope{Kind: wire.Close}, true
	}
	out := v.vault.Handle(ctx, in)
	if out == nil {
		return wire.Envelope{}, false
	}
	back, err := wire.DecodeEnvelope(out)
	if err != nil {
		return wire.Envelope{Kind: wire.Close}, true
	}
	return back, true
}

// Dialer is what firmware.Config.Dial wants: a session with this vault after
// its evidence has been checked, as a unit in service checks it. What the unit
// has seen of vaults is kept in store.
func (v *Vault) Dialer(identity hal.Identity, store hal.Store) (func(context.Context) (firmware.Vault, error), error) {
	now := time.Now()
	credential, err := wire.SignCredential(wire.Credential{
		Tenant: Tenant, Device: identity.Public(), NotAfter: now.Add(validFor).Unix(),
	}, operator)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	policy, err := attest.SignPolicy(attest.Policy{
		Tenant: Tenant, Version: 1, NotBefore: now.Add(-time.Hour).Unix(), NotAfter: now.Add(validFor).Unix(), Vaults: []attest.Vault{{Measurement: program}}, Development: true,
		Simulated: &attest.Simulated{Keys: [][32]byte{[32]byte(signing.Public().(ed25519.PublicKey))}},
	}, operator)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	guard := &attest.Guard{
		Tenant: Tenant, Operator: operator.Public().(ed25519.PublicKey), Development: true, Verifiers: []attest.Verifier{simulated.Verifier{}},
		Policy:   func() ([]byte, error) { return policy, nil },
		Recall:   func() ([]byte, error) { return recall(store) },
		Remember: func(b []byte) error { return store.Put(seenKey, b) },
	}
	cfg := link.ClientConfig{
		Tenant: Tenant, Static: identity, Credential: credential,
		Verify: func(evidence []byte, nonce [32]byte) ([32]byte, error) {
			c, err := guard.Check(evidence, nonce, time.Now())
			return c.VaultKey, err
		},
	}
	return func(ctx context.Context) (firmware.Vault, error) { return link.Dial(ctx, v.connect(), cfg) }, nil
}

// seenKey is where a unit keeps what it has seen of vaults.
const seenKey = "vault.seen"

func recall(store hal.Store) ([]byte, error) {
	b, err := store.Get(seenKey)
	if errors.Is(err, hal.ErrNotFound) {
		return nil, nil
	}
	return b, err
}
