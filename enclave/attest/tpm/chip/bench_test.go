package chip

import (
	"context"
	"testing"

	"volar/enclave/attest"
)

// The costs of a TPM made of software: a chip takes 10 to 100 times as long.

func BenchmarkStart(b *testing.B) {
	board := newBoard(b)
	board.setUp()
	for b.Loop() {
		b.StopTimer()
		board.restart()
		l := board.launch(program)
		b.StartTimer()
		_, err := board.chip.Start(l)
		must(b, err)
	}
}

func BenchmarkSeal(b *testing.B) {
	_, p := started(b)
	for b.Loop() {
		_, err := p.Seal(context.Background(), 1, kek)
		must(b, err)
	}
}

func BenchmarkUnseal(b *testing.B) {
	_, p := started(b)
	blob, err := p.Seal(context.Background(), 0, kek)
	must(b, err)
	for b.Loop() {
		_, err := p.Unseal(context.Background(), 0, blob)
		must(b, err)
	}
}

func BenchmarkCommit(b *testing.B) {
	_, p := started(b)
	n := uint64(0)
	for b.Loop() {
		n++
		must(b, p.Commit(context.Background(), n))
	}
}

func BenchmarkEvidence(b *testing.B) {
	_, p := bound(b)
	for b.Loop() {
		_, err := p.Evidence(context.Background(), [64]byte{})
		must(b, err)
	}
}

// What a device pays.
func BenchmarkVerify(b *testing.B) {
	board, p := bound(b)
	policy := board.policy()
	e, err := p.Evidence(context.Background(), attest.ReportData(vault, nonce, 0, "acme"))
	must(b, err)
	for b.Loop() {
		_, err := verify(b, e, policy)
		must(b, err)
	}
}
