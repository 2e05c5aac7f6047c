package slots

import (
	"context"
	"errors"
	"fmt"
	"io"

	"volar/wire/bootstate"
)

// chunk is how much is written at a time, in bytes.
const chunk = 1 << 20

// path is where a part of a slot is.
func (s *Slots) path(slot, part string) (string, error) {
	p := s.opt.Paths
	paths := map[[2]string]string{{"a", Boot}: p.BootA, {"b", Boot}: p.BootB, {"a", Root}: p.RootA, {"b", Root}: p.RootB}
	if path := paths[[2]string{slot, part}]; path != "" {
		return path, nil
	}
	return "", fmt.Errorf("slots: there is no part %q of a slot %q", part, slot)
}

// Read opens a part of a slot for reading, as large as its partition. What is
// read comes from the medium and from no cache. The caller calls done.
func (s *Slots) Read(slot, part string) (r *io.SectionReader, done func() error, err error) {
	m, err := s.open(slot, part, false)
	if err != nil {
		return nil, nil, err
	}
	return io.NewSectionReader(m, 0, m.Size()), m.Close, nil
}

// open opens a part of a slot: for reading alone, where it may be the one that runs.
func (s *Slots) open(slot, part string, write bool) (Medium, error) {
	path, err := s.path(slot, part)
	if err != nil {
		return nil, err
	}
	m, err := s.opt.Open(path, write)
	if err != nil {
		return nil, fmt.Errorf("slots: open %s of slot %s: %w", part, slot, err)
	}
	if err := m.Drop(); err != nil {
		return nil, errors.Join(fmt.Errorf("slots: open %s of slot %s: %w", part, slot, err), m.Close())
	}
	return m, nil
}

// Write writes a part of the other slot from its first byte on, and returns
// when all of it is on the medium. The slot must have been cleared. What lies
// behind the last byte stays as it was.
func (s *Slots) Write(ctx context.Context, part string, r io.Reader) error {
	st, err := s.State()
	if err != nil {
		return err
	}
	if now := st.Of(s.other()).Status; now != bootstate.Bad {
		return fmt.Errorf("slots: write slot %s: it is %v, and was not cleared", s.other(), now)
	}
	_, err = s.write(ctx, part, r)
	return err
}

// write writes at most as many bytes as the part has, and returns how many.
func (s *Slots) write(ctx context.Context, part string, r io.Reader) (n int64, err error) {
	m, err := s.open(s.other(), part, true)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if n, err = fill(ctx, m, r); err != nil {
		return n, fmt.Errorf("slots: write %s of slot %s: %w", part, s.other(), err)
	}
	if err := m.Sync(); err != nil {
		return n, fmt.Errorf("slots: write %s of slot %s: %w", part, s.other(), err)
	}
	return n, nil
}

// errFull means that there are more bytes than a part has.
var errFull = errors.New("more bytes than the partition has")

// fill copies r to m.
func fill(ctx context.Context, m Medium, r io.Reader) (n int64, err error) {
	buffer := make([]byte, min(chunk, m.Size()))
	for {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		room := min(int64(len(buffer)), m.Size()-n)
		if room == 0 { // is there one byte more?
			switch _, err := io.ReadFull(r, buffer[:1]); err {
			case io.EOF:
				return n, nil
			case nil:
				return n, fmt.Errorf("%w: %d", errFull, m.Size())
			default:
				return n, err
			}
		}
		got, err := io.ReadFull(r, buffer[:room])
		if _, werr := m.WriteAt(buffer[:got], n); werr != nil {
			return n, werr
		}
		n += int64(got)
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return n, nil
		default:
			return n, err
		}
	}
}

// WriteOther writes a whole system into the slot that does not run: as many
// bytes as the boot partition has go there, the rest into the root partition.
// From its first byte until it is whole, that slot cannot be tried.
func (s *Slots) WriteOther(ctx context.Context, r io.Reader) error {
	if err := s.Clear(); err != nil {
		return err
	}
	boot, err := s.open(s.other(), Boot, false)
	if err != nil {
		return err
	}
	size := boot.Size()
	if err := boot.Close(); err != nil {
		return err
	}
	n, err := s.write(ctx, Boot, io.LimitReader(r, size))
	if err != nil {
		return err
	}
	if n == size {
		if _, err := s.write(ctx, Root, r); err != nil {
			return err
		}
	}
	return s.Ready()
}
