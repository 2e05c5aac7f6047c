package gallery

import (
	"errors"
	"fmt"

	"volar/wire"
	"volar/wire/canonical"
)

// version is the first field of everything here that is encoded.
const version = 1

// The forms, as CBOR arrays in this order. A head lies in the store as
// headForm; its Box, and the blobs of pages and records, hold the others.
type (
	headForm struct {
		_       struct{} `cbor:",toarray"`
		Version uint8
		Epoch   uint64
		Sealed  []byte // the KEK of this epoch, sealed by the platform
		Box     []byte // a shelvesForm under the KEK
	}
	shelvesForm struct {
		_       struct{} `cbor:",toarray"`
		Version uint8
		Shelves []shelfForm
	}
	shelfForm struct {
		_        struct{} `cbor:",toarray"`
		Name     string
		Operator [32]byte
		Pages    []refForm
	}
	refForm struct {
		_     struct{} `cbor:",toarray"`
		ID    blobID
		Key   [32]byte
		Hash  [32]byte
		Epoch uint64
	}
	pageForm struct {
		_       struct{} `cbor:",toarray"`
		Version uint8
		Entries []entryForm
	}
	entryForm struct {
		_      struct{} `cbor:",toarray"`
		Person wire.Person
		Ref    refForm
	}
	recordForm struct {
		_           struct{} `cbor:",toarray"`
		Version     uint8
		Person      wire.Person
		Left, Right [][]byte
	}
)

// maxSealed bounds what a platform makes of a KEK, in bytes.
const maxSealed = 4 << 10

func formOf(r ref) refForm      { return refForm{ID: r.ID, Key: r.Key, Hash: r.Hash, Epoch: r.Epoch} }
func (f refForm) ref() ref      { return ref{ID: f.ID, Key: f.Key, Hash: f.Hash, Epoch: f.Epoch} }
func (f shelfForm) who() Tenant { return Tenant{f.Name, f.Operator} }

func encodeShelves(shelves []*shelf) ([]byte, error) {
	f := shelvesForm{Version: version}
	for _, s := range shelves {
		sf := shelfForm{Name: s.Name, Operator: s.Operator}
		for _, p := range s.pages {
			sf.Pages = append(sf.Pages, formOf(p.ref))
		}
		f.Shelves = append(f.Shelves, sf)
	}
	return codec.Marshal(f)
}

// decodeShelves returns shelves whose pages are not read yet.
func decodeShelves(b []byte) ([]*shelf, error) {
	var f shelvesForm
	if err := codec.Unmarshal(b, &f); err != nil {
		return nil, err
	}
	if f.Version != version || len(f.Shelves) > MaxTenants {
		return nil, fmt.Errorf("head of version %d with %d tenants, want %d and at most %d", f.Version, len(f.Shelves), version, MaxTenants)
	}
	var list []*shelf
	for _, sf := range f.Shelves {
		if wire.CheckTenant(sf.Name) != nil || find(list, sf.Name) != nil || len(sf.Pages) > maxPages {
			return nil, errors.New("head with a tenant that is invalid or listed twice")
		}
		s := &shelf{Tenant: sf.who()}
		for _, p := range sf.Pages {
			s.pages = append(s.pages, &page{ref: p.ref()})
		}
		list = append(list, s)
	}
	return list, nil
}

func encodePage(entries []entry) ([]byte, error) {
	f := pageForm{Version: version}
	for _, e := range entries {
		f.Entries = append(f.Entries, entryForm{Person: e.person, Ref: formOf(e.ref)})
	}
	return codec.Marshal(f)
}

func decodePage(b []byte) ([]entry, error) {
	var f pageForm
	if err := codec.Unmarshal(b, &f); err != nil {
		return nil, err
	}
	if f.Version != version || len(f.Entries) == 0 || len(f.Entries) > pageSize {
		return nil, fmt.Errorf("page of version %d with %d records, want %d and 1 to %d", f.Version, len(f.Entries), version, pageSize)
	}
	p := &page{}
	for _, e := range f.Entries {
		if e.Person == (wire.Person{}) || p.index(e.Person) >= 0 {
			return nil, errors.New("page with a person that is nobody or listed twice")
		}
		p.entries = append(p.entries, entry{e.Person, e.Ref.ref()})
	}
	return p.entries, nil
}

func encodeRecord(r *Record) ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	return codec.Marshal(recordForm{Version: version, Person: r.Person, Left: r.Left, Right: r.Right})
}

func decodeRecord(b []byte) (*Record, error) {
	var f recordForm
	if err := codec.Unmarshal(b, &f); err != nil {
		return nil, err
	}
	if f.Version != version {
		return nil, fmt.Errorf("record of version %d, want %d", f.Version, version)
	}
	r := &Record{Person: f.Person, Left: f.Left, Right: f.Right}
	return r, r.check()
}

func encodeHead(epoch uint64, sealed, box []byte) ([]byte, error) {
	if len(sealed) == 0 || len(sealed) > maxSealed {
		return nil, fmt.Errorf("sealed key of %d bytes, want 1 to %d", len(sealed), maxSealed)
	}
	return codec.Marshal(headForm{Version: version, Epoch: epoch, Sealed: sealed, Box: box})
}

// decodeHead reads what the host gave as the head of an epoch.
func decodeHead(b []byte, epoch uint64) (headForm, error) {
	var f headForm
	if err := codec.Unmarshal(b, &f); err != nil {
		return headForm{}, fmt.Errorf("%w: %w", ErrAltered, err)
	}
	if f.Version != version || f.Epoch != epoch || len(f.Sealed) == 0 || len(f.Sealed) > maxSealed {
		return headForm{}, fmt.Errorf("%w: version %d, epoch %d, sealed key of %d bytes", ErrAltered, f.Version, f.Epoch, len(f.Sealed))
	}
	return f, nil
}

var codec = canonical.New(6, 1024)
