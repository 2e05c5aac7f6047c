// Package provision is a unit's end of the serial line: it answers who asks
// for its status, takes a technician with a ticket through the states blank,
// keyed, named and sealed, and after that answers status only. README.md is
// the technician's guide, volar/wire/prov the protocol.
package provision

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"time"

	"volar/hal"
	"volar/wire/prov"
)

// Chip is what provisioning needs of the unit's TPM; volar/hal/linux/tpm is one.
type Chip interface {
	PCR8() ([32]byte, error)
	Endorsement() (der []byte, err error)
	EndorsementKey() (modulus []byte, err error)
	AttestationKey() ([64]byte, error)
	Activate(credential, secret []byte) ([]byte, error)
	Quote(nonce [32]byte) (quote []byte, signature [64]byte, err error)
	Seal(secret []byte, pcr8 [32]byte, floor uint64) ([]byte, error)
	Unseal(sealed []byte) ([]byte, error)
	Spent() (uint64, error)
	Spend(number uint64) error
	Wipe() error
}

// WiFi is a radio, where the board has one.
type WiFi interface {
	Scan(context.Context) ([]Network, error)
	Join(ctx context.Context, name, password string) error
}

// Network is one that the radio hears.
type Network struct {
	Name   string
	Signal int // dBm
	Open   bool
}

// Receiver takes new firmware; volar/firmware/update is behind it.
type Receiver interface {
	Offer(ctx context.Context, manifest []byte) (have int64, err error)
	Block(ctx context.Context, at int64, b []byte) error
	Says() string // how it stands, in words
}

// Unit is what is provisioned. Every field is needed that does not say
// otherwise.
type Unit struct {
	Serial      string // the board's own number, see prov.CheckSerial
	Board       string
	Version     string // of the firmware
	Slot        string
	Built       time.Time         // of the firmware: it is never earlier than that
	Authority   ed25519.PublicKey // whose tickets count
	Development bool              // the firmware is one for development

	Store    hal.Store
	Chip     Chip
	Identity hal.Identity

	Open  func() (*hal.Device, error)                     // the board, for tests and calibration
	Close func()                                          // gives the board back; may be nil
	Dial  func(ctx context.Context, address string) error // reaches an address by the network

	Logs         func(crash bool) ([]byte, error) // this run, or the end of the one that crashed; hal.ErrNotFound where there is none
	SetTime      func(time.Time) error
	CheckNetwork func(string) error // of a fixed address; may be nil
	WiFi         WiFi               // may be nil
	Update       Receiver           // may be nil

	Apply   func(Provisioned) error // what is durable has changed, or is known for the first time
	Reset   func() error            // forget all, after the chip's key is gone
	Restart func()
}

// Provisioned is what a unit keeps.
type Provisioned struct {
	State       prov.State
	Settings    *prov.Settings   // nil where it has none
	Calibration *hal.Calibration // measured; nil where it was not
}

// Check names everything that is missing.
func (u *Unit) Check() error {
	var missing []string
	for _, p := range []struct {
		name   string
		absent bool
	}{
		{"board", u.Board == ""}, {"version", u.Version == ""}, {"slot", u.Slot == ""}, {"date of the firmware", u.Built.IsZero()},
		{"authority of tickets", len(u.Authority) != ed25519.PublicKeySize}, {"store", u.Store == nil}, {"chip", u.Chip == nil}, {"identity", u.Identity == nil},
		{"way to open the board", u.Open == nil}, {"way to the network", u.Dial == nil}, {"logs", u.Logs == nil}, {"clock", u.SetTime == nil},
		{"apply", u.Apply == nil}, {"reset", u.Reset == nil}, {"restart", u.Restart == nil},
	} {
		if p.absent {
			missing = append(missing, p.name)
		}
	}
	if missing != nil {
		return fmt.Errorf("provision: unit without %s", strings.Join(missing, ", "))
	}
	return prov.CheckSerial(u.Serial)
}

// now is the clock, never before the firmware was built.
func (u *Unit) now() time.Time {
	if t := time.Now(); t.After(u.Built) {
		return t
	}
	return u.Built
}

// Serve answers on port until ctx ends, when it returns nil, or the line
// fails. Where power went in the middle of anything it first brings the unit
// back to the state before or after.
func Serve(ctx context.Context, port *prov.Port, u *Unit) error {
	if err := u.Check(); err != nil {
		return err
	}
	s := &server{unit: u, port: port, begun: time.Now()}
	if err := s.recover(); err != nil {
		return err
	}
	if err := s.apply(); err != nil {
		s.health = prov.Clean(err.Error())
	}
	return s.serve(ctx)
}

