package memory

import (
	"errors"
	"fmt"
	"iter"
	"math/bits"
)

// Sizes of an Array's chunks in bytes, about. They double up to a size at which what
// is mapped and not yet used no longer matters.
const (
	leastChunk   = 64 << 10
	largestChunk = 32 << 20
)

// An Array is records of one size in Regions that stay where they are when it grows.
// The zero value holds nothing and cannot grow: see NewArray. Resize and Close must
// not run beside anything else; records are as safe as any slice.
type Array struct {
	record int // bytes
	length int // records
	shift  int // chunk k has 1<<(shift+k) records,
	steps  int // up to chunk steps; all after it are as large
	chunks []*Region
}

// NewArray makes an empty array of records of so many bytes.
func NewArray(record int) *Array {
	if record <= 0 || record > largestChunk {
		panic(fmt.Sprintf("memory: array: records of %d bytes", record))
	}
	a := &Array{record: record, shift: log2(max(leastChunk/record, 1))}
	a.steps = max(log2(largestChunk/record)-a.shift, 0)
	return a
}

func log2(n int) int { return bits.Len(uint(n)) - 1 }

// locate finds record i: its chunk, and its place there.
func (a *Array) locate(i int) (chunk, at int) {
	k := log2(i>>a.shift + 1)
	if k > a.steps {
		i -= a.start(a.steps)
		return a.steps + i>>(a.shift+a.steps), i & (1<<(a.shift+a.steps) - 1)
	}
	return k, i - a.start(k)
}

// start is the first record of a chunk.
func (a *Array) start(chunk int) int {
	k := min(chunk, a.steps)
	return (1<<k-1)<<a.shift + (chunk-k)<<(a.shift+a.steps)
}

// size is the number of records of a chunk.
func (a *Array) size(chunk int) int { return 1 << (a.shift + min(chunk, a.steps)) }

// Len is the number of records.
func (a *Array) Len() int { return a.length }

// At is record i: its bytes stay where they are until the array shrinks below it.
func (a *Array) At(i int) []byte {
	if i < 0 || i >= a.length {
		panic(fmt.Sprintf("memory: array: record %d of %d", i, a.length))
	}
	chunk, at := a.locate(i)
	return a.chunks[chunk].Bytes()[at*a.record:][:a.record:a.record]
}

// Resize makes the array n records long. New records are zeros; those that are dropped are
// overwritten. After an error the array is as it was.
func (a *Array) Resize(n int) error {
	if n < 0 || a.record == 0 {
		return fmt.Errorf("memory: array: resize to %d records", n)
	}
	had := len(a.chunks)
	for n > a.start(len(a.chunks)) {
		r, err := Map(a.size(len(a.chunks)) * a.record)
		if err != nil {
			return errors.Join(err, a.drop(had))
		}
		a.chunks = append(a.chunks, r)
	}
	for i := n; i < a.length; i++ {
		clear(a.At(i))
	}
	a.length = n
	keep := 0
	for keep < len(a.chunks) && a.start(keep) < n {
		keep++
	}
	return a.drop(keep)
}

// drop closes the chunks from one on.
func (a *Array) drop(from int) (err error) {
	for _, r := range a.chunks[from:] {
		err = errors.Join(err, r.Close())
	}
	a.chunks = a.chunks[:from]
	return err
}

// Chunks yields the records in order in as few slices as they lie in, each with the
// index of its first record.
func (a *Array) Chunks() iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for k, r := range a.chunks {
			first := a.start(k)
			if n := min(a.length-first, a.size(k)); n <= 0 || !yield(first, r.Bytes()[:n*a.record]) {
				return
			}
		}
	}
}

// Size is what the array takes in memory, in bytes.
func (a *Array) Size() (n int) {
	for _, r := range a.chunks {
		n += len(r.Bytes())
	}
	return n
}

// Locked says whether all of the array is kept from being swapped out.
func (a *Array) Locked() bool {
	for _, r := range a.chunks {
		if !r.Locked() {
			return false
		}
	}
	return true
}

// Wipe overwrites all records with zeros.
func (a *Array) Wipe() {
	for _, r := range a.chunks {
		r.Wipe()
	}
}

// Close wipes the array and gives its memory back. It is empty then, and may grow again.
func (a *Array) Close() error {
	a.length = 0
	return a.drop(0)
}
