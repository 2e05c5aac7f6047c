package sim

import (
	"fmt"
	"time"

	"volar/hal"
)

// FaultKind is what goes wrong. The zero FaultKind is nothing.
type FaultKind uint8

// The faults of a pair of cameras. Where a driver can notice, Shoot returns an
// error; the others are drivers that notice nothing, which firmware must.
const (
	NoFault    FaultKind = iota
	Stall                // no frame in time: ErrStalled after the board's timeout
	Unplug               // the camera is gone: ErrUnplugged
	LostBand             // one camera gave nothing, and the driver says so: ErrHalf
	Half                 // the same, but the driver returns the other half
	Skew                 // the NIR exposure began 50 ms late
	WrongSize            // a frame of half the height
	WrongLight           // taken under another light than asked for
	Frozen               // the sequence number and the time stand still
	faultCount
)

var faultNames = [faultCount]string{
	"none", "stall", "unplug", "lost-band", "half", "skew", "wrong-size", "wrong-light", "frozen",
}

// String is the fault's name on the command line.
func (k FaultKind) String() string {
	if k >= faultCount {
		return fmt.Sprintf("fault(%d)", uint8(k))
	}
	return faultNames[k]
}

// ParseFault is the inverse of FaultKind.String, of faults that exist.
func ParseFault(s string) (FaultKind, error) {
	for k := Stall; k < faultCount; k++ {
		if k.String() == s {
			return k, nil
		}
	}
	return 0, fmt.Errorf("sim: unknown fault %.32q, known are %q", s, faultNames[1:])
}

// Fault strikes some calls of Shoot.
type Fault struct {
	Kind FaultKind
	Call int // the first call that it strikes, counted from 1 since boot
	For  int // how many calls in a row; 0 is all from there on
}

func (f Fault) check() error {
	if f.Kind == NoFault || f.Kind >= faultCount || f.Call < 1 || f.For < 0 {
		return fmt.Errorf("sim: fault %v at call %d for %d calls", f.Kind, f.Call, f.For)
	}
	return nil
}

func (f Fault) strikes(call int) bool {
	return call >= f.Call && (f.For == 0 || call-f.Call < f.For)
}

// lost is the error of faults that leave no shot.
func (f Fault) lost(l hal.Light) error {
	switch f.Kind {
	case Unplug:
		return fmt.Errorf("sim: shoot %v: %w", l, hal.ErrUnplugged)
	case LostBand:
		return fmt.Errorf("sim: shoot %v: %w", l, hal.ErrHalf)
	}
	return nil
}

// spoil does to a shot what the fault does.
func (f Fault) spoil(s *hal.Shot) {
	switch f.Kind {
	case Half:
		s.NIR = hal.Frame{}
	case Skew:
		s.NIR.At += 50 * time.Millisecond
	case WrongSize:
		s.NIR.Height /= 2
		s.NIR.Pix = s.NIR.Pix[:s.NIR.Height*s.NIR.Stride]
	case WrongLight:
		s.Light ^= hal.White
	case Frozen:
		for _, f := range []*hal.Frame{&s.RGB, &s.NIR} {
			f.Seq, f.At = 1, time.Second
		}
	}
}
