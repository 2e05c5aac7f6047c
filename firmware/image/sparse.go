package image

import (
	"bytes"
	"io"
	"os"
)

// disk is an image file that is being written. It stays sparse.
type disk struct {
	f    *os.File
	kept []span // what is written although it may be zero
}

type span struct{ from, to int64 }

func createDisk(path string, size int64) (*disk, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(size); err != nil {
		f.Close()
		return nil, err
	}
	return &disk{f: f}, nil
}

const piece = 64 << 10

// put writes b at an offset, but not its pieces that are zero. Flashing has to
// write those too: dm-verity looks at every block.
func (d *disk) put(b []byte, at int64) error {
	d.keep(at, int64(len(b)))
	zero := make([]byte, piece)
	for len(b) > 0 {
		n := min(piece, len(b))
		if !bytes.Equal(b[:n], zero[:n]) {
			if _, err := d.f.WriteAt(b[:n], at); err != nil {
				return err
			}
		}
		b, at = b[n:], at+int64(n)
	}
	return nil
}

// keep marks a part that flashing has to write even where it is zero: it
// would otherwise hold what was on the disk before.
func (d *disk) keep(at, size int64) { d.kept = append(d.kept, span{at, at + size}) }

// runs calls f for each part of r that is not zero or is kept, in blocks.
func runs(r io.ReaderAt, size, block int64, kept []span, f func(from, to int64) error) error {
	buf, zero := make([]byte, block), make([]byte, block)
	start := int64(-1)
	for at := int64(0); at < size; at += block {
		n := min(block, size-at)
		if _, err := r.ReadAt(buf[:n], at); err != nil && err != io.EOF {
			return err
		}
		wanted := !bytes.Equal(buf[:n], zero[:n])
		for _, k := range kept {
			wanted = wanted || at < k.to && at+n > k.from
		}
		switch {
		case wanted && start < 0:
			start = at
		case !wanted && start >= 0:
			if err := f(start, at); err != nil {
				return err
			}
			start = -1
		}
	}
	if start >= 0 {
		return f(start, size)
	}
	return nil
}
