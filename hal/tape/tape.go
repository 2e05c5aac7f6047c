// Package tape keeps what a pair of cameras saw, and what a device made of
// it, in one MCAP file. README.md lists its channels and schemas.
//
// A tape of equal input has equal bytes, so a hash can stand for it. Every
// message has a compressed chunk of its own: what was written before a power
// cut is readable up to the last whole message.
package tape

import (
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"volar/hal"
)

// What Open and Next answer beside items. Callers test with errors.Is.
var (
	ErrTruncated = errors.New("tape: the file ends too early") // everything before the cut was delivered
	ErrForeign   = errors.New("tape: not a tape")
	ErrDamaged   = errors.New("tape: the file is damaged")
)

// Limits of a tape, checked before memory is taken.
const (
	MaxFrame = 64 << 20 // bytes of one frame
	MaxText  = 1024     // bytes of one string of Meta, Event, Decision or Label
	MaxNotes = 32       // fields of one Event

	maxNote  = 256 << 10         // bytes of one JSON message
	maxChunk = MaxFrame + 64<<10 // bytes of one chunk, unpacked
)

// Meta says where a tape comes from.
type Meta struct {
	Board     string // as in boards/<board>
	Unit      string // serial number of the unit
	Firmware  string // version of what drove the cameras
	Consent   string // who agreed to what, and when; "" only where Synthetic
	Synthetic bool   // no real person is on this tape
}

// Check refuses a tape of real people without their consent.
func (m Meta) Check() error {
	for _, f := range []struct{ name, text string }{
		{"board", m.Board}, {"unit", m.Unit}, {"firmware", m.Firmware}, {"consent", m.Consent},
	} {
		if err := checkText(f.name, f.text); err != nil {
			return err
		}
	}
	if m.Board == "" {
		return errors.New("tape: no board is named")
	}
	if !m.Synthetic && m.Consent == "" {
		return errors.New("tape: of real people, but no consent is recorded")
	}
	return nil
}

// Event is something that happened while the tape ran.
type Event struct {
	At     time.Duration     `json:"at_ns"` // since boot
	Name   string            `json:"name"`
	Fields map[string]string `json:"fields,omitempty"`
}

// Names of events that have a meaning. Others are carried as they are.
const (
	EventNear      = "near"      // a hand came: a wave begins
	EventGone      = "gone"      // it left: the wave is over
	EventChallenge = "challenge" // the vault's nonce for the burst that follows, in hex in the field "nonce"
)

func (e *Event) check() error {
	if e.Name == "" {
		return errors.New("tape: event without a name")
	}
	if len(e.Fields) > MaxNotes {
		return fmt.Errorf("tape: event %q has %d fields, allowed %d", e.Name, len(e.Fields), MaxNotes)
	}
	for k, v := range e.Fields {
		if err := errors.Join(checkText("event", k), checkText("event", v)); err != nil {
			return err
		}
	}
	return errors.Join(checkTime("event", e.At), checkText("event", e.Name))
}

// Decision is what a wave came to.
type Decision struct {
	At      time.Duration `json:"at_ns"` // since boot
	Wave    uint64        `json:"wave"`  // counted from 1
	Purpose string        `json:"purpose"`
	Status  string        `json:"status"`
	Person  string        `json:"person,omitempty"` // tenant's pseudonym in hex, where accepted
	Reason  string        `json:"reason,omitempty"`
}

func (d *Decision) check() error {
	for _, s := range []string{d.Purpose, d.Status, d.Person, d.Reason} {
		if err := checkText("decision", s); err != nil {
			return err
		}
	}
	return checkTime("decision", d.At)
}

// Label says what a Still shows, in the words of the set it comes from.
type Label struct {
	Palm    string `json:"palm"`
	Person  string `json:"person"`
	Hand    string `json:"hand,omitempty"`
	Session string `json:"session"`
	Capture string `json:"capture"`
	Band    string `json:"band"`
	Kind    string `json:"kind"` // "hand" is a whole hand, "roi" a palm already cropped
}

func (l *Label) check() error {
	for _, s := range []string{l.Palm, l.Person, l.Hand, l.Session, l.Capture, l.Band, l.Kind} {
		if err := checkText("label", s); err != nil {
			return err
		}
	}
	if l.Kind != "hand" && l.Kind != "roi" {
		return fmt.Errorf("tape: label of unknown kind %q, known are hand and roi", l.Kind)
	}
	return nil
}

// Still is one imported picture. It has no pair and no light, so it is never
// a Shot.
type Still struct {
	Label Label
	Frame hal.Frame // Band is RGB for a picture in colour, NIR for one in grey
}

// Item is one thing on a tape: exactly one field is set.
type Item struct {
	Shot     *hal.Shot
	Event    *Event
	Decision *Decision
	Still    *Still
}

func checkTime(what string, at time.Duration) error {
	if at < 0 {
		return fmt.Errorf("tape: %s at %v, before boot", what, at)
	}
	return nil
}

func checkText(what, s string) error {
	if len(s) > MaxText {
		return fmt.Errorf("tape: %s text of %d bytes, allowed %d", what, len(s), MaxText)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("tape: %s text %q is not UTF-8", what, s)
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return fmt.Errorf("tape: %s text %q holds a control character", what, s)
		}
	}
	return nil
}
