// Package wire holds the messages that a device and a vault agree on, and
// those that the untrusted host between them carries. README.md in this
// folder is the specification; the code follows it.
package wire

// Version is the first field of every message. A peer of another version is refused.
const Version = 1

// Side is the width and the height of a rectified palm, in pixels.
const Side = 128

// MaskBytes is the length of a validity mask: a grid of 32 by 32 cells of
// Side/32 pixels, one bit a cell, row by row, lowest bit first; a set bit
// means that the cell shows skin that can be compared.
const MaskBytes = 32 * 32 / 8

// Hand is which hand a palm belongs to. The zero Hand is invalid.
type Hand uint8

// The two hands.
const (
	Left Hand = 1 + iota
	Right
)

// String names the hand: "left" or "right".
func (h Hand) String() string {
	switch h {
	case Left:
		return "left"
	case Right:
		return "right"
	}
	return "no hand"
}

// Band is the part of the spectrum that a view shows. The zero Band is invalid.
type Band uint8

// The bands that are compared.
const (
	RGB Band = 1 + iota // white light, 3 channels
	NIR                 // 850 nm, 1 channel
)

// String names the band: "rgb" or "nir".
func (b Band) String() string {
	switch b {
	case RGB:
		return "rgb"
	case NIR:
		return "nir"
	}
	return "no band"
}

// Channels is how many bytes a pixel takes, 0 for an invalid Band.
func (b Band) Channels() int {
	switch b {
	case RGB:
		return 3
	case NIR:
		return 1
	}
	return 0
}

// Purpose is what a wave is for. The zero Purpose is invalid.
type Purpose uint8

// The purposes of a wave.
const (
	Identify Purpose = 1 + iota // who is it, among all of the tenant
	Verify                      // is it Begin.Person
	Enrol                       // store a new person: several waves, both hands
	Update                      // verify Begin.Person, then keep this capture too
	Delete                      // verify Begin.Person, then forget that person
)

// String names the purpose.
func (p Purpose) String() string {
	switch p {
	case Identify:
		return "identify"
	case Verify:
		return "verify"
	case Enrol:
		return "enrol"
	case Update:
		return "update"
	case Delete:
		return "delete"
	}
	return "no purpose"
}

// Person is a tenant's pseudonym of a person: random, and different for every tenant.
type Person [16]byte

// Nonce is drawn by the vault for one wave and used once.
type Nonce [32]byte

// Begin asks for a wave.
type Begin struct {
	Purpose Purpose
	Person  Person // for Verify, Update and Delete; zero otherwise
}

// Challenge answers Begin.
type Challenge struct {
	Nonce Nonce
}

// View is a rectified palm in one band: Side by Side pixels in the palm
// frame, right hands mirrored into a left one.
type View struct {
	Band Band
	Pix  []byte // Side*Side*Channels, row by row, from the fingers to the wrist
	Mask []byte // MaskBytes
}

// Sample is what leaves the device: the least that identifies, and what tells
// the vault that it is alive.
type Sample struct {
	Nonce    Nonce // the challenge's
	Hand     Hand
	Distance uint16 // of the palm from the NIR camera, tenths of a millimetre
	Tilt     uint16 // of the palm against the camera, tenths of a degree
	Quality  uint8  // 1 to 100, of the worst measure
	Views    []View // 1 or 2, RGB before NIR, no band twice
	Proof    Proof
}

// Status is the vault's decision. The zero Status refuses.
type Status uint8

// What the vault may answer.
const (
	Refused  Status = iota
	Accepted        // done; Answer.Person says who
	More            // enrolment: send another wave of Answer.Hand
	Again           // this wave could not be used; nothing was decided
)

// String names the status.
func (s Status) String() string {
	switch s {
	case Refused:
		return "refused"
	case Accepted:
		return "accepted"
	case More:
		return "more"
	case Again:
		return "again"
	}
	return "invalid"
}

// Answer says what the vault decided, and never how close it was. All
// answers have the same length on the wire.
type Answer struct {
	Status Status
	Person Person // zero unless Accepted
	Hand   Hand   // for More: the hand that is wanted next; otherwise zero
	Slip   Slip   // for Accepted, after a Delete: the signed receipt; otherwise zero
}
