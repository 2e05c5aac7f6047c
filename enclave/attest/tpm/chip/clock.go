package chip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// clockStep is the longest time, in milliseconds, between two writes of a
// chip's clock to its memory: 2^22 (TPM 2.0 Library, part 1, chapter 36).
const clockStep = 1 << 22

// starts is how often a chip was reset, and how often woken up.
type starts struct{ resets, restarts uint32 }

// starts asks the chip, in a session that shows that the chip has answered.
func (c *Chip) starts(t transport.TPM) (starts, error) {
	r, err := tpm2.ReadClock{}.Execute(t, c.session(nil, tpm2.Audit()))
	if err != nil {
		return starts{}, err
	}
	i := r.CurrentTime.ClockInfo
	return starts{i.ResetCount, i.RestartCount}, nil
}

// sameStart refuses where the machine has been started again since a vault was.
func (c *Chip) sameStart(t transport.TPM) error {
	if c.since == nil {
		return nil // the set-up: there is no vault yet
	}
	now, err := c.starts(t)
	if err == nil && now != *c.since {
		err = ErrRestarted
	}
	return err
}

// trustClock makes the chip's clock one that never went back. After a power
// cut it may have, until it passes the latest time that it can have told:
// over an hour later, or at once if the owner sets it there.
func (c *Chip) trustClock(t transport.TPM, s seed) error {
	r, err := tpm2.ReadClock{}.Execute(t)
	if err != nil || r.CurrentTime.ClockInfo.Safe {
		return err
	}
	auth, err := s.auth(ownerAuth)
	if err != nil {
		return err
	}
	if err := c.setClock(t, auth, r.CurrentTime.ClockInfo.Clock+clockStep); err != nil {
		return fmt.Errorf("set the clock forward: %w", err)
	}
	if r, err = (tpm2.ReadClock{}).Execute(t); err == nil && !r.CurrentTime.ClockInfo.Safe {
		err = errors.New("the TPM's clock stays unsafe")
	}
	return err
}

// setClock is TPM2_ClockSet, which go-tpm does not have (part 3, chapter 29.2).
func (c *Chip) setClock(t transport.TPM, auth []byte, to uint64) error {
	s := c.session(auth)
	if err := s.Init(t); err != nil {
		return err
	}
	defer func() {
		if h := s.Handle(); h != tpm2.TPMRHNull {
			flush(t, h)
		}
	}()
	if err := s.NewNonceCaller(); err != nil {
		return err
	}
	names := []tpm2.TPM2BName{{Buffer: binary.BigEndian.AppendUint32(nil, uint32(tpm2.TPMRHOwner))}}
	parameters := binary.BigEndian.AppendUint64(nil, to)
	a, err := s.Authorize(tpm2.TPMCCClockSet, parameters, nil, names, 0)
	if err != nil {
		return err
	}
	area := tpm2.Marshal(a)
	body := slices.Concat(names[0].Buffer, binary.BigEndian.AppendUint32(nil, uint32(len(area))), area, parameters)
	command := binary.BigEndian.AppendUint16(nil, 0x8002) // TPM_ST_SESSIONS
	command = binary.BigEndian.AppendUint32(command, uint32(headerSize+len(body)))
	command = binary.BigEndian.AppendUint32(command, uint32(tpm2.TPMCCClockSet))
	reply, err := t.Send(append(command, body...))
	if err != nil {
		return err
	}
	if rc := tpm2.TPMRC(binary.BigEndian.Uint32(reply[6:])); rc != tpm2.TPMRCSuccess {
		return rc
	}
	return nil
}
