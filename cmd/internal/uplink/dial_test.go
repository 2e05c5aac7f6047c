package uplink

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"volar/enclave/attest"
	"volar/hal"
	"volar/wire/link"
)

// shelf is a store of one value, or one that fails.
type shelf struct {
	value []byte
	err   error
}

func (s shelf) Get(string) ([]byte, error) { return s.value, s.err }
func (s shelf) Put(string, []byte) error   { return s.err }
func (s shelf) Delete(string) error        { return s.err }

// A unit that never wrote a record has none; one whose record is empty or
// cannot be read has lost it, which is not the same.
func TestRecall(t *testing.T) {
	broken := errors.New("broken flash")
	if b, err := recall(shelf{err: hal.ErrNotFound}); b != nil || err != nil {
		t.Errorf("never written: %x, %v", b, err)
	}
	if b, err := recall(shelf{value: []byte{1}}); len(b) != 1 || err != nil {
		t.Errorf("written: %x, %v", b, err)
	}
	if _, err := recall(shelf{}); err == nil {
		t.Error("an empty record counts as none")
	}
	if _, err := recall(shelf{err: broken}); !errors.Is(err, broken) {
		t.Errorf("unreadable: %v", err)
	}
}

func TestReadPolicy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy")
	if _, err := readPolicy(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, make([]byte, 2*attest.MaxPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := readPolicy(path); err != nil || len(b) != attest.MaxPolicy+1 {
		t.Errorf("a long file: %d bytes, %v", len(b), err)
	}
}

func TestDialerNeedsAll(t *testing.T) {
	c, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	key, err := link.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Dialer(key, nil, nil); err == nil {
		t.Error("without a store")
	}
	if _, err := c.Dialer(nil, shelf{}, nil); err == nil {
		t.Error("without an identity")
	}
	if _, err := (&Config{}).Dialer(key, shelf{}, nil); err == nil {
		t.Error("without a configuration")
	}
}

// A policy's path begins at the folder of the configuration.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "unit.toml")
	if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil || c.Policy != filepath.Join(dir, "policy") {
		t.Errorf("%+v, %v", c, err)
	}
}
