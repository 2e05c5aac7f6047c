package broker

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"volar/enclave/attest"
	"volar/enclave/attest/simulated"
	"volar/wire"
)

var _ Platform = (*simulated.Platform)(nil)

// connect is a client with a simulated platform at the other end.
func connect(t *testing.T) (*Client, net.Conn, chan error) {
	t.Helper()
	p, err := simulated.New(simulated.Config{Key: ed25519.NewKeyFromSeed(make([]byte, 32)), Sealing: [32]byte{1}, Measurement: [32]byte{2}, Persist: func(uint64) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	served := make(chan error, 1)
	go func() {
		err := Serve(context.Background(), far, p)
		far.Close()
		served <- err
	}()
	return NewClient(near), near, served
}

// Everything that a platform does works over the pipe, and what it refuses is refused.
func TestPlatformOverPipe(t *testing.T) {
	ctx := context.Background()
	c, pipe, served := connect(t)
	sealed, err := c.Seal(ctx, 1, []byte("secret"))
	if err != nil || bytes.Contains(sealed, []byte("secret")) {
		t.Fatalf("seal: %x, %v", sealed, err)
	}
	if _, err := c.Unseal(ctx, 1, sealed); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "counter") {
		t.Errorf("unseal before its epoch: %v", err)
	}
	if err := c.Commit(ctx, 1); err != nil {
		t.Error(err)
	}
	if err := c.Commit(ctx, 1); !errors.Is(err, ErrRefused) {
		t.Errorf("commit twice: %v", err)
	}
	if n, err := c.Epoch(ctx); n != 1 || err != nil {
		t.Errorf("epoch %d, %v", n, err)
	}
	if b, err := c.Unseal(ctx, 1, sealed); err != nil || string(b) != "secret" {
		t.Errorf("unseal: %q, %v", b, err)
	}
	if _, err := c.Evidence(ctx, [64]byte{}); !errors.Is(err, ErrRefused) {
		t.Errorf("evidence without a key: %v", err)
	}
	if err := c.Bind(ctx, [32]byte{3}); err != nil {
		t.Error(err)
	}
	if err := c.Bind(ctx, [32]byte{3}); !errors.Is(err, ErrRefused) {
		t.Errorf("bind twice: %v", err)
	}
	if _, err := c.Unseal(ctx, 1, sealed); !errors.Is(err, ErrRefused) {
		t.Errorf("unseal with a key bound: %v", err)
	}
	e, err := c.Evidence(ctx, [64]byte{})
	if err != nil || e.Kind != attest.KindSimulated {
		t.Errorf("evidence %q, %v", e.Kind, err)
	}
	if _, err := c.Seal(ctx, 2, make([]byte, MaxSecret+1)); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("a secret that is too long: %v", err)
	}
	pipe.Close()
	if err := <-served; err != nil {
		t.Errorf("the end: %v", err)
	}
	if _, err := c.Epoch(ctx); err == nil {
		t.Error("a closed pipe answers")
	}
}

// A context that is over asks for nothing.
func TestContext(t *testing.T) {
	c, _, _ := connect(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Commit(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if n, err := c.Epoch(context.Background()); n != 0 || err != nil {
		t.Errorf("epoch %d, %v", n, err)
	}
}

// Bytes that are no request end the service, whatever they are.
func TestServeRefuses(t *testing.T) {
	bind := "84010100" + "5820" + strings.Repeat("00", 32)
	for name, h := range map[string]string{
		"empty map":       "a0",
		"version 2":       "8402030040",
		"unknown op":      "8401070040",
		"op 0":            "8401000040",
		"short key":       "8401010041ff",
		"epoch with data": "8401030041ff",
		"null data":       "84010300f6",
		"five fields":     "850103004000",
		"three fields":    "83010300",
		"long integer":    "8401031800" + "40",
		"trailing":        bind + "00",
		"indefinite":      "9f01030040ff",
		"tag":             "84010300c140",
		"huge":            "840103005b7fffffffffffffff",
		"no secret":       "8401040140",
	} {
		b, err := hex.DecodeString(h)
		if err != nil {
			t.Fatal(err)
		}
		_, pipe, served := connect(t)
		if err := wire.WriteFrame32(pipe, b); err != nil {
			t.Fatal(err)
		}
		if err := <-served; !errors.Is(err, errMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good, err := hex.DecodeString(bind)
	if err != nil {
		t.Fatal(err)
	}
	if q, err := decode[request](good); err != nil || q.Op != opBind {
		t.Errorf("%+v, %v", q, err)
	}
}

// A launcher that answers nonsense is not asked again.
func TestClientRefuses(t *testing.T) {
	for name, b := range map[string][]byte{
		"garbage":         []byte("garbage"),
		"request":         {0x84, 1, 3, 0, 0x40},
		"error with data": {0x84, 1, 0x61, 'e', 0, 0x41, 1},
		"other version":   {0x84, 2, 0x60, 0, 0x40},
	} {
		near, far := net.Pipe()
		go func() {
			_, _ = wire.ReadFrame32(far, maxFrame)
			_ = wire.WriteFrame32(far, b)
			_, _ = io.Copy(io.Discard, far)
		}()
		c := NewClient(near)
		if _, err := c.Epoch(context.Background()); !errors.Is(err, errMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := c.Epoch(context.Background()); err == nil || !strings.Contains(err.Error(), "broken before") {
			t.Errorf("%s, then: %v", name, err)
		}
	}
}

// Whatever decodes is in the one encoding.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x84, 1, 3, 0, 0x40})
	f.Add([]byte{0x84, 1, 0x60, 0, 0x40})
	f.Add([]byte{0x84, 1, 0x61, 'e', 0, 0x40})
	f.Fuzz(func(t *testing.T, b []byte) {
		if q, err := decode[request](b); err == nil {
			if again, err := encode(q); err != nil || !bytes.Equal(again, b) {
				t.Fatalf("%x is a request and encodes as %x, %v", b, again, err)
			}
		}
		if r, err := decode[reply](b); err == nil {
			if again, err := encode(r); err != nil || !bytes.Equal(again, b) {
				t.Fatalf("%x is a reply and encodes as %x, %v", b, again, err)
			}
		}
	})
}
