package tsm

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// kernel behaves as configfs does: a folder comes with its attributes, and a
// report answers what was written last.
type kernel struct {
	dir                string
	in                 []byte
	generation         byte
	intruder           bool // somebody else writes between the reads
	fail               string
	provider, out, aux string
	removed            int
}

var errIO = errors.New("input/output error")

func (k *kernel) trip(op string) error {
	if op == k.fail {
		return errIO
	}
	return nil
}

func (k *kernel) Mkdir(path string) error { k.dir = path; return k.trip("mkdir") }

func (k *kernel) Remove(path string) error {
	if path != k.dir {
		return fs.ErrNotExist
	}
	k.removed++
	return k.trip("remove")
}

func (k *kernel) Write(path string, b []byte) error {
	if path != filepath.Join(k.dir, "inblob") {
		return fs.ErrNotExist
	}
	k.in = bytes.Clone(b)
	k.generation++
	return k.trip("inblob")
}

func (k *kernel) Read(path string, _ int) ([]byte, error) {
	name := filepath.Base(path)
	if err := k.trip(name); err != nil {
		return nil, err
	}
	switch name {
	case "generation":
		return []byte{'0' + k.generation, '\n'}, nil
	case "provider":
		return []byte(k.provider + "\n"), nil
	case "outblob":
		if k.intruder {
			k.generation++
		}
		return append([]byte(k.out), k.in...), nil
	case "auxblob":
		return []byte(k.aux), nil
	}
	return nil, fs.ErrNotExist
}

func TestAsk(t *testing.T) {
	in := [64]byte{1, 2, 3}
	k := &kernel{provider: ProviderTDX, out: "report of ", aux: "certificates"}
	r, err := ask(k, "/root", ProviderTDX, in)
	if err != nil || string(r.Out) != "report of "+string(in[:]) || string(r.Aux) != "certificates" || k.removed != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if !strings.HasPrefix(k.dir, "/root/volar-") {
		t.Errorf("folder %s", k.dir)
	}
	first := k.dir
	if _, err := ask(k, "/root", ProviderTDX, in); err != nil || k.dir == first {
		t.Errorf("a second request in %s, %v", k.dir, err)
	}
	if r, err := ask(k, "/root", ProviderSNP, in); err == nil || r.Out != nil {
		t.Error("a report of another provider")
	}
	k.intruder = true
	if r, err := ask(k, "/root", ProviderTDX, in); err == nil || r.Out != nil {
		t.Error("a report that somebody else asked for")
	}
	for _, op := range []string{"mkdir", "inblob", "generation", "provider", "outblob", "auxblob", "remove"} {
		k := &kernel{provider: ProviderTDX, out: "x", fail: op}
		if r, err := ask(k, "/root", ProviderTDX, in); !errors.Is(err, errIO) || r.Out != nil {
			t.Errorf("%s fails: %v", op, err)
		}
		if op != "mkdir" && k.removed != 1 {
			t.Errorf("%s fails: the request stays", op)
		}
	}
}

// An ordinary machine has no such interface, and says so.
func TestSystem(t *testing.T) {
	if _, err := ask(system{}, filepath.Join(t.TempDir(), "tsm"), ProviderSNP, [64]byte{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	long := filepath.Join(t.TempDir(), "long")
	if err := os.WriteFile(long, make([]byte, 11), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (system{}).Read(long, 10); err == nil {
		t.Error("read 11 bytes where 10 are allowed")
	}
	if b, err := (system{}).Read(long, 11); err != nil || len(b) != 11 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}
