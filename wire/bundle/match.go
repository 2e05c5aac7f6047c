package bundle

import "bytes"

// Finding what two systems share: an index of the base by a rolling hash of
// its blocks, as rsync has it (Tridgell, 1999), and then runs that are as long
// as they can be.

// block is the length of what is indexed, in bytes. Files in a root lie on
// 4,096, those in an initramfs on 4, so the other side is looked at at every byte.
const block = 2 << 10

// leastRun is the shortest run that is copied rather than packed: a segment
// costs 29 bytes and the unit a read.
const leastRun = 64 << 10

// run says that size bytes at at are those of the base at from.
type run struct{ at, from, size int64 }

// prime of the rolling hash, which is a polynomial modulo 2^64. A collision
// costs a comparison and nothing else.
const prime = 0x9e3779b97f4a7c15

func hashBlock(b []byte) (h uint64) {
	for _, c := range b[:block] {
		h = h*prime + uint64(c) + 1
	}
	return h
}

// index is where each block of the base begins, by its hash. Of equal blocks
// it keeps the first.
type index struct {
	base []byte
	at   map[uint64]int64
	some []uint64 // a bit for each of the low 24 bits of the hashes: most bytes are asked for in vain
	top  uint64   // prime to the power of block
}

func newIndex(base []byte) *index {
	x := &index{base: base, at: map[uint64]int64{}, some: make([]uint64, 1<<18), top: 1}
	for range block {
		x.top *= prime
	}
	for at := 0; at+block <= len(base); at += block {
		h := hashBlock(base[at:])
		if _, ok := x.at[h]; !ok {
			x.at[h] = int64(at)
			x.some[h>>6&(1<<18-1)] |= 1 << (h & 63)
		}
	}
	return x
}

// runs lists what now shares with the base, in the order of now, without
// overlaps, each at least a block long.
func (x *index) runs(now []byte) (list []run) {
	var at, end int64 // end of the last run
	var h uint64
	fresh := true // h is not that of at
	for at+block <= int64(len(now)) {
		if fresh {
			h, fresh = hashBlock(now[at:]), false
		}
		if from, ok := x.find(h, now[at:at+block], list, at); ok {
			r := x.extend(now, at, from, end)
			list = append(list, r)
			at = r.at + r.size
			end, fresh = at, true
			continue
		}
		if at+block < int64(len(now)) {
			h = h*prime + uint64(now[at+block]) + 1 - x.top*(uint64(now[at])+1)
		}
		at++
	}
	return list
}

// find tells where the base has the bytes b. It prefers to go on as the last
// run did, so that a page of zeros in the middle of a file leads nowhere else.
func (x *index) find(h uint64, b []byte, list []run, at int64) (int64, bool) {
	if x.some[h>>6&(1<<18-1)]&(1<<(h&63)) == 0 {
		return 0, false
	}
	from, ok := x.at[h]
	if !ok || !bytes.Equal(x.base[from:from+block], b) {
		return 0, false
	}
	if n := len(list); n > 0 {
		last := list[n-1]
		if on := last.from + at - last.at; on >= 0 && on+block <= int64(len(x.base)) && bytes.Equal(x.base[on:on+block], b) {
			return on, true
		}
	}
	return from, true
}

// extend makes a run as long as it can be, not beginning before least.
func (x *index) extend(now []byte, at, from, least int64) run {
	r := run{at, from, block}
	for r.at > least && r.from > 0 && now[r.at-1] == x.base[r.from-1] {
		r.at--
		r.from--
		r.size++
	}
	for r.at+r.size < int64(len(now)) && r.from+r.size < int64(len(x.base)) && now[r.at+r.size] == x.base[r.from+r.size] {
		r.size++
	}
	return r
}
