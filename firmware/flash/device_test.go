package flash

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// attach gives a block device whose sectors are a file of n bytes.
func attach(t *testing.T, n int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sectors")
	write(t, path, nil)
	if err := os.Truncate(path, n); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("losetup", "--find", "--show", path).Output()
	if err != nil {
		t.Skip("no loop devices here (they need root and the kernel's loop module): ", err)
	}
	dev := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if err := exec.Command("losetup", "--detach", dev).Run(); err != nil {
			t.Error(err)
		}
	})
	return dev
}

// TestBlockDevice writes to a device of the kernel's and reads it from there.
func TestBlockDevice(t *testing.T) {
	dev := attach(t, imageSize+5*block)
	disks, err := Disks(realRoot)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Find(disks, dev)
	if err != nil || d.Bus != Loop || d.Size < imageSize {
		t.Fatalf("%+v, %v", d, err)
	}
	image, raw := newImage(t, true)
	if err := Write(t.Context(), image, []Disk{d}, func(Event) {}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(dev)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range mapped {
		if string(got[r[0]:r[1]]) != string(raw[r[0]:r[1]]) {
			t.Errorf("bytes %d to %d are not the image's", r[0], r[1])
		}
	}
}

// TestHeld: a device that somebody took after it was listed is not written to.
func TestHeld(t *testing.T) {
	d := Disk{Path: attach(t, imageSize), Bus: Loop, Size: imageSize}
	holder, err := os.OpenFile(d.Path, os.O_RDONLY|os.O_EXCL, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	image, _ := newImage(t, false)
	if err := Write(t.Context(), image, []Disk{d}, func(Event) {}); !errors.Is(err, ErrUsed) {
		t.Errorf("error is %v", err)
	}
}
