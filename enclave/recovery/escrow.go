package recovery

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"volar/wire"
)

// Escrow is what the vault seals to a tenant's recovery key with every epoch:
// the way to the records, and what people can know it by.
type Escrow struct {
	Tenant   string
	Operator [32]byte
	Epoch    uint64
	People   uint64
	Root     [32]byte // of the tenant's tree at Epoch
	Body     []byte   // the gallery's own; holds keys
}

type escrowForm struct {
	_        struct{} `cbor:",toarray"`
	Version  uint8
	Tenant   string
	Operator [32]byte
	Epoch    uint64
	People   uint64
	Root     [32]byte
	Body     []byte
}

// MaxForgotten is how many people one grant tells the new vault to forget.
const MaxForgotten = 8192

// Grant is what the share holders hand to the vault of another platform.
type Grant struct {
	Escrow
	Forget [][32]byte // handles of people who were deleted after Epoch, by receipts that are newer
}

type grantForm struct {
	_       struct{} `cbor:",toarray"`
	Version uint8
	Escrow  escrowForm
	Forget  [][32]byte
}

// boxes is the blob of one epoch: what is sealed to each tenant's key.
type boxesForm struct {
	_       struct{} `cbor:",toarray"`
	Version uint8
	Epoch   uint64
	Boxes   []boxForm
}

type boxForm struct {
	_      struct{} `cbor:",toarray"`
	Key    [32]byte
	Sealed []byte
}

// Box is an Escrow that is sealed to a key.
type Box struct {
	Key    [32]byte // Key.ID
	Sealed []byte
}

// maxBoxes is how many tenants one blob serves.
const maxBoxes = 32

func escrowUse(tenant string, epoch uint64) string {
	return fmt.Sprintf("volar/escrow/1/%s/%d", tenant, epoch)
}

// Prefix is where escrows lie in the store.
const Prefix = "recovery/"

// Name is where the escrow of an epoch lies.
func Name(epoch uint64) string { return fmt.Sprintf("%s%020d", Prefix, epoch) }

// Seal makes the box of an escrow.
func (e Escrow) Seal(k Key) (Box, error) {
	plain, err := codec.Marshal(formOf(e))
	if err != nil {
		return Box{}, fmt.Errorf("recovery: seal escrow: %w", err)
	}
	defer clear(plain)
	sealed, err := Seal(k.Public, escrowUse(e.Tenant, e.Epoch), plain)
	if err != nil {
		return Box{}, err
	}
	return Box{k.ID(), sealed}, nil
}

func formOf(e Escrow) escrowForm {
	return escrowForm{Version: version, Tenant: e.Tenant, Operator: e.Operator, Epoch: e.Epoch, People: e.People, Root: e.Root, Body: e.Body}
}

func (f escrowForm) escrow() (Escrow, error) {
	e := Escrow{f.Tenant, f.Operator, f.Epoch, f.People, f.Root, f.Body}
	if f.Version != version || wire.CheckTenant(f.Tenant) != nil || f.Epoch == 0 {
		return Escrow{}, fmt.Errorf("%w: escrow of version %d, epoch %d", ErrMalformed, f.Version, f.Epoch)
	}
	return e, nil
}

// EncodeBoxes is the blob of an epoch.
func EncodeBoxes(epoch uint64, boxes []Box) ([]byte, error) {
	f := boxesForm{Version: version, Epoch: epoch}
	for _, b := range boxes {
		f.Boxes = append(f.Boxes, boxForm{Key: b.Key, Sealed: b.Sealed})
	}
	return codec.Marshal(f)
}

// DecodeBoxes reads what EncodeBoxes wrote and nothing else.
func DecodeBoxes(b []byte) (epoch uint64, boxes []Box, err error) {
	var f boxesForm
	if len(b) > wire.MaxValue {
		return 0, nil, fmt.Errorf("recovery: read escrow: %w: %d bytes, at most %d", ErrMalformed, len(b), wire.MaxValue)
	}
	if err := codec.Unmarshal(b, &f); err != nil {
		return 0, nil, fmt.Errorf("recovery: read escrow: %w: %w", ErrMalformed, err)
	}
	if f.Version != version || len(f.Boxes) > maxBoxes {
		return 0, nil, fmt.Errorf("recovery: read escrow: %w: version %d with %d tenants", ErrMalformed, f.Version, len(f.Boxes))
	}
	for _, x := range f.Boxes {
		boxes = append(boxes, Box{x.Key, x.Sealed})
	}
	return f.Epoch, boxes, nil
}

