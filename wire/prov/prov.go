// Package prov is what a unit and a technician's bench say to each other over
// a serial line, and how. README.md in this folder is the specification.
//
// Port is the unit's end of the line and Client the bench's; both bear a line
// that loses, repeats, flips and mixes bytes. What the messages mean for a
// unit is in volar/firmware/provision.
package prov

import "time"

// Version of the protocol, in every status.
const Version = 1

// Limits of what is read, in bytes.
const (
	MaxPacket = 2048 // a packet of SMP: header and body
	MaxLine   = 512  // a line of text
	MaxBlock  = 1024 // of a value that travels in blocks
	MaxPlain  = 1900 // what is sealed in one packet
)

// Rates that a bench tries, in bits a second, most likely first.
var Rates = []int{115200, 921600, 9600}

// How long a unit keeps what is half done.
const (
	SessionIdle    = 5 * time.Minute  // a session without a request ends
	HandshakeLimit = 30 * time.Second // from the first message to the third
)

// State is how far a unit has come.
type State uint8

// The states, in the order in which a unit goes through them. The zero State
// is blank, which opens nothing.
const (
	Blank  State = iota // nothing is known of it
	Keyed               // its key is proved to belong to its TPM and its firmware
	Named               // it has a tenant, a gateway, a policy, a certificate
	Sealed              // it works; the port answers status
)

var stateNames = [...]string{"blank", "keyed", "named", "sealed"}

// String names the state.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "no state"
}
