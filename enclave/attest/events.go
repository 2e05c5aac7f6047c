package attest

import (
	"crypto/sha256"
	"fmt"
)

// Events is what the launcher measured, and the whole of it: M, the vault
// program; K, the vault's Noise key; CAP, which says that nothing more comes.
//
// The register that holds them can only be extended. A quote alone does not
// tie a key to the vault, for any program on the machine may ask for one;
// but a program that comes after CAP can only append, and then no log of
// exactly these three events replays to the register's value.
type Events struct {
	Measurement [32]byte // SHA-256 of the vault program
	VaultKey    [32]byte // its Noise static key (X25519)
}

// The kinds of event, in the order in which they must stand.
const (
	eventM uint8 = 1 + iota
	eventK
	eventCAP
)

// event is one entry of the log as CBOR: [kind, data].
type event struct {
	_    struct{} `cbor:",toarray"`
	Kind uint8
	Data []byte
}

// Marshal returns the log: CBOR [[1, measurement], [2, key], [3, h”]].
func (e Events) Marshal() ([]byte, error) {
	return codec.Marshal([]event{
		{Kind: eventM, Data: e.Measurement[:]},
		{Kind: eventK, Data: e.VaultKey[:]},
		{Kind: eventCAP, Data: []byte{}},
	})
}

// ParseEvents reads a log that is exactly M, K, CAP. Anything else, a fourth
// event for one, is an error that wraps ErrMalformed.
func ParseEvents(b []byte) (Events, error) {
	var list []event
	if len(b) > maxLog {
		return Events{}, fmt.Errorf("attest: parse log: %w: %d bytes, at most %d", ErrMalformed, len(b), maxLog)
	}
	if err := decode(b, &list); err != nil {
		return Events{}, fmt.Errorf("attest: parse log: %w", err)
	}
	want := []int{eventM - 1: 32, eventK - 1: 32, eventCAP - 1: 0}
	if len(list) != len(want) {
		return Events{}, fmt.Errorf("attest: parse log: %w: %d events, want exactly M, K, CAP", ErrMalformed, len(list))
	}
	for i, ev := range list {
		if int(ev.Kind) != i+1 || len(ev.Data) != want[i] {
			return Events{}, fmt.Errorf("attest: parse log: %w: event %d is of kind %d with %d bytes, want exactly M, K, CAP", ErrMalformed, i+1, ev.Kind, len(ev.Data))
		}
	}
	return Events{[32]byte(list[0].Data), [32]byte(list[1].Data)}, nil
}

// Register replays the log: what a register that started as zeros holds
// after M, K and CAP.
func (e Events) Register() [32]byte {
	r := ExtendMeasurement([32]byte{}, e.Measurement)
	r = ExtendKey(r, e.VaultKey)
	return ExtendCap(r)
}

// ExtendMeasurement is the register after event M.
func ExtendMeasurement(register, measurement [32]byte) [32]byte {
	return extend(register, MeasurementDigest(measurement))
}

// ExtendKey is the register after event K.
func ExtendKey(register, vaultKey [32]byte) [32]byte {
	return extend(register, KeyDigest(vaultKey))
}

// ExtendCap is the register after event CAP.
func ExtendCap(register [32]byte) [32]byte {
	return extend(register, CapDigest())
}

// extend is TPM2_PCR_Extend with SHA-256: the register becomes H(register ||
// digest), where an event's digest is H(context || data).
func extend(register, digest [32]byte) [32]byte {
	return sha256.Sum256(append(register[:], digest[:]...))
}

func digest(context string, data []byte) [32]byte {
	return sha256.Sum256(append([]byte(context), data...))
}

// MeasurementDigest is what event M extends the register with.
func MeasurementDigest(measurement [32]byte) [32]byte { return digest("palm/M/v1", measurement[:]) }

// KeyDigest is what event K extends the register with.
func KeyDigest(vaultKey [32]byte) [32]byte { return digest("palm/K/v1", vaultKey[:]) }

// CapDigest is what event CAP extends the register with.
func CapDigest() [32]byte { return digest("palm/CAP/v1", nil) }
