package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets this binary be palmsim itself, for the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"palmsim": main})
}

// scripts runs those of a folder; $TAPE is a tape of one burst, $CORPUS the
// small reference corpus with its goldens.
func scripts(t *testing.T, dir string, also func(*testscript.Env)) {
	golden, err := filepath.Abs("../../testdata/tapes/wave.mcap")
	if err != nil {
		t.Fatal(err)
	}
	corpus, err := filepath.Abs("../../testdata/corpus")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{Dir: dir, Setup: func(e *testscript.Env) error {
		e.Setenv("TAPE", golden)
		e.Setenv("CORPUS", corpus)
		e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, "cache"))
		if also != nil {
			also(e)
		}
		return nil
	}})
}

func TestScripts(t *testing.T) { scripts(t, "testdata/script", nil) }

// TestLiveScripts needs the other programs beside palmsim.
func TestLiveScripts(t *testing.T) {
	bin := os.Getenv("VOLAR_BIN")
	if bin == "" {
		t.Skip("VOLAR_BIN does not name the folder of the built programs; make test sets it")
	}
	if testing.Short() {
		t.Skip("records and replays 7 waves")
	}
	scripts(t, "testdata/live", func(e *testscript.Env) { e.Setenv("BIN", bin) })
}
