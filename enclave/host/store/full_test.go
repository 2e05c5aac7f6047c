package store

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"volar/wire"
)

// fill Applies until an error comes, and gives it with the last step that was acknowledged.
func fill(s *Store, from, most int) (acknowledged int, err error) {
	for n := from; n <= most; n++ {
		puts, deletes := step(n)
		puts = append(puts, wire.Blob{Key: fmt.Sprintf("ballast/%d", n), Value: make([]byte, 20_000)})
		if err := s.Apply(context.Background(), puts, deletes); err != nil {
			return n - 1, err
		}
	}
	return most, nil
}

// withoutBallast checks that exactly the acknowledged steps are there.
func withoutBallast(t *testing.T, s *Store, acknowledged int) {
	t.Helper()
	got, want := content(t, s), after(acknowledged)
	for n := 1; n <= acknowledged; n++ {
		want[fmt.Sprintf("ballast/%d", n)] = string(make([]byte, 20_000))
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("acknowledged %s is lost", key)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d keys, want %d", len(got), len(want))
	}
}

func TestFullDiskIsAnErrorAndPasses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blobs.db")
	s := open(t, path)
	if err := s.exec(context.Background(), "PRAGMA max_page_count=60"); err != nil {
		t.Fatal(err)
	}
	n, err := fill(s, 1, 1000)
	if !errors.Is(err, ErrFull) {
		t.Fatalf("after %d steps: %v", n, err)
	}
	withoutBallast(t, s, n)
	if _, err := fill(s, n+1, n+1); !errors.Is(err, ErrFull) {
		t.Errorf("still full: %v", err)
	}
	if err := s.exec(context.Background(), "PRAGMA max_page_count=10000"); err != nil {
		t.Fatal(err)
	}
	if _, err := fill(s, n+1, n+5); err != nil {
		t.Fatalf("with space again: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	withoutBallast(t, open(t, path), n+5)
}

// A write that fails in the middle of an Apply: the limit on the size of a
// file makes the kernel refuse it, as a broken disk would.
func TestFailingDiskStopsAllWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blobs.db")
	s := open(t, path)
	n, err := fill(s, 1, 5)
	if err != nil {
		t.Fatal(err)
	}
	limitFiles(t, 300_000, func() { n, err = fill(s, n+1, 1000) })
	if !errors.Is(err, ErrIO) {
		t.Fatalf("after %d steps: %v", n, err)
	}
	if _, err := fill(s, n+1, n+1); !errors.Is(err, ErrBroken) {
		t.Errorf("the disk works again, but what it holds is unknown: %v", err)
	}
	if _, found, err := s.Get(context.Background(), "head"); err != nil || !found {
		t.Errorf("reading still works: found %v, %v", found, err)
	}
	s.Close()
	s = open(t, path)
	withoutBallast(t, s, n)
	if _, err := fill(s, n+1, n+3); err != nil {
		t.Errorf("opened again: %v", err)
	}
}

// limitFiles runs f while no file of this process may grow beyond size.
func limitFiles(t *testing.T, size uint64, f func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ) // the write fails instead
	defer signal.Reset(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	limit := before
	limit.Cur = size
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before)
	f()
}
