package main

// readFast reads n times 512 bytes, n at least 1.
//
//go:noescape
func readFast(b *byte, n int) uint64
