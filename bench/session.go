package main

import (
	"context"
	"net"

	"volar/liveness/living"
	"volar/wire"
	"volar/wire/link"
)

// sealedSession measures what a wave costs beside the matching: the messages
// of one wave through a Noise session, against the same messages in the clear.
func sealedSession(b *bench) error {
	s, err := openSession()
	if err != nil {
		return err
	}
	defer s.Close()
	sample := living.Sample(wire.Nonce{1}, wire.Left, 3, 1)
	var failed error
	call := func(m wire.Message) {
		if _, err := s.Call(context.Background(), m); err != nil {
			failed = err
		}
	}
	wave, err := repeated(200, func(int) error {
		call(wire.Begin{Purpose: wire.Identify})
		call(sample)
		return failed
	})
	if err != nil {
		return err
	}
	open, err := repeated(200, func(int) error {
		for _, m := range []wire.Message{wire.Begin{Purpose: wire.Identify}, wire.Challenge{Nonce: sample.Nonce}, sample, wire.Answer{}} {
			text, err := wire.Encode(m)
			if err == nil {
				_, err = wire.Decode(text)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	b.add("identify: the messages of a wave, sealed", ms(wave), "ms", "both ends, in one process; matching comes on top: see identify")
	b.add("identify: the same messages, encoded and not sealed", ms(open), "ms", "")
	return nil
}

// openSession is a session between a device and an end that answers at once.
func openSession() (*link.Session, error) {
	device, err := link.GenerateKey()
	if err != nil {
		return nil, err
	}
	vault, err := link.GenerateKey()
	if err != nil {
		return nil, err
	}
	r, err := link.NewResponder(link.ServerConfig{Key: vault,
		Evidence:  func(context.Context, wire.Hello) ([]byte, error) { return []byte("evidence"), nil },
		Authorise: func(wire.Hello, [32]byte, []byte) error { return nil }})
	if err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		for {
			frame, err := wire.ReadFrame16(far)
			if err != nil {
				return
			}
			out, m, err := r.Receive(context.Background(), frame)
			switch m.(type) {
			case wire.Begin:
				out, err = r.Reply(wire.Challenge{Nonce: wire.Nonce{1}})
			case wire.Sample:
				out, err = r.Reply(wire.Answer{})
			}
			if err != nil || out != nil && wire.WriteFrame16(far, out) != nil {
				return
			}
		}
	}()
	return link.Dial(context.Background(), near, link.ClientConfig{Tenant: "acme", Static: device, Credential: []byte("credential"),
		Verify: func([]byte, [32]byte) ([32]byte, error) { return vault.Public(), nil }})
}
