package flash

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// ErrDamaged says that an image is not what its map says it is. Callers test
// with errors.Is.
var ErrDamaged = errors.New("the image is damaged")

// Image is an image on this machine and the map of it.
type Image struct {
	Path string // .img, or .img.zst
	Map  *Map
}

// Open reads the map that lies beside an image: F.img.bmap for F.img and for
// F.img.zst.
func Open(path string) (*Image, error) {
	f, err := os.Open(strings.TrimSuffix(path, ".zst") + ".bmap")
	if err != nil {
		return nil, fmt.Errorf("flash: open the map of %s: %w", path, err)
	}
	defer f.Close()
	m, err := ParseMap(f)
	if err != nil {
		return nil, err
	}
	return &Image{Path: path, Map: m}, nil
}

// maxWindow bounds what a compressed image may ask of memory.
const maxWindow = 64 << 20

// stream is the bytes of the image from the first on.
func (i *Image) stream() (io.ReadCloser, error) {
	f, err := os.Open(i.Path)
	if err != nil {
		return nil, fmt.Errorf("flash: open image: %w", err)
	}
	if !strings.HasSuffix(i.Path, ".zst") {
		return f, nil
	}
	d, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		_ = f.Close() // the error that counts is the decoder's
		return nil, fmt.Errorf("flash: open image: %w", err)
	}
	return unpacked{d, f}, nil
}

type unpacked struct {
	*zstd.Decoder
	file *os.File
}

func (u unpacked) Close() error {
	u.Decoder.Close()
	return u.file.Close()
}

// chunk is how much is written at once: SD cards erase some MiB at a time.
const chunk = 4 << 20

// each gives the mapped bytes of the image in order, in parts of at most
// chunk bytes, each at its place. A range is known to be whole only after its
// last part: then its sum is compared.
func (i *Image) each(visit func(at int64, part []byte) error) error {
	r, err := i.stream()
	if err != nil {
		return err
	}
	defer r.Close()
	buf := make([]byte, chunk)
	at := int64(0)
	for n, rg := range i.Map.Ranges {
		if _, err := io.CopyN(io.Discard, r, rg.From-at); err != nil {
			return i.damaged(err)
		}
		sum := sha256.New()
		for at = rg.From; at < rg.To; {
			part := buf[:min(chunk, rg.To-at)]
			if _, err := io.ReadFull(r, part); err != nil {
				return i.damaged(err)
			}
			sum.Write(part)
			if err := visit(at, part); err != nil {
				return err
			}
			at += int64(len(part))
		}
		if !matches(sum, rg.Sum) {
			return i.damaged(fmt.Errorf("range %d, bytes %d to %d, is not what the map says", n, rg.From, rg.To))
		}
	}
	rest, err := io.Copy(io.Discard, io.LimitReader(r, i.Map.Size-at+1))
	if err != nil {
		return i.damaged(err)
	}
	if at+rest != i.Map.Size {
		return i.damaged(fmt.Errorf("it has not the %d bytes that the map says", i.Map.Size))
	}
	return nil
}

func (i *Image) damaged(err error) error {
	return fmt.Errorf("flash: read %s: %w: %w", i.Path, ErrDamaged, err)
}

func matches(h hash.Hash, want [32]byte) bool { return [32]byte(h.Sum(nil)) == want }
