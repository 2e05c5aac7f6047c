package chip

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// Where a unit's numbers lie in the chip, beside the counter: what the
// counter began at, and the number of the last ticket that was spent.
const (
	baseHandle  = tpm2.TPMHandle(0x0180564D)
	spentHandle = tpm2.TPMHandle(0x0180564E)
)

// maxRaise bounds how far the floor rises at once: each step wears the chip.
const maxRaise = 1000

// ErrRaise means that a floor would go down, or up by too much.
var ErrRaise = errors.New("the floor only rises, and by 1,000 at most")

func be64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

// numberPublic is the public area of one of a unit's numbers. The firmware
// alone speaks to the chip, so they have no auth value; see README.
func numberPublic(h tpm2.TPMHandle, written bool) tpm2.TPMSNVPublic {
	a := tpm2.TPMANV{AuthWrite: true, AuthRead: true, NoDA: true, Written: written}
	if h == counterHandle {
		a.NT = tpm2.TPMNTCounter
	}
	return tpm2.TPMSNVPublic{NVIndex: h, NameAlg: tpm2.TPMAlgSHA256, DataSize: 8, Attributes: a}
}

// number names one of a unit's numbers. Its name is computed and never asked
// for: a liar between processor and chip could name another one.
func (u *Unit) number(h tpm2.TPMHandle, written bool) (tpm2.AuthHandle, tpm2.NamedHandle, error) {
	p := numberPublic(h, written)
	n, err := tpm2.NVName(&p)
	if err != nil {
		return tpm2.AuthHandle{}, tpm2.NamedHandle{}, err
	}
	auth := tpm2.PasswordAuth(nil)
	if u.chip.storage != nil {
		auth = u.chip.session(nil) // then the answer is the chip's own
	}
	return tpm2.AuthHandle{Handle: h, Name: *n, Auth: auth}, tpm2.NamedHandle{Handle: h, Name: *n}, nil
}

func (u *Unit) floor() (tpm2.AuthHandle, tpm2.NamedHandle, error) {
	return u.number(counterHandle, true)
}

func floorName() (n [34]byte, err error) {
	p := numberPublic(counterHandle, true)
	name, err := tpm2.NVName(&p)
	if err == nil {
		copy(n[:], name.Buffer)
	}
	return n, err
}

// read is a number, or 0 and false where it was never written.
func (u *Unit) read(t transport.TPM, h tpm2.TPMHandle) (uint64, bool, error) {
	user, index, err := u.number(h, true)
	if err != nil {
		return 0, false, err
	}
	if _, written, err := u.defined(t, h); err != nil || !written {
		return 0, false, err
	}
	r, err := tpm2.NVRead{AuthHandle: user, NVIndex: index, Size: 8}.Execute(t)
	if err != nil {
		return 0, false, err
	}
	if len(r.Data.Buffer) != 8 {
		return 0, false, fmt.Errorf("number of %d bytes", len(r.Data.Buffer))
	}
	return binary.BigEndian.Uint64(r.Data.Buffer), true, nil
}

// defined tells whether an index is there, and whether it was written.
func (u *Unit) defined(t transport.TPM, h tpm2.TPMHandle) (there, written bool, err error) {
	p, err := tpm2.NVReadPublic{NVIndex: h}.Execute(t)
	if errors.Is(err, tpm2.TPMRCHandle) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	public, err := p.NVPublic.Contents()
	return true, err == nil && public.Attributes.Written, err
}

// change defines a number where it is not there, and does to it what a
// command says, whose name of it depends on whether it was written before.
func (u *Unit) change(t transport.TPM, h tpm2.TPMHandle, command func(tpm2.AuthHandle, tpm2.NamedHandle) error) error {
	there, written, err := u.defined(t, h)
	if err != nil {
		return err
	}
	if !there {
		p := numberPublic(h, false)
		if _, err := (tpm2.NVDefineSpace{AuthHandle: ownerOfUnit(), PublicInfo: tpm2.New2B(p)}).Execute(t); err != nil {
			return err
		}
	}
	user, index, err := u.number(h, written)
	if err != nil {
		return err
	}
	return command(user, index)
}

func (u *Unit) count(t transport.TPM) error {
	return u.change(t, counterHandle, func(user tpm2.AuthHandle, index tpm2.NamedHandle) error {
		_, err := tpm2.NVIncrement{AuthHandle: user, NVIndex: index}.Execute(t)
		return err
	})
}

func (u *Unit) write(t transport.TPM, h tpm2.TPMHandle, v uint64) error {
	return u.change(t, h, func(user tpm2.AuthHandle, index tpm2.NamedHandle) error {
		_, err := tpm2.NVWrite{AuthHandle: user, NVIndex: index, Data: tpm2.TPM2BMaxNVBuffer{Buffer: be64(v)}}.Execute(t)
		return err
	})
}

// base is the counter's value at floor 0. A chip begins a counter past all
// that it ever had, so the value is noted. As long as it is not, the floor
// has not risen: a set-up that was cut begins again here.
func (u *Unit) base(t transport.TPM) (uint64, error) {
	base, known, err := u.read(t, baseHandle)
	if err != nil || known {
		return base, err
	}
	if _, counted, err := u.defined(t, counterHandle); err != nil {
		return 0, err
	} else if !counted {
		if err := u.count(t); err != nil {
			return 0, err
		}
	}
	if base, _, err = u.read(t, counterHandle); err != nil {
		return 0, err
	}
	return base, u.write(t, baseHandle, base)
}

// Floor is the least floor that firmware may have; 0 on a new chip.
func (u *Unit) Floor() (floor uint64, err error) {
	err = u.chip.do("read the floor", func(t transport.TPM) error {
		floor, err = u.level(t)
		return err
	})
	return floor, err
}

func (u *Unit) level(t transport.TPM) (uint64, error) {
	base, err := u.base(t)
	if err != nil {
		return 0, err
	}
	now, _, err := u.read(t, counterHandle)
	if err == nil && now < base {
		err = fmt.Errorf("counter at %d, which began at %d", now, base)
	}
	return now - base, err
}

// RaiseFloor counts up to floor, step by step; a cut leaves it between.
func (u *Unit) RaiseFloor(floor uint64) error {
	return u.chip.do("raise the floor", func(t transport.TPM) error {
		now, err := u.level(t)
		if err != nil {
			return err
		}
		if floor < now || floor-now > maxRaise {
			return fmt.Errorf("%w: from %d to %d", ErrRaise, now, floor)
		}
		for ; now < floor; now++ {
			if err := u.count(t); err != nil {
				return err
			}
		}
		return nil
	})
}

// Spent is the number of the last ticket that was spent, 0 where none was.
func (u *Unit) Spent() (n uint64, err error) {
	err = u.chip.do("read the spent ticket", func(t transport.TPM) error {
		n, _, err = u.read(t, spentHandle)
		return err
	})
	return n, err
}

// Spend notes a ticket's number; a lower one than before changes nothing.
func (u *Unit) Spend(n uint64) error {
	return u.chip.do("spend a ticket", func(t transport.TPM) error {
		now, _, err := u.read(t, spentHandle)
		if err != nil || n <= now {
			return err
		}
		return u.write(t, spentHandle, n)
	})
}
