package v4l2

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"volar/hal/linux/v4l2/internal/abi"
)

// Controls, include/uapi/linux/v4l2-controls.h.
const (
	cidWhiteAuto    = 0x0098090c // V4L2_CID_AUTO_WHITE_BALANCE
	cidExposureRows = 0x00980911 // V4L2_CID_EXPOSURE: of many sensors in rows
	cidAutogain     = 0x00980912
	cidGain         = 0x00980913
	cidExposureAuto = 0x009a0901 // 1 is manual
	cidExposure     = 0x009a0902 // V4L2_CID_EXPOSURE_ABSOLUTE: in 100 µs
	cidAnalogueGain = 0x009e0903
)

// controls are the nodes that may have a camera's controls: the capture node
// itself, and the sensor's where it stands behind a media controller.
type controls []Node

// set sets a control on the first node that has it, and reads it back.
func (c controls) set(id uint32, v int32) (got int32, ok bool, err error) {
	for _, n := range c {
		x := abi.Control{ID: id, Value: v}
		err := n.Ioctl(abi.SetControl, unsafe.Pointer(&x))
		if missing(err) {
			continue
		}
		if err != nil {
			return 0, true, err
		}
		x = abi.Control{ID: id}
		if err := n.Ioctl(abi.GetControl, unsafe.Pointer(&x)); err != nil {
			return v, true, nil // write-only
		}
		return x.Value, true, nil
	}
	return 0, false, nil
}

func missing(err error) bool { return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTTY) }

// expose fixes what a camera would otherwise choose anew for every frame:
// what a lamp adds to a picture can only be told where the exposure stays.
func (s *Stream) expose(subdevs []Node) error {
	c := controls(append([]Node{s.node}, subdevs...))
	if s.cfg.Exposure == 0 && s.cfg.Gain == 0 {
		return nil
	}
	for _, auto := range []abi.Control{{ID: cidExposureAuto, Value: 1}, {ID: cidAutogain}, {ID: cidWhiteAuto}} {
		if _, _, err := c.set(auto.ID, auto.Value); err != nil {
			return fmt.Errorf("switch automatic control %#x off: %w", auto.ID, err)
		}
	}
	return errors.Join(s.setExposure(c), s.setGain(c))
}

// setExposure uses the control in 100 µs where there is one, else the one in rows.
func (s *Stream) setExposure(c controls) error {
	want := s.cfg.Exposure
	if want == 0 {
		return nil
	}
	id, unit := uint32(cidExposure), 100*time.Microsecond
	if s.cfg.Row != 0 {
		id, unit = cidExposureRows, s.cfg.Row
	}
	got, ok, err := c.set(id, int32(max(1, (want+unit/2)/unit)))
	if err != nil {
		return fmt.Errorf("set exposure to %v: %w", want, err)
	}
	if !ok {
		return fmt.Errorf("no exposure control in units of %v; set or remove \"row\" in board.json", unit)
	}
	s.exposure = time.Duration(got) * unit
	if off := (s.exposure - want).Abs(); off > want/5+unit {
		return fmt.Errorf("exposes for %v, asked for %v", s.exposure, want)
	}
	return nil
}

func (s *Stream) setGain(c controls) error {
	if s.cfg.Gain == 0 {
		return nil
	}
	for _, id := range []uint32{cidGain, cidAnalogueGain} {
		got, ok, err := c.set(id, int32(s.cfg.Gain))
		if err != nil {
			return fmt.Errorf("set gain to %d: %w", s.cfg.Gain, err)
		}
		if ok && int(got) != s.cfg.Gain {
			return fmt.Errorf("has gain %d, asked for %d", got, s.cfg.Gain)
		}
		if ok {
			return nil
		}
	}
	return errors.New("no gain control")
}
