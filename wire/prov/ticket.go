package prov

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"volar/wire"
	"volar/wire/signed"
)

// MaxTicket bounds a signed ticket, in bytes.
const MaxTicket = 512

const ticketContext = "volar/ticket/1"

// Rights are what a ticket allows.
type Rights uint8

// The rights.
const (
	MayProvision Rights = 1 << iota // a unit that is not sealed
	MayUpdate                       // firmware over the line, in every state
	MayReadLogs                     // in every state
	MayReset                        // forget keys and settings

	allRights = MayProvision | MayUpdate | MayReadLogs | MayReset
)

var rightNames = []string{"provision", "update", "logs", "reset"}

// ParseRights reads names of rights.
func ParseRights(names []string) (r Rights, err error) {
next:
	for _, n := range names {
		for i, known := range rightNames {
			if n == known {
				r |= 1 << i
				continue next
			}
		}
		return 0, fmt.Errorf("prov: no right %q, there are %q", n, rightNames)
	}
	return r, nil
}

// Names lists the rights.
func (r Rights) Names() (names []string) {
	for i, n := range rightNames {
		if r&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return names
}

// Ticket is the word of an authority, signed far from any unit, that one
// technician may do certain things to one unit, once. The number grows from
// ticket to ticket; a unit takes no ticket whose number is not above that of
// the last one spent on it.
type Ticket struct {
	Serial     string   // of the unit
	Technician string   // for people
	Key        [32]byte // the technician's X25519 key
	Rights     Rights
	Number     uint64   // seconds since 1970 when it was signed, or whatever grows
	NotAfter   int64    // seconds since 1970
	Tenant     string   // whose the unit becomes
	Operator   [32]byte // Ed25519: who must sign its certificate and its policy
}

type ticketForm struct {
	_          struct{} `cbor:",toarray"`
	Version    uint8
	Serial     string
	Technician string
	Key        [32]byte
	Rights     Rights
	Number     uint64
	NotAfter   int64
	Tenant     string
	Operator   [32]byte
}

// Why a ticket is refused.
var (
	ErrTicket        = errors.New("prov: not a ticket of this authority")
	ErrTicketExpired = errors.New("prov: the ticket has expired")
	ErrTicketSpent   = errors.New("prov: the ticket was spent")
	ErrTicketUnit    = errors.New("prov: the ticket is for another unit")
	ErrTicketHolder  = errors.New("prov: the ticket is for another technician")
	ErrTicketRight   = errors.New("prov: the ticket does not allow this")
)

// CheckSerial says whether this can be a unit's serial number: 1 to 64 of
// letters, digits, '.', '_' and '-'.
func CheckSerial(s string) error {
	if len(s) < 1 || len(s) > 64 {
		return fmt.Errorf("prov: serial number of %d bytes, 1 to 64", len(s))
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return fmt.Errorf("prov: serial number with byte %#02x", c)
		}
	}
	return nil
}

// checkText refuses what is not 1 to limit bytes of clean text.
func checkText(what, s string, limit int) error {
	if s == "" || len(s) > limit || Clean(s) != s {
		return fmt.Errorf("prov: %s is not 1 to %d bytes of plain text", what, limit)
	}
	return nil
}

func (t Ticket) check() error {
	if err := CheckSerial(t.Serial); err != nil {
		return err
	}
	if err := checkText("technician", t.Technician, 64); err != nil {
		return err
	}
	switch {
	case t.Key == [32]byte{} || t.Operator == [32]byte{}:
		return errors.New("prov: ticket without a key")
	case t.Rights == 0 || t.Rights&^allRights != 0:
		return fmt.Errorf("prov: ticket with rights %#x", uint8(t.Rights))
	case t.Number == 0 || t.NotAfter <= 0:
		return errors.New("prov: ticket without a number or an end")
	}
	return wire.CheckTenant(t.Tenant)
}

// SignTicket signs a ticket with the authority's key.
func SignTicket(t Ticket, authority ed25519.PrivateKey) ([]byte, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	payload, err := codec.Marshal(ticketForm{Version: Version, Serial: t.Serial, Technician: t.Technician, Key: t.Key, Rights: t.Rights,
		Number: t.Number, NotAfter: t.NotAfter, Tenant: t.Tenant, Operator: t.Operator})
	if err != nil {
		return nil, fmt.Errorf("prov: sign ticket: %w", err)
	}
	b, err := signed.Sign(authority, ticketContext, payload)
	if err == nil && len(b) > MaxTicket {
		err = fmt.Errorf("prov: sign ticket: %d bytes, at most %d", len(b), MaxTicket)
	}
	return b, err
}

// OpenTicket reads a ticket that the authority signed.
func OpenTicket(b []byte, authority ed25519.PublicKey) (Ticket, error) {
	if len(b) > MaxTicket {
		return Ticket{}, fmt.Errorf("%w: %d bytes, at most %d", ErrTicket, len(b), MaxTicket)
	}
	payload, err := signed.Open(authority, ticketContext, b)
	if err != nil {
		return Ticket{}, fmt.Errorf("%w: %w", ErrTicket, err)
	}
	f, err := unmarshal[ticketForm](payload, MaxTicket)
	if err != nil {
		return Ticket{}, fmt.Errorf("%w: %w", ErrTicket, err)
	}
	t := Ticket{f.Serial, f.Technician, f.Key, f.Rights, f.Number, f.NotAfter, f.Tenant, f.Operator}
	if err := t.check(); err != nil || f.Version != Version {
		return Ticket{}, fmt.Errorf("%w: version %d: %w", ErrTicket, f.Version, err)
	}
	return t, nil
}

// Admits tells whether the ticket is for this unit and this technician, now,
// and after the last ticket that was spent.
func (t Ticket) Admits(serial string, technician [32]byte, spent uint64, now time.Time) error {
	switch {
	case t.Serial != serial:
		return fmt.Errorf("%w: for %s, this is %s", ErrTicketUnit, t.Serial, serial)
	case t.Key != technician:
		return ErrTicketHolder
	case t.Number <= spent:
		return ErrTicketSpent
	case now.Unix() > t.NotAfter:
		return fmt.Errorf("%w: on %s", ErrTicketExpired, time.Unix(t.NotAfter, 0).UTC().Format(time.DateOnly))
	}
	return nil
}
