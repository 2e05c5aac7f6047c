package haltest

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"

	"volar/hal"
)

func store(t *testing.T, open func(t *testing.T) Bench) {
	t.Run("keeps", func(t *testing.T) { storeKeeps(t, open(t).Device.Store) })
	t.Run("limits", func(t *testing.T) { storeLimits(t, open(t).Device.Store) })
	t.Run("whole values", func(t *testing.T) { storeWhole(t, open(t).Device.Store) })
	t.Run("reboot", func(t *testing.T) {
		b := open(t)
		put(t, b.Device.Store, "test.kept", []byte("a"))
		put(t, b.Device.Store, "test.gone", []byte("b"))
		if err := b.Device.Store.Delete("test.gone"); err != nil {
			t.Fatal(err)
		}
		d := reboot(t, b)
		want(t, d.Store, "test.kept", []byte("a"))
		absent(t, d.Store, "test.gone")
	})
}

func put(t *testing.T, s hal.Store, key string, val []byte) {
	t.Helper()
	if err := s.Put(key, val); err != nil {
		t.Fatalf("Put(%q): %v", key, err)
	}
}

func want(t *testing.T, s hal.Store, key string, val []byte) {
	t.Helper()
	got, err := s.Get(key)
	if err != nil {
		t.Fatalf("Get(%q): %v", key, err)
	}
	if !bytes.Equal(got, val) {
		t.Errorf("Get(%q) = %.40q, want %.40q", key, got, val)
	}
}

func absent(t *testing.T, s hal.Store, key string) {
	t.Helper()
	if v, err := s.Get(key); !errors.Is(err, hal.ErrNotFound) {
		t.Errorf("Get(%q) = %.40q, %v, want ErrNotFound", key, v, err)
	}
}

func storeKeeps(t *testing.T, s hal.Store) {
	absent(t, s, "test.a")
	if err := s.Delete("test.a"); err != nil {
		t.Errorf("Delete of nothing: %v", err)
	}
	val := []byte("first")
	put(t, s, "test.a", val)
	val[0] = 'X' // the store has its own copy
	want(t, s, "test.a", []byte("first"))
	got, err := s.Get("test.a")
	if err != nil {
		t.Fatal(err)
	}
	got[0] = 'X' // and so has the caller
	want(t, s, "test.a", []byte("first"))

	put(t, s, "test.b", []byte("other"))
	put(t, s, "test.a", []byte("2"))
	want(t, s, "test.a", []byte("2"))
	want(t, s, "test.b", []byte("other"))
	put(t, s, "test.a", nil)
	want(t, s, "test.a", nil)
	for _, k := range []string{"test.a", "test.a", "test.b"} {
		if err := s.Delete(k); err != nil {
			t.Errorf("Delete(%q): %v", k, err)
		}
		absent(t, s, k)
	}
}

func storeLimits(t *testing.T, s hal.Store) {
	for _, key := range []string{"a", "0", "-", "a.b-c..d", strings.Repeat("k", hal.MaxKey)} {
		put(t, s, key, []byte(key))
		want(t, s, key, []byte(key))
		if err := s.Delete(key); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{
		"", ".", "..", ".a", "../a", "a/b", "a\\b", "A", "a b", "a_b", "é", "a\x00", "a\n", "a:b", strings.Repeat("k", hal.MaxKey+1),
	} {
		if err := s.Put(key, []byte("x")); err == nil {
			t.Errorf("Put took the key %q", key)
		}
		if _, err := s.Get(key); err == nil || errors.Is(err, hal.ErrNotFound) {
			t.Errorf("Get(%q) = %v, want an error about the key", key, err)
		}
		if err := s.Delete(key); err == nil {
			t.Errorf("Delete took the key %q", key)
		}
	}
	big := bytes.Repeat([]byte{7}, hal.MaxValue)
	put(t, s, "test.big", big)
	if err := s.Put("test.big", append(big, 7)); err == nil {
		t.Error("Put took a value over the limit")
	}
	want(t, s, "test.big", big)
	if err := s.Delete("test.big"); err != nil {
		t.Fatal(err)
	}
}

// storeWhole: readers see the old value or the new one, never a mixture.
func storeWhole(t *testing.T, s hal.Store) {
	values := [][]byte{bytes.Repeat([]byte("a"), 4000), bytes.Repeat([]byte("b"), 9000)}
	put(t, s, "test.whole", values[0])
	var writers sync.WaitGroup
	for _, v := range values {
		writers.Add(1)
		go func() {
			defer writers.Done()
			for range 20 {
				if err := s.Put("test.whole", v); err != nil {
					t.Errorf("Put: %v", err)
				}
			}
		}()
	}
	for range 50 {
		got, err := s.Get("test.whole")
		if err != nil {
			t.Errorf("Get while others Put: %v", err)
		}
		if !bytes.Equal(got, values[0]) && !bytes.Equal(got, values[1]) {
			t.Errorf("Get returned %d bytes that nobody Put", len(got))
		}
	}
	writers.Wait()
	if err := s.Delete("test.whole"); err != nil {
		t.Fatal(err)
	}
}

func counter(t *testing.T, open func(t *testing.T) Bench) {
	b := open(t)
	c := b.Device.Counter
	start := value(t, c)
	raise := func(v uint64, ok bool) {
		t.Helper()
		if err := c.RaiseTo(v); (err == nil) != ok {
			t.Errorf("RaiseTo(%d) = %v", v, err)
		}
	}
	raise(start, true)
	raise(start+1, true)
	raise(start+1, true)
	raise(start+5, true)
	raise(start+4, false)
	raise(0, false)
	if v := value(t, c); v != start+5 {
		t.Errorf("Value = %d, want %d", v, start+5)
	}
	if v := value(t, reboot(t, b).Counter); v != start+5 {
		t.Errorf("after a reboot Value = %d, want %d", v, start+5)
	}
}

func value(t *testing.T, c hal.Counter) uint64 {
	t.Helper()
	v, err := c.Value()
	if err != nil {
		t.Fatalf("Value: %v", err)
	}
	return v
}
