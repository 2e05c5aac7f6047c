package gateway

import (
	"fmt"
	"time"
)

// Limits bound what any device, and the vault, can make the host spend.
type Limits struct {
	Connections int // of devices at once
	PerAddress  int // of these, from one address (IPv6: one /64 network)

	Handshake time.Duration // from accept to the end of the link's handshake
	Frame     time.Duration // for the rest of a frame whose first byte has come
	Idle      time.Duration // between two frames of a device
	FrameRate int           // frames a second of one device in the long run; beyond it, it is read more slowly
	Burst     int           // frames that may come at once all the same

	Replies int           // that wait for one slow device; one more ends its connection
	Write   time.Duration // for a device to take one reply
	Forward time.Duration // for the vault to take one frame

	Stall time.Duration // of a vault that takes nothing and asks for nothing, before it is replaced
	Stop  time.Duration // for a vault to end once its links are closed, before it is killed

	Drain time.Duration // at shutdown, for running waves
	Quiet time.Duration // at shutdown, a connection without a frame for this long has no running wave

	BackoffLeast time.Duration // before the first restart of the vault; doubles with each
	BackoffMost  time.Duration
	Settled      time.Duration // a vault that lived this long starts the doubling anew
}

// DefaultLimits are what palmhost runs with. README.md explains each.
func DefaultLimits() Limits {
	return Limits{
		Connections: 1024,
		PerAddress:  256,

		Handshake: 15 * time.Second,
		Frame:     10 * time.Second,
		Idle:      3 * time.Minute,
		FrameRate: 256,
		Burst:     512,

		Replies: 4,
		Write:   10 * time.Second,
		Forward: 10 * time.Second,

		Stall: time.Minute,
		Stop:  5 * time.Second,

		Drain: 5 * time.Second,
		Quiet: 1500 * time.Millisecond,

		BackoffLeast: 200 * time.Millisecond,
		BackoffMost:  30 * time.Second,
		Settled:      time.Minute,
	}
}

// check refuses a limit that was left out: zero is never "no limit".
func (l Limits) check() error {
	for _, n := range []int{l.Connections, l.PerAddress, l.FrameRate, l.Burst, l.Replies} {
		if n < 1 {
			return fmt.Errorf("a limit of %d, at least 1", n)
		}
	}
	for _, d := range []time.Duration{l.Handshake, l.Frame, l.Idle, l.Write, l.Forward, l.Stall, l.Stop,
		l.Drain, l.Quiet, l.BackoffLeast, l.BackoffMost, l.Settled} {
		if d <= 0 {
			return fmt.Errorf("a time limit of %v, more than 0", d)
		}
	}
	return nil
}
