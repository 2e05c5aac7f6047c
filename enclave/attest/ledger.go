package attest

import (
	"errors"
	"fmt"
	"sync"
)

// What a Ledger refuses.
var (
	ErrBound    = errors.New("the vault's key is bound already")
	ErrNotBound = errors.New("the vault's key is not bound yet")
)

// Ledger is the register of a platform that has none which software can
// extend. The launcher keeps it, and is itself part of what the platform
// measures, so its word for M and K is as good as the measured image.
type Ledger struct {
	mu     sync.Mutex
	events Events
	bound  bool
}

// NewLedger begins with event M.
func NewLedger(measurement [32]byte) (*Ledger, error) {
	if measurement == [32]byte{} {
		return nil, errors.New("attest: new ledger: no measurement")
	}
	return &Ledger{events: Events{Measurement: measurement}}, nil
}

// Bind adds the events K and CAP. It works once.
func (l *Ledger) Bind(vaultKey [32]byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.bound:
		return fmt.Errorf("attest: bind key: %w", ErrBound)
	case vaultKey == [32]byte{}:
		return errors.New("attest: bind key: the key is zero")
	}
	l.events.VaultKey, l.bound = vaultKey, true
	return nil
}

// Statement is what the platform is to put into its field of 64 bytes for
// this report data, and the log that goes with it.
func (l *Ledger) Statement(reportData [64]byte) (field [64]byte, log []byte, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.bound {
		return field, nil, fmt.Errorf("attest: statement: %w", ErrNotBound)
	}
	log, err = l.events.Marshal()
	return Bound(reportData, l.events.Register()), log, err
}
