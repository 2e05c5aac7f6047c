package main

import "volar/enclave/vault/kernel"

//go:noescape
func readWide(b *byte, n int) uint64

//go:noescape
func readNarrow(b *byte, n int) uint64

// readFast reads n times 512 bytes, n at least 1.
func readFast(b *byte, n int) uint64 {
	if kernel.Active() == kernel.AVX512 {
		return readWide(b, n)
	}
	return readNarrow(b, n)
}
