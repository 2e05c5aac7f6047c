package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"volar/wire"
)

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func fresh(t *testing.T) *Store {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "blobs.db"))
}

func blob(key string, value []byte) wire.Blob {
	return wire.Blob{Key: key, Value: value}
}

func apply(t *testing.T, s *Store, puts []wire.Blob, deletes ...string) {
	t.Helper()
	if err := s.Apply(context.Background(), puts, deletes); err != nil {
		t.Fatal(err)
	}
}

// content reads the whole store through its own List and Get.
func content(t *testing.T, s *Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	after := ""
	for more := true; more; {
		var keys []string
		var err error
		keys, more, err = s.List(context.Background(), "", after, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			value, found, err := s.Get(context.Background(), key)
			if err != nil || !found {
				t.Fatalf("listed key %q: found %v, %v", key, found, err)
			}
			all[key], after = string(value), key
		}
	}
	return all
}

func TestGetReturnsWhatApplyStored(t *testing.T) {
	s := fresh(t)
	apply(t, s, []wire.Blob{blob("a", []byte("1")), blob("empty", nil), blob("big", bytes.Repeat([]byte{7}, wire.MaxValue))})
	for key, want := range map[string][]byte{"a": []byte("1"), "empty": {}, "big": bytes.Repeat([]byte{7}, wire.MaxValue)} {
		got, found, err := s.Get(context.Background(), key)
		if err != nil || !found || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, found %v, %v", key, len(got), found, err)
		}
	}
	if _, found, err := s.Get(context.Background(), "absent"); found || err != nil {
		t.Errorf("absent key: found %v, %v", found, err)
	}
	apply(t, s, []wire.Blob{blob("a", []byte("2"))}, "empty", "never-there")
	got, _, _ := s.Get(context.Background(), "a")
	if _, found, _ := s.Get(context.Background(), "empty"); found || string(got) != "2" {
		t.Errorf("after the second Apply: a is %q, empty found %v", got, found)
	}
}

func TestContentOutlivesClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "odd ?name%20#.db")
	s := open(t, path)
	apply(t, s, []wire.Blob{blob("k", []byte("v"))})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if err := s.Apply(context.Background(), []wire.Blob{blob("k", nil)}, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Apply after Close: %v", err)
	}
	if got := content(t, open(t, path)); got["k"] != "v" {
		t.Errorf("read back %v", got)
	}
}

func TestListPagesInOrder(t *testing.T) {
	s := fresh(t)
	var puts []wire.Blob
	for i := range 25 {
		puts = append(puts, wire.Blob{Key: fmt.Sprintf("r/%03d", i)})
	}
	puts = append(puts, wire.Blob{Key: "q"}, wire.Blob{Key: "r"}, wire.Blob{Key: "r0"}, wire.Blob{Key: "s/1"}, wire.Blob{Key: "~"})
	apply(t, s, puts)

	var got []string
	after, pages := "", 0
	for more := true; more; pages++ {
		var keys []string
		var err error
		keys, more, err = s.List(context.Background(), "r/", after, 10)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, keys...)
		after = keys[len(keys)-1]
	}
	if pages != 3 || len(got) != 25 || !slices.IsSorted(got) || got[0] != "r/000" {
		t.Errorf("%d pages, %d keys: %v", pages, len(got), got)
	}
	for _, c := range []struct {
		prefix, after string
		limit         int
		want          []string
		more          bool
	}{
		{"", "", 3, []string{"q", "r", "r/000"}, true},
		{"", "r0", 9, []string{"s/1", "~"}, false},
		{"r", "a", 2, []string{"r", "r/000"}, true},
		{"r/", "r/024", 5, nil, false},
		{"r/", "z", 5, nil, false},
		{"~", "", 5, []string{"~"}, false},
		{"~~", "", 5, nil, false},
	} {
		keys, more, err := s.List(context.Background(), c.prefix, c.after, c.limit)
		if err != nil || more != c.more || !slices.Equal(keys, c.want) {
			t.Errorf("List(%q, %q, %d) = %v, %v, %v", c.prefix, c.after, c.limit, keys, more, err)
		}
	}
}

func TestBoundsAreKept(t *testing.T) {
	s := fresh(t)
	apply(t, s, []wire.Blob{blob("keep", []byte("1"))})
	long := strings.Repeat("k", wire.MaxKey+1)
	many := make([]wire.Blob, wire.MaxChanges+1)
	for i := range many {
		many[i].Key = fmt.Sprint(i)
	}
	for name, c := range map[string]struct {
		puts    []wire.Blob
		deletes []string
	}{
		"nothing":       {},
		"too many":      {puts: many},
		"empty key":     {puts: []wire.Blob{blob("", nil)}},
		"long key":      {puts: []wire.Blob{blob(long, nil)}},
		"key with NUL":  {puts: []wire.Blob{blob("a\x00b", nil)}},
		"key not ASCII": {puts: []wire.Blob{blob("ä", nil)}},
		"long value":    {puts: []wire.Blob{blob("new", make([]byte, wire.MaxValue+1))}},
		"twice put":     {puts: []wire.Blob{blob("new", nil), blob("new", nil)}},
		"put, deleted":  {puts: []wire.Blob{blob("keep", nil)}, deletes: []string{"keep"}},
		"empty delete":  {deletes: []string{""}},
		"good then bad": {puts: []wire.Blob{blob("new", nil), blob(long, nil)}, deletes: []string{"keep"}},
	} {
		if err := s.Apply(context.Background(), c.puts, c.deletes); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, key := range []string{"", long, "a b", "a\n"} {
		if _, _, err := s.Get(context.Background(), key); !errors.Is(err, ErrInvalid) {
			t.Errorf("Get(%.10q): %v", key, err)
		}
	}
	for _, c := range []struct {
		prefix, after string
		limit         int
	}{{"", "", 0}, {"", "", wire.MaxKeys + 1}, {long, "", 1}, {"", long, 1}, {"ä", "", 1}, {"", "\x7f", 1}} {
		if _, _, err := s.List(context.Background(), c.prefix, c.after, c.limit); !errors.Is(err, ErrInvalid) {
			t.Errorf("List(%.10q, %.10q, %d): %v", c.prefix, c.after, c.limit, err)
		}
	}
	if got := content(t, s); len(got) != 1 || got["keep"] != "1" {
		t.Errorf("a refused request changed the store: %v", got)
	}
}

func TestCancelledApplyDoesNothing(t *testing.T) {
	s := fresh(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Apply(ctx, []wire.Blob{blob("k", nil)}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Apply: %v", err)
	}
	if got := content(t, s); len(got) != 0 {
		t.Errorf("stored %v", got)
	}
	apply(t, s, []wire.Blob{blob("k", nil)}) // and the store still works
}
