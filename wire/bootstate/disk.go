package bootstate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Disk is the partition that holds the two copies.
type Disk interface {
	io.ReaderAt
	io.WriterAt
	Sync() error // after this, what was written outlives a power cut
}

// Read gives the state and the copy, 0 or 1, that it was read from: the first
// that is not broken. Where both are, the state is Default and the copy is -1.
func Read(d io.ReaderAt) (s State, from int, err error) {
	for i, at := range Offsets {
		b := make([]byte, Size)
		if _, err := d.ReadAt(b, at); err != nil {
			return State{}, -1, fmt.Errorf("bootstate: read copy %d: %w", i, err)
		}
		if s, err = Parse(b); err == nil {
			return s, i, nil
		}
		if !errors.Is(err, ErrBroken) {
			return State{}, -1, err
		}
	}
	return Default(), -1, nil
}

// Write replaces the state that was read from copy from. It writes the other
// copy first and reads it back before it touches the one that holds: at every
// moment one whole copy is on the disk. After a power cut in between, Read
// gives the old state or the new one.
func Write(d Disk, s State, from int) error {
	b, err := s.Bytes()
	if err != nil {
		return err
	}
	order := [2]int{0, 1}
	if from == 0 {
		order = [2]int{1, 0}
	}
	for _, i := range order {
		if err := writeCopy(d, b, i); err != nil {
			return fmt.Errorf("bootstate: write copy %d: %w", i, err)
		}
	}
	return nil
}

func writeCopy(d Disk, b []byte, i int) error {
	if _, err := d.WriteAt(b, Offsets[i]); err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		return err
	}
	back := make([]byte, Size)
	if _, err := d.ReadAt(back, Offsets[i]); err != nil {
		return err
	}
	if !bytes.Equal(back, b) {
		return errors.New("what was read back is not what was written")
	}
	return nil
}

// Repair makes the two copies equal, and tells whether they were not. Only
// the program that keeps the unit calls it, not the boot loader.
func Repair(d Disk) (s State, repaired bool, err error) {
	s, from, err := Read(d)
	if err != nil {
		return State{}, false, err
	}
	want, err := s.Bytes()
	if err != nil {
		return State{}, false, err
	}
	for i, at := range Offsets {
		b := make([]byte, Size)
		if _, err := d.ReadAt(b, at); err != nil {
			return State{}, false, fmt.Errorf("bootstate: read copy %d: %w", i, err)
		}
		// What is whole is what the boot loader wrote, in its own order of variables.
		if got, err := Parse(b); i != from && (err != nil || got != s) {
			if err := writeCopy(d, want, i); err != nil {
				return State{}, false, fmt.Errorf("bootstate: repair copy %d: %w", i, err)
			}
			repaired = true
		}
	}
	return s, repaired, nil
}

// Image is the whole partition with state s.
func Image(s State) ([]byte, error) {
	b, err := s.Bytes()
	if err != nil {
		return nil, err
	}
	image := make([]byte, PartitionSize)
	for _, at := range Offsets {
		copy(image[at:], b)
	}
	return image, nil
}
