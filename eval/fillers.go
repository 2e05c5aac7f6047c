package eval

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"

	"volar/enclave/vault/matcher"
	"volar/wire"
)

// Fillers are the left palms of synthetic people as templates, kept in a file
// that README.md describes. The file belongs to one seed and scheme, and to one generator and matcher:
// its name and head hold a hash of what they make of two palms.
type Fillers struct {
	people *Synthetic
	scheme *matcher.Scheme
	file   *os.File
	path   string
	n      int   // palms in the file
	end    int64 // where the last of them ends
}

const (
	fillersMagic   = "VOLARPLM"
	fillersVersion = 1
	fillersHead    = 64
	recordHead     = 8
)

// MaxFillers bounds a file.
const MaxFillers = MaxPeople

// ErrFillers means that a file is not one of Fillers, or damaged.
var ErrFillers = errors.New("not a file of synthetic palms, or damaged: delete it, and it is made anew")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// OpenFillers opens, or begins, the file in a folder of people whose palms are coded in a scheme; nil is the plain one.
func OpenFillers(dir string, people *Synthetic, scheme *matcher.Scheme) (*Fillers, error) {
	f := &Fillers{people: people, scheme: scheme}
	print, err := f.fingerprint()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("eval: open synthetic palms: %w", err)
	}
	f.path = filepath.Join(dir, fmt.Sprintf("palms-%d-%x", people.seed, print[:8]))
	if f.file, err = os.OpenFile(f.path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, fmt.Errorf("eval: open synthetic palms: %w", err)
	}
	head := fillersHeader(people.seed, print)
	if err := f.resume(head); err != nil {
		f.file.Close()
		return nil, fmt.Errorf("eval: open synthetic palms %s: %w", f.path, err)
	}
	return f, nil
}

// Close closes the file.
func (f *Fillers) Close() error { return f.file.Close() }

// Len is the number of palms in the file.
func (f *Fillers) Len() int { return f.n }

func fillersHeader(seed uint64, print [sha256.Size]byte) []byte {
	b := append(make([]byte, 0, fillersHead), fillersMagic...)
	b = binary.LittleEndian.AppendUint64(b, fillersVersion)
	b = binary.LittleEndian.AppendUint64(b, seed)
	b = append(b, print[:]...)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return append(b, make([]byte, fillersHead-len(b))...)
}

// fingerprint hashes two palms as they come out today.
func (f *Fillers) fingerprint() (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	for i := range 2 {
		t, err := f.render(i)
		if err != nil {
			return sum, err
		}
		h.Write(t)
	}
	h.Sum(sum[:0])
	return sum, nil
}

// render makes the template of a person's left palm.
func (f *Fillers) render(i int) ([]byte, error) {
	s := f.people.sample(palmKey{i, wire.Left}, enrolment, 1, SyntheticBands)
	hand, views, err := s.Views()
	if err != nil {
		return nil, err
	}
	c, err := f.scheme.Encode(hand, views)
	if err != nil {
		return nil, fmt.Errorf("eval: synthetic palm %d: %w", i, err)
	}
	defer c.Wipe()
	return c.MarshalBinary()
}

// resume reads what is there; a last palm that was not written whole is cut off.
func (f *Fillers) resume(head []byte) error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		f.end = fillersHead
		_, err := f.file.WriteAt(head, 0)
		return err
	}
	f.n, f.end, err = readFillers(f.file, head, MaxFillers, func(int, []byte) error { return nil })
	if errors.Is(err, io.ErrUnexpectedEOF) && f.end >= fillersHead {
		return f.file.Truncate(f.end)
	}
	return err
}

// readFillers reads a file's first palms up to a number and gives each to take,
// with the number of those read and where the last one ends. The error is io.ErrUnexpectedEOF where the file ends within a palm.
func readFillers(r io.ReaderAt, head []byte, most int, take func(i int, template []byte) error) (n int, end int64, err error) {
	in := bufio.NewReaderSize(io.NewSectionReader(r, 0, 1<<62), 1<<16)
	got := make([]byte, fillersHead)
	if _, err := io.ReadFull(in, got); err != nil || !bytes.Equal(got, head) {
		return 0, 0, ErrFillers
	}
	end = fillersHead
	template := make([]byte, matcher.TemplateMax)
	for n < most {
		var rec [recordHead]byte
		if _, err := io.ReadFull(in, rec[:]); err == io.EOF {
			return n, end, nil
		} else if err != nil {
			return n, end, err
		}
		size := binary.LittleEndian.Uint32(rec[:])
		if size == 0 || size > matcher.TemplateMax {
			return n, end, ErrFillers
		}
		if _, err := io.ReadFull(in, template[:size]); err == io.EOF {
			return n, end, io.ErrUnexpectedEOF
		} else if err != nil {
			return n, end, err
		}
		if binary.LittleEndian.Uint32(rec[4:]) != recordSum(n, template[:size]) {
			return n, end, ErrFillers
		}
		if err := take(n, template[:size]); err != nil {
			return n, end, err
		}
		n++
		end += recordHead + int64(size)
	}
	return n, end, nil
}

// recordSum is over a palm's number and template, so that no palm can stand in the place of another.
func recordSum(i int, template []byte) uint32 {
	var number [8]byte
	binary.LittleEndian.PutUint64(number[:], uint64(i))
	return crc32.Update(crc32.Checksum(number[:], castagnoli), castagnoli, template)
}

// Grow renders palms until there are n, on so many workers (0: one a
// processor). What is rendered is kept, also when it is interrupted.
func (f *Fillers) Grow(ctx context.Context, n, workers int, progress func(stage string, done, total int)) error {
	if n > MaxFillers {
		return fmt.Errorf("eval: %d synthetic palms, at most %d", n, MaxFillers)
	}
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	for f.n < n {
		batch := make([][]byte, min(64*workers, n-f.n))
		group, each := errgroup.WithContext(ctx)
		group.SetLimit(workers)
		for i := range batch {
			group.Go(func() (err error) {
				if err := each.Err(); err != nil {
					return err
				}
				batch[i], err = f.render(f.n + i)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		if err := f.write(batch); err != nil {
			return fmt.Errorf("eval: write synthetic palms %s: %w", f.path, err)
		}
		if progress != nil {
			progress("synthetic palms", f.n, n)
		}
	}
	return f.file.Sync()
}

func (f *Fillers) write(batch [][]byte) error {
	var b []byte
	for i, t := range batch {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(t)))
		b = binary.LittleEndian.AppendUint32(b, recordSum(f.n+i, t))
		b = append(b, t...)
	}
	if _, err := f.file.WriteAt(b, f.end); err != nil {
		return err
	}
	f.n, f.end = f.n+len(batch), f.end+int64(len(b))
	return nil
}

// Each gives the first n palms to take, in order. The template is valid until take returns.
func (f *Fillers) Each(n int, take func(i int, template []byte) error) error {
	head := make([]byte, fillersHead)
	if _, err := f.file.ReadAt(head, 0); err != nil {
		return err
	}
	got, _, err := readFillers(f.file, head, n, take)
	if err == nil && got < n {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("eval: read synthetic palms %s: %w", f.path, err)
	}
	return nil
}
