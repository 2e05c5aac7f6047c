package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"volar/sim"
)

// interrupted runs work, with two processes, until a file lies in a place,
// and fails t where it came to its end all the same.
func interrupted(t *testing.T, pattern string, work func(context.Context) error) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() {
		for ctx.Err() == nil {
			if found, _ := filepath.Glob(pattern); len(found) > 0 {
				stop()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if err := work(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
}

// same fails t where two folders differ in a file.
func same(t *testing.T, a, b string) {
	t.Helper()
	list := func(dir string) map[string]string {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		for _, f := range files {
			b, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			all[f.Name()] = string(b)
		}
		return all
	}
	in, other := list(a), list(b)
	if len(in) == 0 || len(in) != len(other) {
		t.Errorf("%d files against %d", len(in), len(other))
	}
	for name := range in {
		if in[name] != other[name] {
			t.Errorf("%s differs", name)
		}
	}
}

// A corpus that was interrupted is the corpus that would have been made.
func TestCorpusGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("renders eight presentations")
	}
	dir := t.TempDir()
	corpusIn := func(out string) *corpus {
		return &corpus{out: filepath.Join(dir, out), seed: 5, number: 3, log: io.Discard, say: io.Discard,
			script: func(i int, seed uint64) []sim.Presentation {
				return []sim.Presentation{{ID: 1, Purpose: "identify", Kind: sim.Stranger, Seed: seed + uint64(i)}}
			}}
	}
	interrupted(t, filepath.Join(dir, "a", "*.mcap"), corpusIn("a").run)
	if left, err := filepath.Glob(filepath.Join(dir, "a", "*.mcap")); err != nil || len(left) == 3 {
		t.Fatalf("nothing is left to do: %q, %v", left, err)
	}
	for _, out := range []string{"a", "b"} {
		if err := corpusIn(out).run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	same(t, filepath.Join(dir, "a"), filepath.Join(dir, "b"))
}

// A replay that was interrupted says and remembers what it would have.
func TestReplayGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("plays six tapes")
	}
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	tape, err := os.ReadFile("../../testdata/corpus/small.mcap")
	if err != nil {
		t.Fatal(err)
	}
	var tapes []string
	for i := range 3 {
		tapes = append(tapes, filepath.Join(dir, fmt.Sprintf("%d.mcap", i)))
		if err := os.WriteFile(tapes[i], tape, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	replayTo := func(out string) func(context.Context) error {
		out = filepath.Join(dir, out)
		if err := os.MkdirAll(out, 0o700); err != nil {
			t.Fatal(err)
		}
		r := replaying{golden: out, update: true, json: filepath.Join(out, "report.json"), out: io.Discard, log: &log}
		return func(ctx context.Context) error { return r.run(ctx, tapes) }
	}
	interrupted(t, filepath.Join(dir, "cache", "volar", "replay", "*", "[0-9a-f]*"), replayTo("a"))
	for _, out := range []string{"a", "b"} {
		if err := replayTo(out)(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(log.String(), "of 3 tapes had been played before") {
		t.Errorf("it did not go on where it was: %s", log.String())
	}
	same(t, filepath.Join(dir, "a"), filepath.Join(dir, "b"))
}
