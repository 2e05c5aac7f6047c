package main

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// The files of a repository are served, from any byte on, and nothing else.
func TestUpdates(t *testing.T) {
	dir, secret := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	for name, text := range map[string]string{"metadata/timestamp.json": "{}", "targets/qemu-virt/ab.1.0.0.full": "0123456789",
		"metadata/.new-123": "half", "readme": "x"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(secret, []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(dir, "targets/link")); err != nil {
		t.Fatal(err)
	}
	addr, stop, err := serveUpdates(options{updates: dir, serve: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	get := func(method, name, from string) (int, string) {
		q, err := http.NewRequest(method, "http://"+addr+name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if from != "" {
			q.Header.Set("Range", from)
		}
		r, err := http.DefaultTransport.RoundTrip(q)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, string(b)
	}
	for _, c := range []struct {
		method, name, from string
		code               int
		text               string
	}{
		{"GET", "/metadata/timestamp.json", "", 200, "{}"},
		{"GET", "/targets/qemu-virt/ab.1.0.0.full", "bytes=4-", 206, "456789"},
		{"GET", "/targets/qemu-virt/", "", 404, ""},
		{"GET", "/targets/qemu-virt", "", 404, ""},
		{"GET", "/", "", 404, ""},
		{"GET", "/readme", "", 404, ""},
		{"GET", "/metadata/.new-123", "", 404, ""},
		{"GET", "/targets/link", "", 404, ""},
		{"GET", "/metadata/../readme", "", 404, ""},
		{"POST", "/metadata/timestamp.json", "", 404, ""},
	} {
		if code, text := get(c.method, c.name, c.from); code != c.code || c.code < 300 && text != c.text {
			t.Errorf("%s %s: %d %q, want %d %q", c.method, c.name, code, text, c.code, c.text)
		}
	}
	if _, _, err := serveUpdates(options{updates: filepath.Join(dir, "nothing")}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a folder that is not there is served")
	}
	if addr, stop, err := serveUpdates(options{}, nil); err != nil || addr != "" {
		t.Errorf("without a folder: %q, %v", addr, err)
	} else {
		stop()
	}
}
