package flash

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

var realRoot = os.DirFS("/")

const (
	block     = 4096
	imageSize = 14<<20 + 3*block
)

// mapped are the parts of the test's image that are not holes, in bytes.
var mapped = [][2]int64{{0, 2 << 20}, {3 << 20, 3<<20 + block}, {5 << 20, 12<<20 + block}, {imageSize - block, imageSize}}

// newImage writes an image and its map, packed or not, and gives its bytes.
func newImage(t *testing.T, packed bool) (*Image, []byte) {
	t.Helper()
	rng := rand.NewChaCha8([32]byte{1})
	raw := make([]byte, imageSize)
	var ranges strings.Builder
	for _, r := range mapped {
		part := raw[r[0]:r[1]]
		if _, err := rng.Read(part); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&ranges, `<Range chksum="%x"> %d-%d </Range>`, sha256.Sum256(part), r[0]/block, r[1]/block-1)
	}
	path, content := filepath.Join(t.TempDir(), "unit.img"), raw
	write(t, path+".bmap", []byte(xmlMap(imageSize, block, ranges.String())))
	if packed {
		path += ".zst"
		e, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		content = e.EncodeAll(raw, nil)
	}
	write(t, path, content)
	image, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return image, raw
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// newDisk is a file full of what was on the disk before.
func newDisk(t *testing.T, size int) Disk {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	write(t, path, bytes.Repeat([]byte{0x5a}, size))
	d, err := Find(nil, path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func holds(t *testing.T, d Disk, raw []byte) {
	t.Helper()
	got, err := os.ReadFile(d.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range mapped {
		if !bytes.Equal(got[r[0]:r[1]], raw[r[0]:r[1]]) {
			t.Errorf("bytes %d to %d are not the image's", r[0], r[1])
		}
	}
	if got[4<<20] != 0x5a || int64(len(got)) > d.Size {
		t.Error("a hole of the image was written")
	}
}

func TestWrite(t *testing.T) {
	for _, packed := range []bool{false, true} {
		image, raw := newImage(t, packed)
		disks := []Disk{newDisk(t, imageSize), newDisk(t, imageSize+1<<20), newDisk(t, imageSize)}
		last := map[string]Step{}
		if err := Write(t.Context(), image, disks, func(e Event) { last[e.Device] = e.Step }); err != nil {
			t.Fatal(err)
		}
		for _, d := range disks {
			holds(t, d, raw)
			if last[d.Path] != StepDone {
				t.Errorf("%s ended with %q", d.Path, last[d.Path])
			}
		}
	}
}

// TestAgain: a disk that holds the image is not written again, only read.
func TestAgain(t *testing.T) {
	image, raw := newImage(t, true)
	d := newDisk(t, imageSize)
	var kept int64
	for range 2 {
		if err := Write(t.Context(), image, []Disk{d}, func(e Event) { kept = max(kept, e.Kept) }); err != nil {
			t.Fatal(err)
		}
	}
	holds(t, d, raw)
	if kept != image.Map.Mapped-headSize {
		t.Errorf("%d bytes were found there, want %d", kept, image.Map.Mapped-headSize)
	}
}

// TestNothingIsWritten: one disk that may not be written to keeps all from it.
func TestNothingIsWritten(t *testing.T) {
	image, _ := newImage(t, false)
	good, small, used := newDisk(t, imageSize), newDisk(t, imageSize-1), newDisk(t, imageSize)
	used.Used = []string{"mounted at /"}
	err := Write(t.Context(), image, []Disk{good, small, used}, func(e Event) { t.Errorf("%+v", e) })
	if !errors.Is(err, ErrSmall) || !errors.Is(err, ErrUsed) {
		t.Errorf("error is %v", err)
	}
	if got, _ := os.ReadFile(good.Path); bytes.Count(got, []byte{0x5a}) != len(got) {
		t.Error("the good disk was written to")
	}
}

func TestDamagedImage(t *testing.T) {
	for name, harm := range map[string]func(raw []byte) []byte{
		"a bit":      func(raw []byte) []byte { raw[6<<20] ^= 1; return raw },
		"cut":        func(raw []byte) []byte { return raw[:imageSize-1] },
		"too long":   func(raw []byte) []byte { return append(raw, 0) },
		"a last bit": func(raw []byte) []byte { raw[imageSize-1] ^= 1; return raw },
	} {
		image, raw := newImage(t, false)
		write(t, image.Path, harm(bytes.Clone(raw)))
		d := newDisk(t, imageSize)
		if err := Write(t.Context(), image, []Disk{d}, func(Event) {}); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
		boots(t, d, raw, false)
	}
}

// boots tells whether the disk has the image's partition table.
func boots(t *testing.T, d Disk, raw []byte, want bool) {
	t.Helper()
	got, err := os.ReadFile(d.Path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got[:headSize], raw[:headSize]) != want {
		t.Errorf("the disk has the image's head: %v, want %v", !want, want)
	}
}

// cut is a disk whose plug is pulled after some operations.
type cut struct {
	target
	left int
}

var errPulled = errors.New("pulled")

func (c *cut) WriteAt(b []byte, at int64) (int, error) {
	if c.left--; c.left < 0 {
		n, _ := c.target.WriteAt(b[:len(b)/2], at) // half of it arrives
		return n, errPulled
	}
	return c.target.WriteAt(b, at)
}

func (c *cut) Sync() error {
	if c.left--; c.left < 0 {
		return errPulled
	}
	return c.target.Sync()
}

// TestPulled pulls the disk at each write and sync in turn and then runs again.
func TestPulled(t *testing.T) {
	image, raw := newImage(t, true)
	for n := 0; ; n++ {
		d := newDisk(t, imageSize)
		to, err := openTarget(&d)
		if err != nil {
			t.Fatal(err)
		}
		j := &job{image: image, to: &cut{to, n}, tell: func(Step, int64, int64, int64) {}}
		err = j.run(t.Context())
		_ = to.Close()
		if err == nil {
			if n < 6 {
				t.Errorf("only %d operations", n)
			}
			return
		}
		if !errors.Is(err, errPulled) {
			t.Fatal(err)
		}
		if err := Write(t.Context(), image, []Disk{d}, func(Event) {}); err != nil {
			t.Fatalf("after %d operations: %v", n, err)
		}
		holds(t, d, raw)
	}
}

// TestStopped: what was written before an interruption is kept.
func TestStopped(t *testing.T) {
	image, raw := newImage(t, true)
	d := newDisk(t, imageSize)
	ctx, stop := context.WithCancel(t.Context())
	to, err := openTarget(&d)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	j := &job{image: image, to: to, tell: func(_ Step, done, _, _ int64) {
		if done > 3<<20 {
			stop()
		}
	}}
	if err := j.run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	boots(t, d, raw, false)
	var kept int64
	if err := Write(t.Context(), image, []Disk{d}, func(e Event) { kept = max(kept, e.Kept) }); err != nil {
		t.Fatal(err)
	}
	holds(t, d, raw)
	if kept == 0 {
		t.Error("all was written again")
	}
}

// liar is a disk that loses a byte of what it is given, as worn cards do.
type liar struct{ target }

func (l liar) WriteAt(b []byte, at int64) (int, error) {
	b = bytes.Clone(b)
	if at > headSize {
		b[len(b)-1] ^= 4
	}
	return l.target.WriteAt(b, at)
}

func TestReadBack(t *testing.T) {
	image, _ := newImage(t, false)
	d := newDisk(t, imageSize)
	to, err := openTarget(&d)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	j := &job{image: image, to: liar{to}, tell: func(Step, int64, int64, int64) {}}
	if err := j.run(t.Context()); !errors.Is(err, ErrReadBack) {
		t.Errorf("error is %v", err)
	}
}
