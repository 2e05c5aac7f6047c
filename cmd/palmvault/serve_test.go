package main

import (
	"context"
	"crypto/ed25519"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"volar/enclave/attest/simulated"
	"volar/enclave/vault"
	"volar/enclave/vault/gallery"
	"volar/wire"
	"volar/wire/link"
)

// A session whose answer waits for its tick holds up no other, however many
// there are: all are answered on the same one.
func TestSessionsDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := simulated.New(simulated.Config{Key: operator, Sealing: [32]byte{4}, Measurement: [32]byte{5}, Persist: func(uint64) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		r := &running{t: t, devices: map[uint64]net.Conn{}, blobs: map[string][]byte{}}
		blobs, theirBlobs := net.Pipe()
		go r.store(theirBlobs)
		v, err := vault.New(context.Background(), vault.Config{Platform: p, Blobs: gallery.NewRemote(blobs), FPIR: 1e-4,
			Tenants: []vault.Tenant{{Name: "acme", Operator: [32]byte(operator.Public().(ed25519.PublicKey))}}})
		if err != nil {
			t.Fatal(err)
		}
		sessions, theirs := net.Pipe()
		r.sessions = sessions
		served := make(chan error, 1)
		go func() { served <- serve(context.Background(), theirs, v) }()
		go r.carry()
		var devices []*link.Session
		for range 24 {
			devices = append(devices, r.dial())
		}
		began := time.Now()
		var busy sync.WaitGroup
		for i, s := range devices {
			busy.Go(func() {
				if _, err := r.wave(s, wire.Identify, wire.Person{}, wire.Left, byte(i)); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took != vault.Tick {
					t.Errorf("session %d was answered after %v, want %v", i, took, vault.Tick)
				}
			})
		}
		busy.Wait()
		for _, s := range devices {
			s.Close()
		}
		sessions.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
		blobs.Close()
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, far := range r.devices {
			far.Close()
		}
	})
}
