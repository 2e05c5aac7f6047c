package prov

import (
	"errors"
	"fmt"

	"volar/wire/canonical"
)

// codec reads what this package wrote; foreign reads what other tools write.
var (
	codec   = canonical.New(4, 64)
	foreign = canonical.NewForeign(4, 16, 16)
)

// ErrForm means that bytes are no message of this protocol.
var ErrForm = errors.New("prov: malformed")

// marshal encodes a message of at most limit bytes.
func marshal(v any, limit int) ([]byte, error) {
	b, err := codec.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("prov: encode %T: %w", v, err)
	}
	if len(b) > limit {
		return nil, fmt.Errorf("prov: encode %T: %d bytes, at most %d", v, len(b), limit)
	}
	return b, nil
}

// unmarshal reads exactly what marshal makes of F.
func unmarshal[F any](b []byte, limit int) (form F, err error) {
	if len(b) > limit {
		return form, fmt.Errorf("%w: %T of %d bytes, at most %d", ErrForm, form, len(b), limit)
	}
	var none F
	if err := codec.Unmarshal(b, &form); err != nil {
		return none, fmt.Errorf("%w: %T: %w", ErrForm, form, err)
	}
	return form, nil
}

const maxBody = MaxPacket - HeaderSize

// Code says how a request ended; the numbers are those of SMP.
type Code int

// The codes.
const (
	CodeDone    Code = 0
	CodeFailed  Code = 1  // it could not be done
	CodeInvalid Code = 3  // the request is malformed, or its value is
	CodeMissing Code = 5  // there is none
	CodeState   Code = 6  // not in this state
	CodeUnknown Code = 8  // no such command
	CodeDenied  Code = 11 // not without a session, or not with this ticket
)

// Failure is a request that the unit answered with another code than
// CodeDone, and the reason in its words.
type Failure struct {
	Code Code
	Why  string
}

// Error implements error.
func (f *Failure) Error() string { return fmt.Sprintf("the unit refuses (%d): %s", int(f.Code), f.Why) }

// failBody is the body of an answer that failed, as other tools read it.
type failBody struct {
	RC  int    `cbor:"rc"`
	Why string `cbor:"rsn"`
}

// Fail is the body that tells a failure.
func Fail(code Code, why string) []byte {
	why = Clean(why)
	b, err := codec.Marshal(failBody{int(code), why[:min(len(why), 400)]})
	if err != nil { // cannot be: a number and a clean text
		return []byte{0xa0}
	}
	return b
}

// failed is the failure that a body tells, or nil.
func failed(body []byte) error {
	var f struct {
		RC  int    `cbor:"rc"`
		Why string `cbor:"rsn"`
	}
	if foreign.Unmarshal(body, &f) == nil && f.RC != 0 {
		return &Failure{Code(f.RC), Clean(f.Why)}
	}
	return nil
}

// Echo reads the body of an echo and gives the body of its answer.
func Echo(body []byte) ([]byte, error) {
	var in struct {
		D string `cbor:"d"`
	}
	if err := foreign.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("%w: echo: %w", ErrForm, err)
	}
	return marshal(struct {
		R string `cbor:"r"`
	}{in.D}, maxBody)
}

// Parameters is the body that tells other tools how much a unit takes at once.
func Parameters() []byte {
	b, _ := codec.Marshal(struct {
		Size  uint32 `cbor:"buf_size"`
		Count uint32 `cbor:"buf_count"`
	}{MaxPacket, 1}) // two numbers
	return b
}

// Status is what a unit says to whoever asks, in every state.
type Status struct {
	Protocol uint8  `cbor:"protocol" json:"protocol"`
	State    State  `cbor:"state" json:"-"`
	Serial   string `cbor:"serial" json:"serial"` // the board's own number
	Board    string `cbor:"board" json:"board"`   // its kind
	Firmware string `cbor:"firmware" json:"firmware"`
	Slot     string `cbor:"slot" json:"slot"`       // that it booted from
	Name     string `cbor:"name" json:"name"`       // given by the settings
	Session  bool   `cbor:"session" json:"session"` // a bench has one open
	Crashed  bool   `cbor:"crashed" json:"crashed"` // the run before ended in a crash
	Up       uint64 `cbor:"up" json:"up_seconds"`
	Time     int64  `cbor:"time" json:"time"`     // its clock, seconds since 1970
	Update   string `cbor:"update" json:"update"` // of its firmware, in words; may be empty
	Seen     string `cbor:"health" json:"health"` // in words; may be empty
}

// Encode is the status as a body.
func (s Status) Encode() ([]byte, error) { return marshal(s, maxBody) }

// ParseStatus reads a status; a unit of another version may say less or more.
func ParseStatus(body []byte) (Status, error) {
	if err := failed(body); err != nil {
		return Status{}, err
	}
	s, err := unmarshal[Status](body, maxBody)
	if err == nil && s.Protocol != Version {
		err = fmt.Errorf("%w: the unit speaks version %d, this is %d", ErrForm, s.Protocol, Version)
	}
	if err == nil && s.State > Sealed {
		err = fmt.Errorf("%w: state %d", ErrForm, s.State)
	}
	for _, text := range []string{s.Serial, s.Board, s.Firmware, s.Slot, s.Name, s.Update, s.Seen} {
		if err == nil && (len(text) > 200 || Clean(text) != text) {
			err = fmt.Errorf("%w: text in the status", ErrForm)
		}
	}
	return s, err
}

// Shake is a message of the handshake.
type Shake struct {
	Step uint8  `cbor:"step"` // 1 to 3
	Data []byte `cbor:"data"`
}

// Encode is the message as a body.
func (s Shake) Encode() ([]byte, error) { return marshal(s, maxBody) }

// ParseShake reads a message of the handshake.
func ParseShake(body []byte) (Shake, error) {
	if err := failed(body); err != nil {
		return Shake{}, err
	}
	return unmarshal[Shake](body, maxBody)
}

// Box is a sealed request or answer.
type Box struct {
	Number uint64 `cbor:"n"`
	Data   []byte `cbor:"d"`
}

// Encode is the box as a body.
func (b Box) Encode() ([]byte, error) { return marshal(b, maxBody) }

// ParseBox reads a box.
func ParseBox(body []byte) (Box, error) {
	if err := failed(body); err != nil {
		return Box{}, err
	}
	return unmarshal[Box](body, maxBody)
}

// Fetch asks for a part of a value, in the clear (PalmLog) or sealed.
type Fetch struct {
	What string `cbor:"what"`
	From uint32 `cbor:"from"`
}

// Piece is a part of a value.
type Piece struct {
	Total uint32 `cbor:"total"`
	Data  []byte `cbor:"data"` // up to MaxBlock; empty at the end
}

// Encode is the question as a body.
func (f Fetch) Encode() ([]byte, error) { return marshal(f, maxBody) }

// ParseFetch reads the question.
func ParseFetch(body []byte) (Fetch, error) { return unmarshal[Fetch](body, maxBody) }

// Encode is the answer as a body.
func (p Piece) Encode() ([]byte, error) { return marshal(p, maxBody) }

// ParsePiece reads the answer.
func ParsePiece(body []byte) (Piece, error) {
	if err := failed(body); err != nil {
		return Piece{}, err
	}
	p, err := unmarshal[Piece](body, maxBody)
	if err == nil && (len(p.Data) > MaxBlock || len(p.Data) > int(p.Total)) {
		err = fmt.Errorf("%w: piece of %d bytes", ErrForm, len(p.Data))
	}
	return p, err
}
