package provision

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"volar/hal"
	"volar/wire/link"
	"volar/wire/prov"
)

// Locked is a unit whose secret its chip does not open: it has no store and
// no key, and can say so and be reset. Every field is needed.
type Locked struct {
	Serial    string
	Board     string
	Version   string
	Slot      string
	Built     time.Time
	Authority ed25519.PublicKey
	Chip      Chip
	Why       string
	Reset     func() error
	Restart   func()
}

// ServeLocked answers on port until ctx ends or the line fails. A session has
// a key of its own: nothing proves which unit it is with.
func ServeLocked(ctx context.Context, port *prov.Port, l Locked) error {
	key, err := link.GenerateKey()
	if err != nil {
		return err
	}
	none := errors.New("the unit is locked")
	u := &Unit{Serial: l.Serial, Board: l.Board, Version: l.Version, Slot: l.Slot, Built: l.Built, Authority: l.Authority, Chip: l.Chip,
		Identity: key, Reset: l.Reset, Restart: l.Restart,
		Logs: func(bool) ([]byte, error) { return nil, hal.ErrNotFound }, Apply: func(Provisioned) error { return none }}
	if prov.CheckSerial(l.Serial) != nil || len(l.Authority) != ed25519.PublicKeySize || l.Chip == nil || l.Why == "" || l.Reset == nil || l.Restart == nil {
		return errors.New("provision: locked unit with something missing")
	}
	s := &server{unit: u, port: port, begun: time.Now(), record: record{Version: prov.Version}, locked: prov.Clean(l.Why)}
	s.health = fmt.Sprintf("locked: %s", s.locked)
	return s.serve(ctx)
}
