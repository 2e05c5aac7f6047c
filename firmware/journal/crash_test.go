package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"
)

var errCut = errors.New("the power was cut")

// flaky is a disk in memory. Operation number cut fails: with power true, the
// power goes in the middle of it and nothing works any more; without, it and
// the next few fail as those of a full disk do.
type flaky struct {
	files map[string][]byte
	ops   int
	cut   int
	power bool
	dead  bool
}

// fails tells whether this operation does.
func (d *flaky) fails() error {
	d.ops++
	if d.dead || d.power && d.ops == d.cut {
		d.dead = true
		return errCut
	}
	if !d.power && d.cut > 0 && d.ops >= d.cut && d.ops < d.cut+3 {
		return errors.New("no space left on device")
	}
	return nil
}

func (d *flaky) list() (names []string, err error) {
	for name := range d.files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, d.fails()
}

func (d *flaky) read(name string, limit int64) ([]byte, error) {
	b, ok := d.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(b[:min(int64(len(b)), limit)]), d.fails()
}

func (d *flaky) append(name string, b []byte) error {
	err := d.fails()
	if d.dead && err != nil {
		b = b[:len(b)/2] // and half a record is there
	}
	if err == nil || d.power && d.ops == d.cut {
		d.files[name] = append(d.files[name], b...)
	}
	return err
}

func (d *flaky) rename(from, to string) error {
	if err := d.fails(); err != nil {
		return err
	}
	b, ok := d.files[from]
	if !ok {
		return fs.ErrNotExist
	}
	delete(d.files, from)
	d.files[to] = b
	return nil
}

func (d *flaky) remove(name string) error {
	if err := d.fails(); err != nil {
		return err
	}
	if _, ok := d.files[name]; !ok {
		return fs.ErrNotExist
	}
	delete(d.files, name)
	return nil
}

func (d *flaky) close() error { return nil }

// life writes lines until the disk fails, and tells how many were on it for certain.
func life(d *flaky, from int) (kept int, err error) {
	j, err := open(d, Options{Size: MinSize, Release: "r", Now: clock()})
	if err != nil {
		return 0, err
	}
	w := j.Writer("palmd")
	for i := range 200 {
		fmt.Fprintf(w, "line %d of a journal whose power may go at any moment: level=WARN\n", from+i)
		if err := j.Sync(); err != nil {
			if d.dead {
				return kept, err
			}
			continue // a full disk: the journal waits for better days
		}
		kept = i + 1
	}
	return kept, j.Close("done")
}

// The power goes at every operation in turn. After it, every line that was
// on the disk is there, in order; the lines before the cut are kept aside; and
// the journal goes on.
func TestPowerCut(t *testing.T) {
	whole := &flaky{files: map[string][]byte{}, power: true}
	if _, err := life(whole, 0); err != nil {
		t.Fatal(err)
	}
	for cut := 1; cut <= whole.ops; cut++ {
		d := &flaky{files: map[string][]byte{}, power: true, cut: cut}
		kept, err := life(d, 0)
		if !errors.Is(err, errCut) {
			t.Fatalf("cut at operation %d: %v", cut, err)
		}
		d.dead, d.cut = false, 0
		j, err := open(d, Options{Size: MinSize, Release: "after", Now: clock()})
		if err != nil {
			t.Fatalf("after a cut at operation %d: %v", cut, err)
		}
		all := must(j.all())
		check(t, cut, all, kept)
		if crash := must(j.Crash()); kept > 0 && (len(crash) == 0 || crash[len(crash)-1].Text[:5] != "line ") {
			t.Errorf("cut at operation %d: %d lines before the crash", cut, len(crash))
		}
	}
	t.Logf("%d cuts", whole.ops)
}

// check looks for holes, and for the last line that was kept.
func check(t *testing.T, cut int, all []Line, kept int) {
	t.Helper()
	for i := 1; i < len(all); i++ {
		if all[i].Seq != all[i-1].Seq+1 {
			t.Fatalf("cut at operation %d: line %d comes after line %d", cut, all[i].Seq, all[i-1].Seq)
		}
	}
	if last := all[len(all)-1]; last.Mark != "began" || last.Text != "after" {
		t.Fatalf("cut at operation %d: the last line is %+v", cut, last)
	}
	if kept > 0 && !slices.ContainsFunc(all, func(l Line) bool { return l.Seq == uint64(kept)+1 }) {
		t.Fatalf("cut at operation %d: %d lines were on the disk, and the last one is gone", cut, kept)
	}
}

// Operations fail for a while, as on a full disk. Nobody who logs notices,
// and nothing but what was too much is lost.
func TestFullDisk(t *testing.T) {
	for cut := 8; cut <= 400; cut += 7 {
		d := &flaky{files: map[string][]byte{}, cut: cut}
		if _, err := life(d, 0); err != nil {
			t.Fatalf("operations from %d on fail: %v", cut, err)
		}
		d.cut = 0
		j, err := open(d, Options{Size: MinSize, Now: clock()})
		if err != nil {
			t.Fatal(err)
		}
		all := must(j.all())
		for i := 1; i < len(all); i++ {
			if all[i].Seq != all[i-1].Seq+1 {
				t.Fatalf("operations from %d on fail: line %d comes after line %d", cut, all[i].Seq, all[i-1].Seq)
			}
		}
	}
}
