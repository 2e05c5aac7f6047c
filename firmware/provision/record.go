package provision

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"volar/hal"
	"volar/wire/canonical"
	"volar/wire/prov"
)

// Keys of the store.
const (
	recordKey    = "provision"      // what counts
	candidateKey = "provision.next" // what was committed and not yet confirmed
)

const maxRecord = 60 << 10

var codec = canonical.New(4, 64)

// record is all that provisioning keeps, in one value: it changes as a whole.
type record struct {
	_           struct{} `cbor:",toarray"`
	Version     uint8
	State       prov.State
	Ticket      uint64 // number of the one that sealed the unit
	Settings    []byte // prov.Settings; empty: none
	Calibration []byte // JSON of hal.Calibration; empty: none
	Tests       []prov.Tested
	TestedBy    string // the firmware under which the tests ran
}

// candidate is a part that waits for its confirmation.
type candidate struct {
	_     struct{} `cbor:",toarray"`
	Part  string
	Value []byte
}

// Load is what a unit with this store is.
func Load(store hal.Store) (Provisioned, error) {
	r, err := loadRecord(store)
	if err != nil {
		return Provisioned{}, err
	}
	return r.provisioned()
}

func loadRecord(store hal.Store) (r record, err error) {
	b, err := store.Get(recordKey)
	if errors.Is(err, hal.ErrNotFound) {
		return record{Version: prov.Version}, nil
	}
	if err != nil {
		return r, fmt.Errorf("provision: read the record: %w", err)
	}
	if err = codec.Unmarshal(b, &r); err == nil && (r.Version != prov.Version || r.State > prov.Sealed || len(b) > maxRecord) {
		err = fmt.Errorf("version %d, state %d, %d bytes", r.Version, r.State, len(b))
	}
	if err != nil {
		return record{}, fmt.Errorf("provision: read the record: %w", err)
	}
	return r, nil
}

func (r *record) settings() (*prov.Settings, error) {
	if len(r.Settings) == 0 {
		return nil, nil
	}
	return prov.ParseSettings(r.Settings)
}

func (r *record) calibration() (*hal.Calibration, error) {
	if len(r.Calibration) == 0 {
		return nil, nil
	}
	return hal.ParseCalibration(r.Calibration)
}

func (r *record) provisioned() (p Provisioned, err error) {
	p.State = r.State
	if p.Settings, err = r.settings(); err == nil {
		p.Calibration, err = r.calibration()
	}
	return p, err
}

// put writes a value and reads it back.
func put(store hal.Store, key string, v any) error {
	b, err := codec.Marshal(v)
	if err != nil {
		return fmt.Errorf("provision: write %s: %w", key, err)
	}
	if len(b) > maxRecord {
		return fmt.Errorf("provision: write %s: %d bytes, at most %d", key, len(b), maxRecord)
	}
	if err := store.Put(key, b); err != nil {
		return fmt.Errorf("provision: write %s: %w", key, err)
	}
	got, err := store.Get(key)
	if err == nil && !bytes.Equal(got, b) {
		err = errors.New("the store gives back other bytes than it was given")
	}
	if err != nil {
		return fmt.Errorf("provision: read %s back: %w", key, err)
	}
	return nil
}

// change makes a changed record count. Where that fails, the old one does.
func (s *server) change(edit func(*record)) error {
	next := s.record
	next.Tests = append([]prov.Tested(nil), s.record.Tests...)
	edit(&next)
	if err := put(s.unit.Store, recordKey, next); err != nil {
		// The store may have either: what counts is what a restart would find.
		if r, again := loadRecord(s.unit.Store); again == nil {
			s.record = r
		}
		return err
	}
	s.record = next
	return nil
}

// recover brings the unit to where it was before, or after, what was cut: a
// candidate that nobody confirmed is gone, and the ticket of a unit that is
// sealed is spent.
func (s *server) recover() (err error) {
	if s.record, err = loadRecord(s.unit.Store); err != nil {
		return err
	}
	if err := s.unit.Store.Delete(candidateKey); err != nil {
		return fmt.Errorf("provision: drop what was not confirmed: %w", err)
	}
	if s.record.State == prov.Sealed {
		return s.spend(s.record.Ticket)
	}
	return nil
}

func (s *server) spend(number uint64) error {
	if err := s.unit.Chip.Spend(number); err != nil {
		return fmt.Errorf("provision: spend the ticket: %w", err)
	}
	return nil
}

// commit keeps a part as a candidate and says what the store gives back.
func (s *server) commit(part string, value []byte) (sum [32]byte, err error) {
	if err := put(s.unit.Store, candidateKey, candidate{Part: part, Value: value}); err != nil {
		return sum, err
	}
	c, err := s.candidate()
	return sha256.Sum256(c.Value), err
}

func (s *server) candidate() (c candidate, err error) {
	b, err := s.unit.Store.Get(candidateKey)
	if err == nil {
		err = codec.Unmarshal(b, &c)
	}
	if err != nil {
		return c, fmt.Errorf("provision: read what was committed: %w", err)
	}
	return c, nil
}

// confirm makes the candidate count, if it is the one that the bench read
// back. One that counts already is no error.
func (s *server) confirm(part string, sum [32]byte) error {
	if now := s.record.part(part); len(now) > 0 && sha256.Sum256(now) == sum {
		return s.unit.Store.Delete(candidateKey)
	}
	c, err := s.candidate()
	if err != nil {
		return refuse(prov.CodeMissing, "nothing was committed: %w", err)
	}
	if c.Part != part || sha256.Sum256(c.Value) != sum {
		return refuse(prov.CodeInvalid, "what was committed is another value")
	}
	if err := s.valid(part, c.Value); err != nil { // it may be of another session, with another ticket
		return err
	}
	err = s.change(func(r *record) {
		switch part {
		case prov.PartSettings:
			r.Settings = c.Value
			r.State = max(r.State, prov.Named)
		case prov.PartCalibration:
			r.Calibration = c.Value
		}
	})
	if err != nil {
		return err
	}
	return s.unit.Store.Delete(candidateKey)
}

func (r *record) part(name string) []byte {
	switch name {
	case prov.PartSettings:
		return r.Settings
	case prov.PartCalibration:
		return r.Calibration
	}
	return nil
}
