package wire

import (
	"errors"
	"fmt"
)

// Wipe overwrites the pixels, the masks and the proof. Whoever holds a Sample last calls it.
func (m Sample) Wipe() {
	for _, v := range m.Views {
		clear(v.Pix)
		clear(v.Mask)
	}
	m.Proof.Wipe()
}

// Format keeps pixels out of every log line and message, whatever the verb.
func (v View) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "view %v, %d secret bytes", v.Band, len(v.Pix)+len(v.Mask))
}

// MarshalJSON refuses: a palm is never written as text.
func (v View) MarshalJSON() ([]byte, error) {
	return nil, errors.New("wire: a view is secret and has no JSON")
}
