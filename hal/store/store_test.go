package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"volar/hal"
)

var errPower = errors.New("the power is gone")

// flash is a disk that loses its power at its nth operation. What was not
// synced then may be there or not, and a write may have got only so far.
type flash struct {
	files  map[string][]byte // as programs see them
	unsure []func()          // undo what a sync would make last
	left   int               // operations until the power goes; negative is never
	random *rand.Rand
}

func (d *flash) step() error {
	if d.left == 0 {
		return errPower
	}
	d.left--
	return nil
}

func (d *flash) Read(name string) ([]byte, error) {
	if d.left == 0 {
		return nil, errPower
	}
	b, ok := d.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return bytes.Clone(b), nil
}

func (d *flash) Write(name string, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	old, had := d.files[name]
	if err := d.step(); err != nil {
		d.files[name] = bytes.Clone(b[:d.random.IntN(len(b)+1)])
		return err
	}
	d.files[name] = bytes.Clone(b) // its content is synced, its name is not
	d.unsure = append(d.unsure, func() {
		if delete(d.files, name); had {
			d.files[name] = old
		}
	})
	return nil
}

func (d *flash) Rename(from, to string) error {
	if err := d.step(); err != nil {
		return err
	}
	before := maps.Clone(d.files)
	d.files[to] = d.files[from]
	delete(d.files, from)
	d.unsure = append(d.unsure, func() { d.files = before })
	return nil
}

func (d *flash) Remove(name string) error {
	if err := d.step(); err != nil {
		return err
	}
	old, ok := d.files[name]
	if !ok {
		return fs.ErrNotExist
	}
	delete(d.files, name)
	d.unsure = append(d.unsure, func() { d.files[name] = old })
	return nil
}

func (d *flash) Sync() error {
	if err := d.step(); err != nil {
		return err
	}
	d.unsure = nil
	return nil
}

// boot is the disk after the power came back.
func (d *flash) boot() {
	for len(d.unsure) > 0 && d.random.IntN(2) == 0 {
		last := len(d.unsure) - 1
		d.unsure[last]()
		d.unsure = d.unsure[:last]
	}
	d.unsure, d.left = nil, -1
}

// A power cut at any operation leaves the old value or the new one, and none
// of another key's; what Put or Delete has promised stays.
func TestStoreOutlivesPowerCuts(t *testing.T) {
	cuts := 0
	for seed := range uint64(300) {
		d := &flash{files: map[string][]byte{}, left: -1, random: rand.New(rand.NewPCG(seed, 5))}
		s := On(d)
		promised := map[string]string{"": ""} // "" is no value
		delete(promised, "")
		for n := range 40 {
			key, val := fmt.Sprintf("k%d", d.random.IntN(3)), fmt.Sprintf("%d-%s", n, strings.Repeat("x", d.random.IntN(50)))
			if d.random.IntN(2) == 0 {
				d.left = d.random.IntN(4)
			}
			remove := d.random.IntN(4) == 0
			var err error
			if remove {
				val, err = "", s.Delete(key)
			} else {
				err = s.Put(key, []byte(val))
			}
			if err == nil {
				promised[key] = val
			} else if cuts++; !errors.Is(err, errPower) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			d.boot()
			for k := range 3 {
				k := fmt.Sprintf("k%d", k)
				got, gerr := s.Get(k)
				if gerr != nil && !errors.Is(gerr, hal.ErrNotFound) {
					t.Fatalf("seed %d: Get(%s): %v", seed, k, gerr)
				}
				if string(got) == promised[k] {
					continue
				}
				if err == nil || k != key || string(got) != val {
					t.Fatalf("seed %d: %s is %q, was %q, and %q was being put into %s: %v", seed, k, got, promised[k], val, key, err)
				}
				promised[k] = val // the cut came after it took hold
			}
		}
	}
	if cuts < 1000 {
		t.Errorf("%d power cuts", cuts)
	}
}

// lying is a disk that loses what it was given.
type lying struct{ *flash }

func (l lying) Write(name string, r io.Reader) error {
	return l.flash.Write(name, io.LimitReader(r, 2))
}

func TestStoreReadsBack(t *testing.T) {
	s := On(lying{&flash{files: map[string][]byte{}, left: -1}})
	if err := s.Put("a", []byte("value")); err == nil || !strings.Contains(err.Error(), "read back") {
		t.Errorf("Put on a disk that lies: %v", err)
	}
	if _, err := s.Get("a"); !errors.Is(err, hal.ErrNotFound) {
		t.Errorf("what was lost has a name: %v", err)
	}
}

func TestStoreOnDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put("key", []byte("value")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "key")} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "long"), make([]byte, hal.MaxValue+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := s.Get("long"); err == nil {
		t.Errorf("a value of %d bytes", len(b))
	}
	if _, err := Open(filepath.Join(dir, "key")); err == nil {
		t.Error("a store in a file")
	}
}
