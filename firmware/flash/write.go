package flash

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// ErrReadBack says that a disk does not hold what was written to it. Callers
// test with errors.Is.
var ErrReadBack = errors.New("it does not hold what was written")

// target is an open disk. Written bytes may stay in memory until Sync; after
// forget they are read from the disk itself.
type target interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	forget() error
	Close() error
}

// headSize is the part that is written last: what makes the disk one that
// boots, the partition table, lies in it.
const headSize = 1 << 20

// job is one image on its way to one disk.
type job struct {
	image *Image
	to    target
	tell  func(step Step, done, total, kept int64)

	head    []byte // of the image, held back
	kept    int64  // bytes that were there already
	done    int64
	differs bool // from some place on the disk holds something else, and is written
}

// run writes and reads back. What an interrupted run wrote is not written
// again: it is compared first, from the front, until something differs. A
// disk on which something is still missing has no partition table, so it does
// not boot.
func (j *job) run(ctx context.Context) error {
	if err := j.write(ctx); err != nil {
		return err
	}
	if err := j.finish(); err != nil {
		return err
	}
	return j.verify(ctx)
}

func (j *job) write(ctx context.Context) error {
	buf := make([]byte, chunk)
	return j.image.each(func(at int64, part []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := int64(len(part))
		if at < headSize {
			split := min(headSize-at, n)
			j.head = append(j.head, part[:split]...)
			at, part = at+split, part[split:]
		}
		if len(part) > 0 {
			if err := j.put(at, part, buf); err != nil {
				return err
			}
		}
		j.done += n
		j.tell(StepWrite, j.done, j.image.Map.Mapped, j.kept)
		return nil
	})
}

// put writes a part unless the disk holds it.
func (j *job) put(at int64, part, buf []byte) error {
	if !j.differs {
		there := buf[:len(part)]
		if _, err := j.to.ReadAt(there, at); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read at byte %d: %w", at, err)
		} else if err == nil && bytes.Equal(there, part) {
			j.kept += int64(len(part))
			return nil
		}
		if err := j.behead(); err != nil {
			return err
		}
		j.differs = true
	}
	if _, err := j.to.WriteAt(part, at); err != nil {
		return fmt.Errorf("write at byte %d: %w", at, err)
	}
	return nil
}

// behead makes the disk one that does not boot before the first byte of it
// changes.
func (j *job) behead() error {
	if _, err := j.to.WriteAt(make([]byte, headSize), 0); err != nil {
		return fmt.Errorf("write at byte 0: %w", err)
	}
	return j.to.Sync()
}

// finish writes the head, once all else has reached the disk.
func (j *job) finish() error {
	j.tell(StepSync, 0, 0, j.kept)
	if err := j.to.Sync(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	if _, err := j.to.WriteAt(j.head, 0); err != nil {
		return fmt.Errorf("write at byte 0: %w", err)
	}
	if err := j.to.Sync(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	return nil
}

// verify reads every mapped byte from the disk itself.
func (j *job) verify(ctx context.Context) error {
	if err := j.to.forget(); err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	buf := make([]byte, chunk)
	done := int64(0)
	for _, r := range j.image.Map.Ranges {
		sum := sha256.New()
		for at := r.From; at < r.To; {
			if err := ctx.Err(); err != nil {
				return err
			}
			part := buf[:min(chunk, r.To-at)]
			if _, err := j.to.ReadAt(part, at); err != nil {
				return fmt.Errorf("read back at byte %d: %w", at, err)
			}
			sum.Write(part)
			at += int64(len(part))
			done += int64(len(part))
			j.tell(StepVerify, done, j.image.Map.Mapped, j.kept)
		}
		if !matches(sum, r.Sum) {
			return fmt.Errorf("read back bytes %d to %d: %w", r.From, r.To, ErrReadBack)
		}
	}
	return nil
}
