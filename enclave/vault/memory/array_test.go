package memory

import (
	"bytes"
	"testing"
)

func TestArray(t *testing.T) {
	for _, record := range []int{1, 24, 1024, 4612, 65536, 100_000} {
		a := NewArray(record)
		number := func(i int) []byte {
			b := make([]byte, record)
			b[record/2], b[record-1] = byte(i>>8), byte(i*7+1)
			return b
		}
		most := min(40*leastChunk/record+3, 30_000)
		var homes []*byte
		for n := range most {
			if err := a.Resize(n + 1); err != nil {
				t.Fatal(err)
			}
			copy(a.At(n), number(n))
			homes = append(homes, &a.At(n)[0])
		}
		for i := range most {
			if !bytes.Equal(a.At(i), number(i)) {
				t.Fatalf("records of %d bytes: record %d is lost", record, i)
			}
			if homes[i] != &a.At(i)[0] {
				t.Fatalf("records of %d bytes: record %d has moved", record, i)
			}
		}
		next := 0
		for first, chunk := range a.Chunks() {
			if first != next || len(chunk)%record != 0 || &chunk[0] != homes[first] {
				t.Fatalf("records of %d bytes: a chunk of %d bytes at %d, want %d", record, len(chunk), first, next)
			}
			next += len(chunk) / record
		}
		if next != most || a.Len() != most || a.Size() < most*record {
			t.Errorf("records of %d bytes: the chunks hold %d of %d", record, next, most)
		}

		kept := a.At(most / 3)
		if err := a.Resize(most/3 + 1); err != nil {
			t.Fatal(err)
		}
		if err := a.Resize(most); err != nil {
			t.Fatal(err)
		}
		if &kept[0] != &a.At(most / 3)[0] || !bytes.Equal(kept, number(most/3)) {
			t.Error("shrinking has touched what was to stay")
		}
		for i := most/3 + 1; i < most; i++ {
			if !bytes.Equal(a.At(i), make([]byte, record)) {
				t.Fatalf("records of %d bytes: record %d came back", record, i)
			}
		}
		if err := a.Close(); err != nil || a.Len() != 0 || a.Size() != 0 {
			t.Error("closed, and yet there:", err, a.Len(), a.Size())
		}
	}
}

// Chunks double and then stay at one size, and every record has one place.
func TestArrayPlaces(t *testing.T) {
	for _, record := range []int{1, 24, 1024, 4612, 1 << 20, 20 << 20} {
		a := NewArray(record)
		at, chunk := 0, 0
		for i := 0; chunk < a.steps+3; i += max(1, a.size(chunk)/5) {
			for i >= at+a.size(chunk) {
				at += a.size(chunk)
				chunk++
			}
			if k, j := a.locate(i); k != chunk || j != i-at || a.start(k) != at {
				t.Fatalf("records of %d bytes: record %d in chunk %d at %d (from %d), want chunk %d at %d (from %d)",
					record, i, k, j, a.start(k), chunk, i-at, at)
			}
		}
		if size := a.size(a.steps) * record; size > largestChunk || a.steps > 0 && 4*size < largestChunk {
			t.Errorf("records of %d bytes: the largest chunk has %d bytes", record, size)
		}
	}
}

func TestArrayMisuse(t *testing.T) {
	a := NewArray(16)
	for name, f := range map[string]func(){
		"beyond":    func() { a.At(0) },
		"before":    func() { a.At(-1) },
		"no record": func() { NewArray(0) },
		"too large": func() { NewArray(largestChunk + 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
	if a.Resize(-1) == nil {
		t.Error("a negative length was taken")
	}
}
