package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path"
	"strings"
	"time"
)

// maxFetches bounds how many files are sent at once. A unit that has to wait
// comes again.
const maxFetches = 64

// fetchTime bounds how long one file may take: a bundle over a slow mobile link.
const fetchTime = 2 * time.Hour

// serveUpdates serves the repository of bundles until stop is called. Where
// there is none it does nothing.
func serveUpdates(o options, log *slog.Logger) (addr string, stop func(), err error) {
	if o.updates == "" {
		return "", func() {}, nil
	}
	root, err := os.OpenRoot(o.updates) // no link leads out of it
	if err != nil {
		return "", nil, fmt.Errorf("open the folder of updates: %w", err)
	}
	ln, err := net.ListenTCP("tcp", o.serve)
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("listen for updates: %w", err), root.Close())
	}
	server := &http.Server{Handler: updates(root), ReadTimeout: 10 * time.Second, WriteTimeout: fetchTime, IdleTimeout: time.Minute,
		MaxHeaderBytes: 1 << 14, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			log.Error("updates ended", "cause", err)
		}
	}()
	return ln.Addr().String(), func() { server.Close(); <-ended; root.Close() }, nil
}

// updates serves the files under metadata and targets, and nothing else: no
// lists of folders, no hidden files.
func updates(root *os.Root) http.Handler {
	files := http.FileServerFS(root.FS())
	free := make(chan struct{}, maxFetches)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Path
		plain := path.Clean(name) == name && !strings.Contains(name, "/.")
		if r.Method != http.MethodGet || !plain || !strings.HasPrefix(name, "/metadata/") && !strings.HasPrefix(name, "/targets/") {
			http.NotFound(w, r)
			return
		}
		if info, err := root.Stat(name[1:]); err != nil || !info.Mode().IsRegular() {
			http.NotFound(w, r)
			return
		}
		select {
		case free <- struct{}{}:
			defer func() { <-free }()
			files.ServeHTTP(w, r)
		default:
			w.Header().Set("Retry-After", "60")
			http.Error(w, "too many at once", http.StatusServiceUnavailable)
		}
	})
}