// Unlock opens the tenant's escrow in the blob of an epoch.
func (s Secret) Unlock(blob []byte, tenant string) (Escrow, error) {
	epoch, boxes, err := DecodeBoxes(blob)
	if err != nil {
		return Escrow{}, err
	}
	id := sha256.Sum256(s.Public())
	for _, b := range boxes {
		if b.Key != id {
			continue
		}
		plain, err := s.Open(escrowUse(tenant, epoch), b.Sealed)
		if err != nil {
			return Escrow{}, err
		}
		defer clear(plain)
		var f escrowForm
		if err := codec.Unmarshal(plain, &f); err != nil {
			return Escrow{}, fmt.Errorf("recovery: read escrow: %w: %w", ErrMalformed, err)
		}
		e, err := f.escrow()
		if err == nil && (e.Tenant != tenant || e.Epoch != epoch) {
			err = fmt.Errorf("%w: of %s at epoch %d", ErrMalformed, e.Tenant, e.Epoch)
		}
		return e, err
	}
	return Escrow{}, fmt.Errorf("recovery: read escrow: %w: it holds nothing for this key", ErrSealed)
}

// Wipe zeroes the way to the records.
func (e Escrow) Wipe() { clear(e.Body) }

// Seal makes of a grant what only the vault with this import key opens.
func (g Grant) Seal(importKey []byte) ([]byte, error) {
	if len(g.Forget) > MaxForgotten {
		return nil, fmt.Errorf("recovery: seal grant: %d people to forget, at most %d", len(g.Forget), MaxForgotten)
	}
	plain, err := codec.Marshal(grantForm{Version: version, Escrow: formOf(g.Escrow), Forget: g.Forget})
	if err != nil {
		return nil, fmt.Errorf("recovery: seal grant: %w", err)
	}
	defer clear(plain)
	return Seal(importKey, grantUse(g.Tenant), plain)
}

func grantUse(tenant string) string { return "volar/grant/1/" + tenant }

// OpenGrant is the inverse of Grant.Seal.
func (s Secret) OpenGrant(tenant string, sealed []byte) (Grant, error) {
	plain, err := s.Open(grantUse(tenant), sealed)
	if err != nil {
		return Grant{}, err
	}
	defer clear(plain)
	var f grantForm
	if err := codec.Unmarshal(plain, &f); err != nil {
		return Grant{}, fmt.Errorf("recovery: read grant: %w: %w", ErrMalformed, err)
	}
	e, err := f.Escrow.escrow()
	if err != nil {
		return Grant{}, fmt.Errorf("recovery: read grant: %w", err)
	}
	if f.Version != version || e.Tenant != tenant || len(f.Forget) > MaxForgotten {
		return Grant{}, fmt.Errorf("recovery: read grant: %w: version %d for %s", ErrMalformed, f.Version, e.Tenant)
	}
	return Grant{e, f.Forget}, nil
}

// Request is what the vault of a new platform asks the share holders with.
type Request struct {
	Tenant   string
	Import   []byte // HPKE public key; its private half is sealed to the platform
	Evidence []byte // over the import key, see attest.VerifyKey
}

type requestForm struct {
	_        struct{} `cbor:",toarray"`
	Version  uint8
	Tenant   string
	Import   []byte
	Evidence []byte
}

// MaxRequest bounds an encoded Request, in bytes.
const MaxRequest = 64 << 10

// Marshal is the one encoding of r.
func (r Request) Marshal() ([]byte, error) {
	return codec.Marshal(requestForm{Version: version, Tenant: r.Tenant, Import: r.Import, Evidence: r.Evidence})
}

// ParseRequest reads what Marshal wrote and nothing else.
func ParseRequest(b []byte) (Request, error) {
	var f requestForm
	if len(b) > MaxRequest {
		return Request{}, fmt.Errorf("recovery: read request: %w: %d bytes, at most %d", ErrMalformed, len(b), MaxRequest)
	}
	if err := codec.Unmarshal(b, &f); err != nil {
		return Request{}, fmt.Errorf("recovery: read request: %w: %w", ErrMalformed, err)
	}
	if f.Version != version || wire.CheckTenant(f.Tenant) != nil {
		return Request{}, fmt.Errorf("recovery: read request: %w: version %d", ErrMalformed, f.Version)
	}
	if _, err := kem.NewPublicKey(f.Import); err != nil {
		return Request{}, fmt.Errorf("recovery: read request: %w: import key: %w", ErrMalformed, err)
	}
	return Request{f.Tenant, f.Import, f.Evidence}, nil
}

// RequestName and GrantName are where a tenant's request and grant lie in the
// store. The names say nothing about the tenant.
func RequestName(tenant string) string { return "request/" + veiled(tenant) }

// GrantName is described at RequestName.
func GrantName(tenant string) string { return "grant/" + veiled(tenant) }

func veiled(tenant string) string {
	h := sha256.Sum256([]byte("volar/restore/1/" + tenant))
	return hex.EncodeToString(h[:])
}
