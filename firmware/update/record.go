package update

import (
	"errors"
	"fmt"
	"strings"

	"volar/hal"
	"volar/wire/bundle"
	"volar/wire/canonical"
)

// recordKey is where the update is kept in the unit's store.
const recordKey = "update"

// maxFailures is how often one bundle may come back from a trial before the
// unit takes it no more: whoever pulls the plug in the wrong seconds is
// forgiven, a bundle that does not work is not fetched for ever.
const maxFailures = 3

// record is all that outlives a power cut, beside the bytes that were fetched
// and the boot state.
type record struct {
	State    State
	Target   string // slot that the update is for: "a" or "b"; "" while idle
	Manifest []byte // signed; empty while idle, and on a trial whose record was lost
	OldFloor uint64 // of the system that ran when it was offered
	Rewrites uint8  // how often the other slot did not read back
	Why      string // of what went wrong, for people
	Last     last
	Failures []failure // of bundles that came back
}

// last is how the last update ended.
type last struct {
	Name   string
	Serial uint64
	Done   bool
	Why    string
	At     int64 // seconds since 1970, by the unit's clock
}

// failure counts how often a bundle came back.
type failure struct {
	Manifest [32]byte // SHA-256
	Times    uint8
}

type recordForm struct {
	_        struct{} `cbor:",toarray"`
	Version  uint8
	State    State
	Target   string
	Manifest []byte
	OldFloor uint64
	Rewrites uint8
	Why      string
	Last     lastForm
	Failures []failureForm
}

type lastForm struct {
	_      struct{} `cbor:",toarray"`
	Name   string
	Serial uint64
	Done   bool
	Why    string
	At     int64
}

type failureForm struct {
	_        struct{} `cbor:",toarray"`
	Manifest [32]byte
	Times    uint8
}

// recordVersion is the version of the form. A system that finds another one
// in the store begins anew: the boot state tells it whether it is on trial.
const recordVersion = 1

const maxRecord = 4 << 10

var codec = canonical.New(4, 16)

func (r *record) bytes() ([]byte, error) {
	f := recordForm{Version: recordVersion, State: r.State, Target: r.Target, Manifest: r.Manifest, OldFloor: r.OldFloor, Rewrites: r.Rewrites,
		Why: cut(r.Why), Last: lastForm{Name: r.Last.Name, Serial: r.Last.Serial, Done: r.Last.Done, Why: cut(r.Last.Why), At: r.Last.At}}
	for _, x := range r.Failures {
		f.Failures = append(f.Failures, failureForm{Manifest: x.Manifest, Times: x.Times})
	}
	return codec.Marshal(f)
}

// parseRecord reads a record, and refuses what no unit wrote.
func parseRecord(b []byte) (r record, err error) {
	if len(b) > maxRecord {
		return r, fmt.Errorf("update: record of %d bytes, at most %d", len(b), maxRecord)
	}
	var f recordForm
	if err := codec.Unmarshal(b, &f); err != nil {
		return r, fmt.Errorf("update: record: %w", err)
	}
	busy := f.State > Idle
	switch {
	case f.Version != recordVersion:
		return r, fmt.Errorf("update: record of version %d, this is %d", f.Version, recordVersion)
	case f.State == Blank || f.State >= stateCount || len(f.Why) > maxWhy || len(f.Last.Why) > maxWhy || len(f.Last.Name) > 32:
		return r, fmt.Errorf("update: record in %v", f.State)
	case busy != (f.Target == "a" || f.Target == "b") || !busy && len(f.Manifest) > 0 ||
		f.State.needsManifest() && len(f.Manifest) == 0 || len(f.Manifest) > bundle.MaxManifest:
		return r, fmt.Errorf("update: record in %v for slot %q with a manifest of %d bytes", f.State, f.Target, len(f.Manifest))
	}
	r = record{State: f.State, Target: f.Target, Manifest: f.Manifest, OldFloor: f.OldFloor, Rewrites: f.Rewrites, Why: f.Why,
		Last: last{f.Last.Name, f.Last.Serial, f.Last.Done, f.Last.Why, f.Last.At}}
	for _, x := range f.Failures {
		r.Failures = append(r.Failures, failure{x.Manifest, x.Times})
	}
	return r, nil
}

// maxWhy bounds a reason, in bytes.
const maxWhy = 160

func cut(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxWhy)], "")
}

// load reads the record; where there is none, or none that this system
// understands, it is a new one.
func load(s hal.Store) (r record, note error, err error) {
	b, err := s.Get(recordKey)
	if errors.Is(err, hal.ErrNotFound) {
		return record{}, nil, nil
	}
	if err != nil {
		return record{}, nil, fmt.Errorf("update: read the record: %w", err)
	}
	if r, note = parseRecord(b); note != nil {
		return record{}, note, nil
	}
	return r, nil, nil
}

func (r *record) save(s hal.Store) error {
	b, err := r.bytes()
	if err == nil {
		err = s.Put(recordKey, b)
	}
	if err != nil {
		return fmt.Errorf("update: save the record: %w", err)
	}
	return nil
}

// times is how often a bundle came back.
func (r *record) times(manifest [32]byte) uint8 {
	for _, f := range r.Failures {
		if f.Manifest == manifest {
			return f.Times
		}
	}
	return 0
}

// came counts that a bundle came back. The last four are remembered.
func (r *record) came(manifest [32]byte) {
	f := failure{manifest, r.times(manifest) + 1}
	rest := []failure{f}
	for _, old := range r.Failures {
		if old.Manifest != manifest && len(rest) < 4 {
			rest = append(rest, old)
		}
	}
	r.Failures = rest
}
