package main

import "testing"

// From the machine's start to the first evidence that a device accepts: the
// TPM comes up, the vault is measured, opens an empty gallery, and answers.
func BenchmarkLaunch(b *testing.B) {
	box := newBox(b)
	for b.Loop() {
		r := box.start()
		s, err := r.dial()
		if err != nil {
			b.Fatalf("%v; the vault said: %s", err, r.said)
		}
		b.StopTimer()
		s.Close()
		r.stop()
		b.StartTimer()
	}
}
