package keybox

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"
)

// disk is a partition that loses power at a chosen byte: what is written
// from then on is dropped, in blocks of 512.
type disk struct {
	data []byte
	left int // blocks until the cut; negative: no cut
	cut  bool
}

var errCut = errors.New("power cut")

func newDisk() *disk { return &disk{data: make([]byte, MinSize), left: -1} }

func (d *disk) ReadAt(p []byte, at int64) (int, error) {
	if d.cut {
		return 0, errCut
	}
	return copy(p, d.data[at:]), nil
}

func (d *disk) WriteAt(p []byte, at int64) (int, error) {
	for n := 0; n < len(p); n += 512 {
		if d.left == 0 || d.cut {
			d.cut = true
			return n, errCut
		}
		d.left--
		copy(d.data[at+int64(n):], p[n:min(n+512, len(p))])
	}
	return len(p), nil
}

func (d *disk) Sync() error {
	if d.cut {
		return errCut
	}
	return nil
}

func keys(n byte) Keys {
	return Keys{[]Sealed{
		{PCR8: [32]byte{n}, Name: "data", Blob: bytes.Repeat([]byte{n}, 300)},
		{PCR8: [32]byte{n + 1}, Name: "data", Blob: bytes.Repeat([]byte{n + 1}, 300)},
	}}
}

func load(t *testing.T, d *disk) Keys {
	t.Helper()
	k, err := Open(&disk{data: d.data, left: -1}).Load()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSaveAndLoad(t *testing.T) {
	d := newDisk()
	b := Open(d)
	if _, err := b.Load(); !errors.Is(err, ErrBlank) {
		t.Fatalf("a new box: %v", err)
	}
	for n := range byte(5) {
		if err := b.Save(keys(n)); err != nil {
			t.Fatal(err)
		}
		if got := load(t, d); !reflect.DeepEqual(got, keys(n)) {
			t.Fatalf("saved %d, loaded %+v", n, got)
		}
	}
	if err := b.Wipe(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Load(); !errors.Is(err, ErrBlank) {
		t.Fatalf("a wiped box: %v", err)
	}
	if len(bytes.Trim(d.data, "\x00")) != 0 {
		t.Error("a wiped box is not zero")
	}
}

// A power cut at every block of a save leaves the old keys or the new ones.
func TestPowerCutSaving(t *testing.T) {
	for cut := range 2 * copySize / 512 {
		d := newDisk()
		if err := Open(d).Save(keys(1)); err != nil {
			t.Fatal(err)
		}
		d.left = cut
		err := Open(d).Save(keys(9))
		d.cut = false
		got := load(t, d)
		switch {
		case err == nil && !reflect.DeepEqual(got, keys(9)):
			t.Fatalf("cut at %d: saved, but not there", cut)
		case err != nil && !reflect.DeepEqual(got, keys(1)) && !reflect.DeepEqual(got, keys(9)):
			t.Fatalf("cut at %d: neither old nor new", cut)
		}
	}
}

// A power cut while wiping never brings keys back that were replaced, and
// wiping again finishes.
func TestPowerCutWiping(t *testing.T) {
	for cut := 0; cut < 4*copySize/512; cut += 7 {
		d := newDisk()
		if err := errors.Join(Open(d).Save(keys(1)), Open(d).Save(keys(2))); err != nil {
			t.Fatal(err)
		}
		d.left = cut
		if err := Open(d).Wipe(); err == nil {
			t.Fatalf("cut at %d: wiped all the same", cut)
		}
		d.cut, d.left = false, -1
		if err := Open(d).Wipe(); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(d).Load(); !errors.Is(err, ErrBlank) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
}

// One flipped bit in the newer copy brings back the older; in both, nothing,
// and that is not the same as blank.
func TestDamage(t *testing.T) {
	d := newDisk()
	b := Open(d)
	if err := errors.Join(b.Save(keys(1)), b.Save(keys(2))); err != nil {
		t.Fatal(err)
	}
	at := 100 // the second save went to copy 0: the first, to a blank box, to copy 1
	d.data[at] ^= 1
	if got := load(t, d); !reflect.DeepEqual(got, keys(1)) {
		t.Fatal("the older copy was not taken")
	}
	d.data[spacing+at] ^= 1
	if _, err := b.Load(); !errors.Is(err, ErrDamaged) {
		t.Fatalf("two damaged copies: %v", err)
	}
}

// lying is a medium that forgets what it was told.
type lying struct{ *disk }

func (l lying) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

func TestReadsBack(t *testing.T) {
	if err := Open(lying{newDisk()}).Save(keys(1)); err == nil {
		t.Error("a write that left no trace was believed")
	}
}

func TestKeysRefused(t *testing.T) {
	many := Keys{}
	for n := range byte(MaxKeys + 1) {
		many.Sealed = append(many.Sealed, Sealed{PCR8: [32]byte{n}, Name: "data", Blob: []byte{1}})
	}
	for name, k := range map[string]Keys{
		"too many":  many,
		"no name":   {[]Sealed{{Blob: []byte{1}}}},
		"long name": {[]Sealed{{Name: fmt.Sprint(make([]byte, MaxName)), Blob: []byte{1}}}},
		"no blob":   {[]Sealed{{Name: "data"}}},
		"long blob": {[]Sealed{{Name: "data", Blob: make([]byte, MaxBlob+1)}}},
		"twice":     {[]Sealed{{Name: "data", Blob: []byte{1}}, {Name: "data", Blob: []byte{2}}}},
	} {
		if err := Open(newDisk()).Save(k); err == nil {
			t.Errorf("%s: saved", name)
		}
	}
}

func TestKeys(t *testing.T) {
	k := keys(1).With(Sealed{PCR8: [32]byte{1}, Name: "data", Blob: []byte{7}})
	if len(k.Sealed) != 2 || !bytes.Equal(k.Find("data", [32]byte{1}), []byte{7}) {
		t.Errorf("With: %+v", k)
	}
	if k.Find("data", [32]byte{9}) != nil || k.Find("other", [32]byte{1}) != nil {
		t.Error("found what is not there")
	}
	if only := k.Only([32]byte{2}); len(only.Sealed) != 1 || only.Sealed[0].PCR8 != [32]byte{2} {
		t.Errorf("Only: %+v", only)
	}
}

func FuzzRecord(f *testing.F) {
	raw, err := record{1, keys(1)}.marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw[:800])
	f.Fuzz(func(t *testing.T, b []byte) {
		b = append(b, make([]byte, max(0, copySize-len(b)))...)
		r, err := parse(b)
		if err != nil {
			return
		}
		again, err := r.marshal()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("another encoding: %v", err)
		}
	})
}
