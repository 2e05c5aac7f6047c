package recovery

import (
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"volar/wire"
	"volar/wire/canonical"
	"volar/wire/signed"
)

// Limits, in bytes.
const (
	MaxKey     = 2 << 10   // a signed Key
	maxPlain   = 512 << 10 // what is sealed to a key
	sealedMore = 1120 + 16 // what sealing adds: the encapsulated key and the tag
)

// Why something is refused.
var (
	ErrMalformed = errors.New("malformed")
	ErrShares    = errors.New("these shares do not give the recovery key")
	ErrSealed    = errors.New("not sealed to this key, or not for this use")
)

const (
	version    = 1
	keyContext = "volar/recovery/1"
)

// Everything that is sealed here is HPKE (RFC 9180, base mode) with ML-KEM-768
// and X25519 together, because a backup that is copied today may be attacked
// for as long as palms last; HKDF-SHA256; ChaCha20Poly1305.
var (
	kem  = hpke.MLKEM768X25519()
	kdf  = hpke.HKDFSHA256()
	aead = hpke.ChaCha20Poly1305()
)

// Key is a tenant's recovery key as the tenant's operator signs it: the host
// that configures the vault cannot put one of its own in its place.
type Key struct {
	Tenant     string
	Generation uint64 // 1 and up; a vault takes a higher one and never a lower one again
	Threshold  uint8  // how many shares it takes
	Shares     uint8  // how many there are
	Public     []byte // HPKE public key, 1216 bytes
}

type keyForm struct {
	_          struct{} `cbor:",toarray"`
	Version    uint8
	Tenant     string
	Generation uint64
	Threshold  uint8
	Shares     uint8
	Public     []byte
}

var codec = canonical.New(6, MaxForgotten)

func (k Key) check() error {
	if err := wire.CheckTenant(k.Tenant); err != nil {
		return err
	}
	if k.Generation == 0 || k.Threshold < 2 || k.Shares < k.Threshold || k.Shares > MaxShares {
		return fmt.Errorf("%w: generation %d, %d of %d shares", ErrMalformed, k.Generation, k.Threshold, k.Shares)
	}
	if _, err := kem.NewPublicKey(k.Public); err != nil {
		return fmt.Errorf("%w: public key: %w", ErrMalformed, err)
	}
	return nil
}

// ID is what shares and sealed bytes name the key by.
func (k Key) ID() [32]byte { return sha256.Sum256(k.Public) }

// SignKey gives a COSE_Sign1 by the tenant's operator.
func SignKey(k Key, operator ed25519.PrivateKey) ([]byte, error) {
	if err := k.check(); err != nil {
		return nil, fmt.Errorf("recovery: sign key: %w", err)
	}
	payload, err := codec.Marshal(keyForm{Version: version, Tenant: k.Tenant, Generation: k.Generation,
		Threshold: k.Threshold, Shares: k.Shares, Public: k.Public})
	if err != nil {
		return nil, fmt.Errorf("recovery: sign key: %w", err)
	}
	b, err := signed.Sign(operator, keyContext, payload)
	if err != nil {
		return nil, fmt.Errorf("recovery: sign key: %w", err)
	}
	return b, nil
}

// ParseKey checks form and signature.
func ParseKey(b []byte, operator ed25519.PublicKey) (Key, error) {
	k, err := parseKey(b, operator)
	if err != nil {
		return Key{}, fmt.Errorf("recovery: read key: %w", err)
	}
	return k, nil
}

