package stack

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"volar/enclave/attest"
	"volar/wire"
	"volar/wire/link"
)

// TestStack starts the real processes and speaks to them as a device would.
func TestStack(t *testing.T) {
	bin := os.Getenv("VOLAR_BIN")
	if bin == "" {
		t.Skip("VOLAR_BIN does not name the folder of the built programs; make test sets it")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := Start(ctx, Options{Bin: bin, Dir: awkward(t), Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	key, err := link.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	unit, err := s.Unit("test", key.Public())
	if err != nil {
		t.Fatal(err)
	}
	warned := ""
	dial, err := unit.Dialer(key, scratch{}, func(s string) { warned = s })
	if err != nil {
		t.Fatal(err)
	}
	session, err := dial(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if warned == "" {
		t.Error("the evidence of a machine that measured nothing was accepted without a word")
	}
	answer, err := session.Call(ctx, wire.Begin{Purpose: wire.Identify})
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := answer.(wire.Challenge); !ok || c.Nonce == (wire.Nonce{}) {
		t.Errorf("begin was answered by %T", answer)
	}

	unit.Development = false
	strict, err := unit.Dialer(key, scratch{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := strict(ctx); !errors.Is(err, attest.ErrPolicyDevelopment) {
		if err == nil {
			s.Close()
		}
		t.Errorf("a unit that is not for development took a policy that is: %v", err)
	}

	reply, err := http.Get("http://" + s.Metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		t.Errorf("metrics: %s", reply.Status)
	}
}

// awkward is a folder that a careless command line would take apart.
func awkward(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "a unit's files")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}
