package main

import (
	"context"
	"io"
	"strings"
	"testing"
)

// stopper interrupts whoever writes to it.
type stopper context.CancelFunc

func (s stopper) Write(p []byte) (int, error) {
	s()
	return len(p), nil
}

// Every command says of an interrupt the same, and those that go on say so.
func TestInterrupted(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	const goesOn = "the same command goes on"
	for _, c := range []struct {
		line, hint string
		underWay   bool // it is interrupted when it first tells how far it is, the others before they begin
	}{
		{"demo", "", false},
		{"soak", "", false},
		{"play ../../testdata/tapes/wave.mcap", "", false},
		{"replay ../../testdata/corpus", goesOn, false},
		{"pad", goesOn, false},
		{"corpus --out DIR", goesOn, false},
		{"eval --synthetic 2 --identify --gallery-size 100", goesOn, true},
		{"eval --synthetic 50", "", true},
		{"faults", "", true},
		{"record --people 2 --out DIR/tape.mcap", "tape.mcap holds what came before", true},
	} {
		t.Run(c.line, func(t *testing.T) {
			if c.underWay && testing.Short() {
				t.Skip("works for some seconds")
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			root := newRootCommand()
			root.SetArgs(strings.Fields(strings.ReplaceAll(c.line, "DIR", t.TempDir())))
			root.SetOut(io.Discard)
			root.SetErr(io.Discard)
			if c.underWay {
				root.SetErr(stopper(stop))
			} else {
				stop()
			}
			err := execute(ctx, root)
			name := strings.Fields(c.line)[0]
			if err == nil || err.Error() != name+": interrupted" {
				t.Fatalf("it says %v", err)
			}
			if hint := hintOf(err); (hint == "") != (c.hint == "") || !strings.Contains(hint, c.hint) {
				t.Errorf("hint: %q, want %q", hint, c.hint)
			}
			if exitCode(ctx, err) != exitStopped {
				t.Errorf("exit code %d", exitCode(ctx, err))
			}
		})
	}
}
