package catalog_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"volar/firmware/update/catalog"
)

// taker is a unit that takes what it is given, in order.
type taker struct {
	mu                sync.Mutex
	manifest, payload []byte
	refuse            error
	calls             int
}

func (u *taker) Offer(_ context.Context, manifest []byte) (int64, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.calls++
	if u.refuse != nil {
		return 0, u.refuse
	}
	u.manifest = manifest
	return int64(len(u.payload)), nil
}

func (u *taker) Block(_ context.Context, at int64, b []byte) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if at != int64(len(u.payload)) {
		return errors.New("out of order")
	}
	u.payload = append(u.payload, b...)
	return nil
}

// whole tells whether the unit has all of a bundle's file.
func (u *taker) whole(t *testing.T, s *site, b catalog.Bundle) bool {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	file, err := os.ReadFile(filepath.Join(s.dir, b.File()))
	if err != nil {
		t.Fatal(err)
	}
	return strings.HasSuffix(string(file), string(u.manifest)+string(u.payload)) && len(file) == 12+len(u.manifest)+len(u.payload)
}

func (s *site) read() (*catalog.Catalog, catalog.Bundle) {
	s.t.Helper()
	c := s.unit()
	if err := c.Refresh(s.t.Context(), folder(s.dir)); err != nil {
		s.t.Fatal(err)
	}
	b, ok := c.Newest()
	if !ok {
		s.t.Fatal("there is no bundle")
	}
	return c, b
}

// Over HTTP, from a server that knows ranges and from one that does not, and
// from where the last attempt stopped.
func TestHTTP(t *testing.T) {
	s := newSite(t)
	s.add("test", "1.1.0", 11, 0)
	for name, handler := range map[string]http.Handler{
		"ranges": http.FileServer(http.Dir(s.dir)),
		"no ranges": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Range")
			http.FileServer(http.Dir(s.dir)).ServeHTTP(w, r)
		}),
	} {
		server := httptest.NewServer(handler)
		defer server.Close()
		from, err := catalog.NewHTTP(server.URL + "/")
		if err != nil {
			t.Fatal(err)
		}
		c := s.unit()
		if err := c.Refresh(t.Context(), from); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b, _ := c.Newest()
		u := new(taker)
		if err := c.Fetch(t.Context(), from, b, u); err != nil || !u.whole(t, s, b) {
			t.Errorf("%s: %v, %d bytes", name, err, len(u.payload))
		}
		u.payload = u.payload[:len(u.payload)/2]
		if err := c.Fetch(t.Context(), from, b, u); err != nil || !u.whole(t, s, b) {
			t.Errorf("%s, from the middle: %v, %d bytes", name, err, len(u.payload))
		}
		if err := c.Fetch(t.Context(), from, b, u); err != nil {
			t.Errorf("%s, with nothing left to fetch: %v", name, err)
		}
		if _, err := from.Open(t.Context(), "metadata/nothing", 0); !errors.Is(err, catalog.ErrNotFound) {
			t.Errorf("%s: a file that is not there: %v", name, err)
		}
	}
	for _, bad := range []string{"", "ftp://x/", "http:///x", "10.0.0.1:80", "://"} {
		if _, err := catalog.NewHTTP(bad); err == nil {
			t.Errorf("%q is taken for an address", bad)
		}
	}
}

// A server that wants to send the unit elsewhere, or is out of order.
func TestHTTPRefuses(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		},
		"out of order": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"a part that nobody asked for": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusPartialContent)
		},
	} {
		server := httptest.NewServer(handler)
		defer server.Close()
		from, err := catalog.NewHTTP(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := from.Open(t.Context(), "metadata/timestamp.json", 0); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

// Another bundle in the place of the one that the catalogue names is not
// offered to the unit, though the release key has signed it too.
func TestAnotherBundle(t *testing.T) {
	s := newSite(t)
	older := s.add("test", "1.1.0", 11, 0)
	newer := s.add("test", "1.2.0", 12, 0)
	copyFile(t, filepath.Join(s.dir, older.File()), filepath.Join(s.dir, newer.File()))
	c, b := s.read()
	u := new(taker)
	if err := c.Fetch(t.Context(), folder(s.dir), b, u); !errors.Is(err, catalog.ErrRefused) || u.calls != 0 {
		t.Errorf("%v, offered %d times", err, u.calls)
	}
}

// broken is a connection that breaks off after some bytes.
type broken struct {
	folder
	after int64
	opens int
}

func (f *broken) Open(ctx context.Context, name string, from int64) (io.ReadCloser, error) {
	r, err := f.folder.Open(ctx, name, from)
	if err != nil || !strings.HasPrefix(name, "targets/") {
		return r, err
	}
	f.opens++
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(r, f.after), r}, nil
}

// Follow fetches what there is, goes on where a connection broke off, asks
// again after an hour, and is patient with a host that is away.
func TestFollow(t *testing.T) {
	s := newSite(t)
	s.add("test", "1.1.0", 11, 0)
	c, b := s.read()
	synctest.Test(t, func(t *testing.T) {
		u := new(taker)
		from := &broken{folder: folder(s.dir), after: 4 << 10}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan bool)
		go func() {
			c.Follow(ctx, from, u, slog.New(slog.DiscardHandler))
			close(done)
		}()
		for range 200 {
			time.Sleep(10 * time.Minute)
			if u.whole(t, s, b) {
				break
			}
		}
		if !u.whole(t, s, b) {
			t.Error("the unit never has all of it")
		}
		time.Sleep(3 * time.Hour)
		cancel()
		<-done
		// The file breaks off five times, and then the unit asks two or three times more.
		if u.calls < 7 || u.calls > 10 {
			t.Errorf("the unit was offered the bundle %d times", u.calls)
		}
	})
}
