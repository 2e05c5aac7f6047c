package gallery

import (
	"errors"
	"fmt"
	"slices"

	"volar/wire"
)

// MaxCaptures is how many captures of one hand a record holds at most.
const MaxCaptures = 5

// maxTemplate bounds one capture, in bytes.
const maxTemplate = 16 << 10

// Record is what is kept of a person: for each hand the captures, as the
// matcher encodes them. It is a secret: it prints as nothing.
type Record struct {
	Person      wire.Person
	Left, Right [][]byte
}

// Format hides the record from every verb.
func (r Record) Format(s fmt.State, _ rune) { fmt.Fprint(s, "gallery record (secret)") }

// MarshalJSON refuses.
func (r Record) MarshalJSON() ([]byte, error) {
	return nil, errors.New("gallery: a record is secret and has no JSON")
}

// Wipe zeroes the captures.
func (r *Record) Wipe() {
	for _, c := range r.Left {
		clear(c)
	}
	for _, c := range r.Right {
		clear(c)
	}
	r.Left, r.Right = nil, nil
}

func (r *Record) check() error {
	if r.Person == (wire.Person{}) {
		return errors.New("record of nobody")
	}
	if len(r.Left)+len(r.Right) == 0 {
		return errors.New("record without captures")
	}
	for _, hand := range [][][]byte{r.Left, r.Right} {
		if len(hand) > MaxCaptures {
			return fmt.Errorf("%d captures of one hand, at most %d", len(hand), MaxCaptures)
		}
		if slices.ContainsFunc(hand, func(c []byte) bool { return len(c) == 0 || len(c) > maxTemplate }) {
			return fmt.Errorf("capture that is empty or longer than %d bytes", maxTemplate)
		}
	}
	return nil
}

// key encrypts one blob, ever. It prints as nothing.
type key [32]byte

// Format hides the key from every verb.
func (k key) Format(s fmt.State, _ rune) { fmt.Fprint(s, "gallery key (secret)") }

// MarshalJSON refuses.
func (k key) MarshalJSON() ([]byte, error) {
	return nil, errors.New("gallery: a key is secret and has no JSON")
}