func parseKey(b []byte, operator ed25519.PublicKey) (Key, error) {
	if len(b) > MaxKey {
		return Key{}, fmt.Errorf("%w: %d bytes, at most %d", ErrMalformed, len(b), MaxKey)
	}
	payload, err := signed.Open(operator, keyContext, b)
	if err != nil {
		return Key{}, err
	}
	var f keyForm
	if err := codec.Unmarshal(payload, &f); err != nil {
		return Key{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if f.Version != version {
		return Key{}, fmt.Errorf("%w: version %d, want %d", ErrMalformed, f.Version, version)
	}
	k := Key{f.Tenant, f.Generation, f.Threshold, f.Shares, f.Public}
	return k, k.check()
}

// Make draws a recovery key and splits its private half: shares of them, of
// which threshold are needed. Nobody ever holds the whole again until they meet.
func Make(tenant string, generation uint64, threshold, shares int) (Key, []Share, error) {
	seed := make([]byte, 32)
	defer clear(seed)
	_, _ = rand.Read(seed)
	private, err := kem.NewPrivateKey(seed)
	if err != nil {
		return Key{}, nil, fmt.Errorf("recovery: make key: %w", err)
	}
	points, err := split(seed, threshold, shares)
	if err != nil {
		return Key{}, nil, err
	}
	k := Key{tenant, generation, uint8(threshold), uint8(shares), private.PublicKey().Bytes()}
	if err := k.check(); err != nil {
		return Key{}, nil, fmt.Errorf("recovery: make key: %w", err)
	}
	list := make([]Share, len(points))
	for i, p := range points {
		list[i] = Share{tenant, generation, uint8(threshold), uint8(shares), k.ID(), p}
	}
	return k, list, nil
}

// Secret is a private half. It prints as nothing.
type Secret struct{ key hpke.PrivateKey }

// Format hides the secret from every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, "recovery secret (secret)") }

// NewSecret is the private half that a seed of 32 bytes gives.
func NewSecret(seed []byte) (Secret, error) {
	k, err := kem.NewPrivateKey(seed)
	if err != nil {
		return Secret{}, fmt.Errorf("recovery: key from a seed: %w", err)
	}
	return Secret{k}, nil
}

// Public is the public half.
func (s Secret) Public() []byte { return s.key.PublicKey().Bytes() }

// Combine puts shares together. With too few, a wrong one or shares of
// different keys it is ErrShares: what comes out is compared with the key
// that all shares name.
func Combine(shares []Share) (Secret, error) {
	if len(shares) == 0 {
		return Secret{}, fmt.Errorf("recovery: combine: %w: none are given", ErrShares)
	}
	first := shares[0]
	var points []point
	for _, s := range shares {
		if s.key != first.key || s.Tenant != first.Tenant || s.Generation != first.Generation {
			return Secret{}, fmt.Errorf("recovery: combine: %w: share %d is of generation %d of %s, share %d of generation %d of %s",
				ErrShares, first.point.x, first.Generation, first.Tenant, s.point.x, s.Generation, s.Tenant)
		}
		points = append(points, s.point)
	}
	if len(points) < int(first.Threshold) {
		return Secret{}, fmt.Errorf("recovery: combine: %w: %d of the %d that it takes", ErrShares, len(points), first.Threshold)
	}
	seed, err := join(points)
	if err != nil {
		return Secret{}, err
	}
	defer clear(seed)
	s, err := NewSecret(seed)
	if err != nil {
		return Secret{}, err
	}
	if sha256.Sum256(s.Public()) != first.key {
		return Secret{}, fmt.Errorf("recovery: combine: %w: one of them was changed", ErrShares)
	}
	return s, nil
}

// Seal encrypts plain to a public key, for one use.
func Seal(public []byte, use string, plain []byte) ([]byte, error) {
	if len(plain) > maxPlain {
		return nil, fmt.Errorf("recovery: seal: %d bytes, at most %d", len(plain), maxPlain)
	}
	k, err := kem.NewPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("recovery: seal: %w", err)
	}
	b, err := hpke.Seal(k, kdf, aead, []byte(use), plain)
	if err != nil {
		return nil, fmt.Errorf("recovery: seal: %w", err)
	}
	return b, nil
}

// Open is the inverse of Seal.
func (s Secret) Open(use string, sealed []byte) ([]byte, error) {
	if s.key == nil || len(sealed) > maxPlain+sealedMore {
		return nil, fmt.Errorf("recovery: open: %w", ErrSealed)
	}
	plain, err := hpke.Open(s.key, kdf, aead, []byte(use), sealed)
	if err != nil {
		return nil, fmt.Errorf("recovery: open: %w", ErrSealed)
	}
	return plain, nil
}
