package bootstate

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"testing"
)

// sum is a block with the given variables and the right checksum.
func sum(text string) []byte {
	b := make([]byte, Size)
	copy(b[4:], text)
	binary.LittleEndian.PutUint32(b, crc32.ChecksumIEEE(b[4:]))
	return b
}

var errCut = errors.New("the power was cut")

// torn is a partition whose power goes in the middle of write number cut:
// of the bytes of that write, the first half arrives.
type torn struct {
	b    []byte
	cut  int
	gone bool
}

func (d *torn) ReadAt(p []byte, at int64) (int, error) {
	if d.gone {
		return 0, errCut
	}
	return copy(p, d.b[at:]), nil
}

func (d *torn) WriteAt(p []byte, at int64) (int, error) {
	if d.gone {
		return 0, errCut
	}
	if d.cut--; d.cut == 0 {
		d.gone = true
		copy(d.b[at:], p[:40]) // in the middle of the variables
		return 0, errCut
	}
	return copy(d.b[at:], p), nil
}

func (d *torn) Sync() error {
	if d.gone {
		return errCut
	}
	return nil
}

func disk(t *testing.T, s State) *torn {
	t.Helper()
	b, err := Image(s)
	if err != nil {
		t.Fatal(err)
	}
	return &torn{b: b}
}

func read(t *testing.T, d *torn) (State, int) {
	t.Helper()
	s, from, err := Read(d)
	if err != nil {
		t.Fatal(err)
	}
	return s, from
}

// The power goes in every write, again and again on the same partition: the
// state is always the old one or the new one.
func TestWriteIsWhole(t *testing.T) {
	now := Default()
	d := disk(t, now)
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		next := states()[round%len(states())]
		cut := 1 + r.IntN(3) // the third write does not come
		d.gone, d.cut = false, cut
		_, from := read(t, d)
		err := Write(d, next, from)
		if cut == 3 && err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		d.gone, d.cut = false, 0
		got, from := read(t, d)
		if got != now && got != next || from < 0 {
			t.Fatalf("round %d: from %+v to %+v the power was cut, and now it is %+v (copy %d)", round, now, next, got, from)
		}
		if err == nil && got != next {
			t.Fatalf("round %d: written, and not there", round)
		}
		now = got
	}
}

// What does not read back was not written.
func TestWriteReadsBack(t *testing.T) {
	d := disk(t, Default())
	if err := Write(lossy{d}, State{"b", Slot{Good, 0}, Slot{Trial, 3}}, 0); err == nil {
		t.Error("a write that the disk forgot is no error")
	}
	if got, _ := read(t, d); got != Default() {
		t.Errorf("the state is %+v", got)
	}
}

// lossy says that it wrote.
type lossy struct{ *torn }

func (lossy) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

func TestRead(t *testing.T) {
	want := State{"b", Slot{Bad, 0}, Slot{Good, 0}}
	d := disk(t, want)
	d.b[Offsets[0]+9] ^= 1
	if s, from := read(t, d); s != want || from != 1 {
		t.Errorf("with copy 0 broken: %+v from %d", s, from)
	}
	d.b[Offsets[1]+9] ^= 1
	if s, from := read(t, d); s != Default() || from != -1 {
		t.Errorf("with both broken: %+v from %d", s, from)
	}
	d.gone = true
	if s, _, err := Read(d); !errors.Is(err, errCut) || s != (State{}) {
		t.Errorf("a partition that cannot be read: %+v, %v", s, err)
	}
}

func TestRepair(t *testing.T) {
	want := State{"b", Slot{Bad, 0}, Slot{Trial, 2}}
	for _, broken := range [][]int{{}, {0}, {1}, {0, 1}} {
		d := disk(t, want)
		for _, i := range broken {
			d.b[Offsets[i]+9] ^= 1
		}
		s, repaired, err := Repair(d)
		if err != nil || repaired != (len(broken) > 0) {
			t.Errorf("broken %v: repaired %v, %v", broken, repaired, err)
		}
		wish := want
		if len(broken) == 2 {
			wish = Default()
		}
		for _, at := range Offsets {
			if got, err := Parse(d.b[at : at+Size]); err != nil || got != wish || s != wish {
				t.Errorf("broken %v: the copy at %d is %+v, %v", broken, at, got, err)
			}
		}
	}
	// A copy that is whole and older is replaced by the one that counts.
	d := disk(t, want)
	copy(d.b[Offsets[1]:], block(t, Default()))
	if s, repaired, err := Repair(d); s != want || !repaired || err != nil {
		t.Errorf("with an older second copy: %+v, %v, %v", s, repaired, err)
	}
	if got, err := Parse(d.b[Offsets[1] : Offsets[1]+Size]); err != nil || got != want {
		t.Errorf("the second copy is %+v, %v", got, err)
	}
}
