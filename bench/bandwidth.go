package main

import (
	"encoding/binary"
	"runtime"

	"volar/enclave/vault/kernel"
	"volar/enclave/vault/memory"
)

// What is scanned to measure is far larger than the caches of one's own, and read in
// segments, so that a disturbance spoils a segment and not the run.
const (
	arraySize   = 1 << 30
	segmentSize = 32 << 20
	segments    = arraySize / segmentSize
	rounds      = 7
)

// array gives memory as the gallery has it: outside of the heap, in huge pages, locked.
func array() (*memory.Region, error) {
	r, err := memory.Map(arraySize)
	if err != nil {
		return nil, err
	}
	fill(r.Bytes())
	return r, nil
}

// fill writes what looks random and is not all one page.
func fill(b []byte) {
	x := uint64(0x9e3779b97f4a7c15)
	for i := 0; i+8 <= len(b); i += 8 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		binary.LittleEndian.PutUint64(b[i:], x)
	}
}

// segment is one of the segments of an array.
func segment(b []byte, i int) []byte { return b[i*segmentSize:][:segmentSize] }

// bandwidth is the bar for the scans: how fast one core can read at all.
func bandwidth(b *bench) error {
	r, err := array()
	if err != nil {
		return err
	}
	defer r.Close()
	t := best(rounds, segments, func(i int) { read(segment(r.Bytes(), i)) })
	b.read = arraySize / t[0]
	note := "1 GiB, " + pages(r)
	b.add("read, one core", b.read/1e9, "GB/s", note)
	return nil
}

// pages says how the memory is mapped.
func pages(r *memory.Region) string {
	if r.Locked() {
		return "locked, huge pages asked for"
	}
	return "not locked: the limit on locked memory is too low"
}

// read adds up some of the bytes as fast as this machine reads.
func read(b []byte) uint64 {
	const step = 512
	if kernel.Active() != kernel.Plain {
		return readFast(&b[0], len(b)/step)
	}
	var sum uint64
	for ; len(b) >= step; b = b[step:] {
		for i := 0; i < step; i += 8 {
			sum += binary.LittleEndian.Uint64(b[i:])
		}
	}
	return sum
}

// needBandwidth measures the bandwidth where only another part was asked for.
func (b *bench) needBandwidth() error {
	if b.read > 0 {
		return nil
	}
	runtime.GC()
	return bandwidth(b)
}
