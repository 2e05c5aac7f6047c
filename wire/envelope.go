package wire

import "fmt"

// EnvelopeKind is what an envelope does to its session. The zero kind is invalid.
type EnvelopeKind uint8

// The kinds of envelope.
const (
	Open  EnvelopeKind = 1 + iota // host to vault: a device has connected
	Data                          // both ways: one frame of that device's connection; at most one back for each
	Close                         // both ways: the session is over
)

// MaxEnvelope is the longest encoded Envelope, in bytes: a whole frame of a
// device's connection and its head.
const MaxEnvelope = MaxFrame16 + 32

// Envelope carries the frames of many devices over the one pipe between
// the host and the vault. The host can read none of them.
type Envelope struct {
	Session uint64 // the host's number of a connection; never used twice while a vault runs
	Kind    EnvelopeKind
	Payload []byte // Data: 1 to MaxFrame16 bytes; otherwise empty
}

type envelopeForm struct {
	_       struct{} `cbor:",toarray"`
	Version uint8
	Type    Type
	Kind    EnvelopeKind
	Session uint64
	Payload []byte
}

func (e Envelope) check() error {
	switch e.Kind {
	case Open, Close:
		if len(e.Payload) != 0 {
			return fmt.Errorf("kind %d has a payload of %d bytes", e.Kind, len(e.Payload))
		}
	case Data:
		if len(e.Payload) < 1 || len(e.Payload) > MaxFrame16 {
			return fmt.Errorf("a payload of %d bytes, 1 to %d", len(e.Payload), MaxFrame16)
		}
	default:
		return fmt.Errorf("kind %d is unknown", e.Kind)
	}
	return nil
}

// EncodeEnvelope gives the one encoding of e.
func EncodeEnvelope(e Envelope) ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("wire: encode envelope: %w", err)
	}
	return marshal(TypeEnvelope, envelopeForm{Version: Version, Type: TypeEnvelope,
		Kind: e.Kind, Session: e.Session, Payload: e.Payload}, MaxEnvelope)
}

// DecodeEnvelope is the inverse of EncodeEnvelope and refuses everything else.
func DecodeEnvelope(b []byte) (Envelope, error) {
	f, err := unmarshal[envelopeForm](TypeEnvelope, b, MaxEnvelope)
	if err != nil {
		return Envelope{}, err
	}
	e := Envelope{Session: f.Session, Kind: f.Kind, Payload: f.Payload}
	if err := e.check(); err != nil {
		return Envelope{}, fmt.Errorf("wire: decode envelope: %w", err)
	}
	return e, nil
}
