package gallery

import (
	"errors"
	"fmt"

	"volar/wire"
	"volar/wire/canonical"
)

// version is the first field of everything here that is encoded.
const version = 3

// The forms, as CBOR arrays in this order. A head lies in the store as
// headForm; its Box, and the blobs of pages and records, hold the others.
type (
	headForm struct {
		_       struct{} `cbor:",toarray"`
		Version uint8
		Epoch   uint64
		Sealed  []byte // the KEK of this epoch, sealed by the platform
		Box     []byte // a contentForm under the KEK
	}
	contentForm struct {
		_       struct{} `cbor:",toarray"`
		Version uint8
		Shelves []shelfForm
		Import  []byte // seed of the import key while a restore waits for its grants; otherwise empty
	}
	shelfForm struct {
		_        struct{} `cbor:",toarray"`
		Name     string
		Operator [32]byte
		Recovery []byte // the recovery key as the operator signed it, or empty
		Codes    codesForm
		Signing  [32]byte // seed of the receipt key
		Root     [32]byte // of the tree over the records
		Changes  uint64
		Owed     []owedForm
		Pages    []refForm
	}
	// codesForm is what a tenant's palms are coded under: both zero for plain codes.
	codesForm struct {
		_          struct{} `cbor:",toarray"`
		Generation uint64
		Key        [32]byte
	}
	owedForm struct {
		_       struct{} `cbor:",toarray"`
		Handle  [32]byte
		Before  uint64
		After   uint64
		Root    [32]byte
		Time    int64
		Program [32]byte
	}
	// bodyForm is what share holders pass on to another platform: the way to
	// the records and what they are coded under, without the receipt key. The
	// recovery key is in it so that its generation goes on.
	bodyForm struct {
		_        struct{} `cbor:",toarray"`
		Version  uint8
		Recovery []byte
		Codes    codesForm
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

func formOf(r ref) refForm { return refForm{ID: r.ID, Key: r.Key, Hash: r.Hash, Epoch: r.Epoch} }
func (f refForm) ref() ref { return ref{ID: f.ID, Key: f.Key, Hash: f.Hash, Epoch: f.Epoch} }

func (c codes) form() codesForm  { return codesForm{Generation: c.generation, Key: c.key} }
func (f codesForm) codes() codes { return codes{generation: f.Generation, key: f.Key} }

// valid says that there is a key from the first generation on, and none before.
func (f codesForm) valid() bool { return (f.Generation == 0) == (f.Key == [32]byte{}) }

func refsOf(pages []*page) (list []refForm) {
	for _, p := range pages {
		list = append(list, formOf(p.ref))
	}
	return list
}

// unread returns pages that are known by what points to them alone.
func unread(list []refForm) (pages []*page) {
	for _, p := range list {
		pages = append(pages, &page{ref: p.ref()})
	}
	return pages
}

func encodeContent(shelves []*shelf, importing key) ([]byte, error) {
	f := contentForm{Version: version}
	if importing != (key{}) {
		f.Import = importing[:]
	}
	for _, s := range shelves {
		sf := shelfForm{Name: s.Name, Operator: s.Operator, Recovery: s.Recovery, Codes: s.codes.form(), Signing: s.signing, Root: s.root, Changes: s.changes, Pages: refsOf(s.pages)}
		for _, o := range s.owed {
			sf.Owed = append(sf.Owed, owedForm{Handle: o.handle, Before: o.before, After: o.after, Root: o.root, Time: o.time, Program: o.program})
		}
		f.Shelves = append(f.Shelves, sf)
	}
	return codec.Marshal(f)
}

// decodeContent returns shelves whose pages are not read yet.
func decodeContent(b []byte) (list []*shelf, importing key, err error) {
	var f contentForm
	if err := codec.Unmarshal(b, &f); err != nil {
		return nil, key{}, err
	}
	if f.Version != version || len(f.Shelves) > MaxTenants || len(f.Import) != 0 && len(f.Import) != len(importing) {
		return nil, key{}, fmt.Errorf("head of version %d with %d tenants, want %d and at most %d", f.Version, len(f.Shelves), version, MaxTenants)
	}
	copy(importing[:], f.Import)
	clear(f.Import)
	for _, sf := range f.Shelves {
		if wire.CheckTenant(sf.Name) != nil || find(list, sf.Name) != nil || len(sf.Pages) > maxPages || len(sf.Owed) > maxOwed || sf.Signing == [32]byte{} || !sf.Codes.valid() {
			return nil, key{}, errors.New("head with a tenant that is invalid or listed twice")
		}
		s := &shelf{Tenant: Tenant{Name: sf.Name, Operator: sf.Operator, Recovery: sf.Recovery}, codes: sf.Codes.codes(), signing: sf.Signing, root: sf.Root, changes: sf.Changes, pages: unread(sf.Pages)}
		for _, o := range sf.Owed {
			s.owed = append(s.owed, owed{o.Handle, o.Before, o.After, o.Root, o.Time, o.Program})
		}
		list = append(list, s)
	}
	return list, importing, nil
}

func encodeBody(s *shelf) ([]byte, error) {
	return codec.Marshal(bodyForm{Version: version, Recovery: s.Recovery, Codes: s.codes.form(), Pages: refsOf(s.pages)})
}

// decodeBody gives a shelf its pages, not read yet, its recovery key and its codes.
func (s *shelf) decodeBody(b []byte) error {
	var f bodyForm
	if err := codec.Unmarshal(b, &f); err != nil {
		return err
	}
	if f.Version != version || len(f.Pages) > maxPages || !f.Codes.valid() {
		return fmt.Errorf("escrow of version %d with %d pages, want %d and at most %d", f.Version, len(f.Pages), version, maxPages)
	}
	s.Recovery, s.codes, s.pages = f.Recovery, f.Codes.codes(), unread(f.Pages)
	return nil
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
