package main

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"

	"volar/enclave/vault"
	"volar/wire"
)

// queue is how many envelopes wait for one worker. A worker that falls
// behind makes the host wait.
const queue = 16

// serve passes envelopes between the link and the vault until the host
// closes the link (nil) or the link fails. Each session has one worker, so
// its envelopes stay in order.
func serve(ctx context.Context, link io.ReadWriter, v *vault.Vault) error {
	var writing sync.Mutex
	send := func(b []byte) error {
		writing.Lock()
		defer writing.Unlock()
		return wire.WriteFrame32(link, b)
	}
	workers := make([]chan []byte, runtime.GOMAXPROCS(0))
	var busy sync.WaitGroup
	for i := range workers {
		in := make(chan []byte, queue)
		workers[i] = in
		busy.Go(func() {
			for b := range in {
				if out := v.Handle(ctx, b); out != nil {
					_ = send(out) // a host that no longer reads has closed: the reader notices
				}
			}
		})
	}
	err := dispatch(link, workers)
	for _, in := range workers {
		close(in)
	}
	busy.Wait()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// dispatch reads envelopes and gives each to its session's worker.
func dispatch(link io.Reader, workers []chan []byte) error {
	for {
		b, err := wire.ReadFrame32(link, wire.MaxEnvelope)
		if err != nil {
			return err
		}
		e, err := wire.DecodeEnvelope(b)
		if err != nil {
			return err // the host speaks another language
		}
		workers[e.Session%uint64(len(workers))] <- b
	}
}
