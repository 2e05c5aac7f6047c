package store

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"volar/internal/emulated"
	"volar/wire"
)

// childStore makes this test binary the process that is killed: it Applies
// step after step to the store named here and prints each step that was acknowledged.
const childStore = "STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	path := os.Getenv(childStore)
	if path == "" {
		os.Exit(m.Run())
	}
	if err := applyForEver(path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// step n changes several keys at once, so that half of it can be told from
// all of it: three values that change together, one new key, one that goes.
func step(n int) (puts []wire.Blob, deletes []string) {
	value := bytes.Repeat([]byte(strconv.Itoa(n)+" "), 700)
	for _, key := range []string{"head", "twin", "a/long/key/of/the/third"} {
		puts = append(puts, wire.Blob{Key: key, Value: value})
	}
	puts = append(puts, wire.Blob{Key: fmt.Sprintf("record/%d", n), Value: value[:1000]})
	return puts, []string{fmt.Sprintf("record/%d", n-3)}
}

// after gives the content that the first n steps leave.
func after(n int) map[string]string {
	all := map[string]string{}
	for i := max(1, n-3); i <= n; i++ {
		puts, deletes := step(i)
		for _, p := range puts {
			all[p.Key] = string(p.Value)
		}
		for _, key := range deletes {
			delete(all, key)
		}
	}
	return all
}

// reached finds how many steps the store holds, which must be a whole number.
func reached(t *testing.T, s *Store) int {
	t.Helper()
	got := content(t, s)
	if len(got) == 0 {
		return 0
	}
	word, _, _ := strings.Cut(got["head"], " ")
	n, err := strconv.Atoi(word)
	if err != nil || !maps.Equal(got, after(n)) {
		t.Fatalf("the store holds a part of a step: head is of step %q, keys %v", word, keysOf(got))
	}
	return n
}

func keysOf(m map[string]string) (keys []string) {
	for key := range m {
		keys = append(keys, key)
	}
	return keys
}

// applyForEver goes on where the process before it was killed.
func applyForEver(path string) error {
	ctx := context.Background()
	s, err := Open(ctx, path)
	if err != nil {
		return err
	}
	head, _, err := s.Get(ctx, "head")
	if err != nil {
		return err
	}
	word, _, _ := strings.Cut(string(head), " ")
	n, _ := strconv.Atoi(word) // 0 where there is none
	for {
		n++
		puts, deletes := step(n)
		if err := s.Apply(ctx, puts, deletes); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// killed runs such a process for a while, kills it, and gives the last step
// that it had acknowledged.
func killed(t *testing.T, path string, wait time.Duration) (acknowledged int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childStore+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan() // the first acknowledgement, or the end of a process that failed
	time.AfterFunc(wait, func() { cmd.Process.Kill() })
	for more := true; more; more = lines.Scan() {
		if acknowledged, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Fatalf("the process ended by itself: %v", err)
	}
	return acknowledged
}

// copied copies a store and its log, as they are, to a new place.
func copied(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "blobs.db")
	for _, end := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + end)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+end, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func TestKillInTheMiddleOfApplies(t *testing.T) {
	emulated.Skip(t)
	rng := rand.New(rand.NewPCG(7, 1))
	path := filepath.Join(t.TempDir(), "blobs.db")
	total := 0
	for range 25 {
		acknowledged := killed(t, path, time.Duration(rng.IntN(60_000))*time.Microsecond)
		s := open(t, copied(t, path)) // the next process finds the log as this one left it
		got := reached(t, s)
		if got != acknowledged && got != acknowledged+1 { // the next may have been written and not yet told
			t.Fatalf("step %d was acknowledged, the store holds %d", acknowledged, got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		total = got
	}
	t.Logf("25 kills in %d steps", total)
	if total < 50 {
		t.Errorf("only %d steps were made: nothing was tested", total)
	}
}

// A power cut may keep any part of what was not yet synced. Whatever part of
// the log survives, the store holds a whole number of steps.
func TestLogCutAnywhere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "blobs.db")
	s := open(t, path)
	const steps = 12
	sizes := make([]int64, steps+1) // of the log once the step was acknowledged
	for n := 1; n <= steps; n++ {
		puts, deletes := step(n)
		apply(t, s, puts, deletes...)
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		sizes[n] = info.Size()
	}
	base, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 2))
	cut := filepath.Join(dir, "cut.db")
	for i := range 150 {
		keep := rng.IntN(len(log) + 1)
		if i <= steps {
			keep = int(sizes[i]) // and exactly at the edges
		}
		part := log[:keep]
		if i%2 == 1 && keep < len(log) { // the rest of its sector is noise
			part = append(bytes.Clone(part), bytes.Repeat([]byte{0xe5}, 512)...)
		}
		for name, content := range map[string][]byte{cut: base, cut + "-wal": part} {
			if err := os.WriteFile(name, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c, err := Open(context.Background(), cut)
		if err != nil {
			t.Fatalf("log of %d bytes: %v", keep, err)
		}
		got := reached(t, c)
		if got < steps && int64(keep) >= sizes[got+1] {
			t.Errorf("log of %d bytes: %d steps, though step %d ends at byte %d", keep, got, got+1, sizes[got+1])
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
