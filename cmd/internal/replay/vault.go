package replay

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"maps"
	"math"
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
}

// Shelf is what outlives a vault: its blobs and its counter.
type Shelf struct {
	mu    sync.Mutex
	blobs map[string][]byte
	epoch uint64

	// Fails, where set, is asked before each write; an error is the disk's.
	Fails func() error
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
	defer s.mu.Unlock()
	if s.Fails != nil {
		if err := s.Fails(); err != nil {
			return err
		}
	}
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

// connect is the gateway's work for one device.
func (v *Vault) connect() net.Conn {
	ctx := context.Background() // a session outlives the dialling of it
	near, far := net.Pipe()
	id := v.sessions.Add(1)
	v.handle(ctx, wire.Envelope{Session: id, Kind: wire.Open})
	v.serving.Go(func() {
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
// its evidence has been checked.
func (v *Vault) Dialer(identity hal.Identity) (func(context.Context) (firmware.Vault, error), error) {
	credential, err := wire.SignCredential(wire.Credential{
		Tenant: Tenant, Device: identity.Public(), NotAfter: math.MaxInt64,
	}, operator)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	policy := attest.Policy{
		Tenant: Tenant, NotAfter: math.MaxInt64, Vaults: []attest.Vault{{Measurement: program}}, Development: true,
		Simulated: &attest.Simulated{Keys: [][32]byte{[32]byte(signing.Public().(ed25519.PublicKey))}},
	}
	cfg := link.ClientConfig{
		Tenant: Tenant, Static: identity, Credential: credential,
		Verify: func(evidence []byte, nonce [32]byte) ([32]byte, error) {
			c, err := attest.Verify(evidence, policy, nonce, time.Now(), simulated.Verifier{})
			return c.VaultKey, err
		},
	}
	return func(ctx context.Context) (firmware.Vault, error) { return link.Dial(ctx, v.connect(), cfg) }, nil
}