// server is a unit while it serves.
type server struct {
	unit   *Unit
	port   *prov.Port
	begun  time.Time
	record record
	locked string // why it has neither store nor identity; empty otherwise
	health string // what went wrong at the start

	talk    talk
	last    lastWrite
	staged  map[string]*staging
	views   *views
	restart bool // after the answer has left
	crashed bool
	joined  bool // a network, by Improv
}

// apply tells the unit what it is.
func (s *server) apply() error {
	p, err := s.record.provisioned()
	if err != nil {
		return err
	}
	return s.unit.Apply(p)
}

// serve is the loop.
func (s *server) serve(ctx context.Context) error {
	if _, err := s.unit.Logs(true); err == nil {
		s.crashed = true
	}
	events := make(chan prov.Event, 4)
	failed := make(chan error, 1)
	go s.read(ctx, events, failed)
	idle := time.NewTicker(5 * time.Second)
	defer idle.Stop()
	for {
		select {
		case e := <-events:
			if err := s.handle(ctx, e); err != nil {
				return err
			}
			if s.restart {
				s.restart = false
				s.unit.Restart()
			}
		case <-idle.C:
			s.talk.expire()
		case err := <-failed:
			return fmt.Errorf("provision: the line: %w", err)
		case <-ctx.Done():
			return nil
		}
	}
}

// read reads the line. What comes while nobody listens is dropped: the bench
// says it again.
func (s *server) read(ctx context.Context, events chan<- prov.Event, failed chan<- error) {
	var scan prov.Scanner
	b := make([]byte, 4096)
	for ctx.Err() == nil {
		n, err := s.port.Read(b)
		for _, e := range scan.Push(b[:n]) {
			select {
			case events <- e:
			default:
			}
		}
		if err != nil {
			failed <- err
			return
		}
	}
}

// handle answers one event. Its error is one of the line.
func (s *server) handle(ctx context.Context, e prov.Event) error {
	switch {
	case e.Packet != nil:
		return s.packet(ctx, e.Packet)
	case e.Improv != nil:
		return s.improv(ctx, *e.Improv)
	case e.Line != "":
		return s.console(e.Line)
	}
	return nil
}

// console answers a person who types a word that it knows. To anything else
// it says nothing: two units, or an echo, must not talk to each other for ever.
func (s *server) console(line string) error {
	switch strings.TrimSpace(line) {
	case "help":
		return s.port.Say("palm unit: type status, or use palmctl")
	case "status":
		st := s.status()
		return s.port.Say(fmt.Sprintf("palm unit %s, %s, firmware %s in slot %s, %v%s, up %d s", st.Serial, st.Board, st.Firmware, st.Slot, st.State, named(st.Name), st.Up))
	}
	return nil
}

func named(name string) string {
	if name == "" {
		return ""
	}
	return " as " + name
}

// status is what anybody may know.
func (s *server) status() prov.Status {
	u := s.unit
	st := prov.Status{Protocol: prov.Version, State: s.record.State, Serial: u.Serial, Board: u.Board, Firmware: u.Version, Slot: u.Slot,
		Session: s.talk.open(), Crashed: s.crashed, Up: uint64(time.Since(s.begun) / time.Second), Time: u.now().Unix(), Seen: short(s.health)}
	if settings, err := s.record.settings(); err == nil && settings != nil {
		st.Name = settings.Name
	}
	if u.Update != nil {
		st.Update = short(u.Update.Says())
	}
	return st
}

// short is text as the status may carry it.
func short(text string) string {
	text = prov.Clean(text)
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "")
	}
	return text
}

// refusal is an error with the code that the bench is told.
type refusal struct {
	code prov.Code
	error
}

func (r refusal) Unwrap() error { return r.error }

func refuse(code prov.Code, format string, args ...any) error {
	return refusal{code, fmt.Errorf(format, args...)}
}

// codeOf is what the bench is told of an error.
func codeOf(err error) prov.Code {
	var r refusal
	switch {
	case errors.As(err, &r):
		return r.code
	case errors.Is(err, prov.ErrForm):
		return prov.CodeInvalid
	case errors.Is(err, hal.ErrNotFound):
		return prov.CodeMissing
	}
	return prov.CodeFailed
}
