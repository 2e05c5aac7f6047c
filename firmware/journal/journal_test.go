package journal

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clock is a clock that goes on by a second whenever it is read.
func clock() func() time.Time {
	now := time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)
	return func() time.Time {
		now = now.Add(time.Second)
		return now
	}
}

func start(t testing.TB, dir string) *Journal {
	t.Helper()
	j, err := Open(dir, Options{Size: MinSize, Release: "1.2.3", Now: clock()})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func texts(t testing.TB, list []Line, err error) []string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, l := range list {
		out = append(out, l.Text)
	}
	return out
}

// Three runs: one ends by itself, one is cut, one goes on. The last lines of
// the second are those before the crash.
func TestRuns(t *testing.T) {
	dir := t.TempDir()
	j := start(t, dir)
	fmt.Fprintln(j.Writer("palmd"), "first")
	if err := j.Close("restart into slot b"); err != nil {
		t.Fatal(err)
	}
	if list, err := start(t, dir).Crash(); len(list) != 0 || err != nil {
		t.Errorf("after an end that was meant: %v, %v", list, err)
	}
	j = start(t, dir)
	io.WriteString(j.Writer("palmd"), "second\npanic: out of palms\nhalf a li")
	// Nothing is closed: that is what a crash is.
	j = start(t, dir)
	if got := strings.Join(texts(t, must(j.Crash()), nil), "|"); got != "1.2.3|second|panic: out of palms" {
		t.Errorf("before the crash: %s", got)
	}
	runs, err := j.Runs()
	if err != nil || len(runs) != 4 {
		t.Fatalf("%+v, %v", runs, err)
	}
	for i, want := range []Run{{ID: 1, Release: "1.2.3", Lines: 3, End: "restart into slot b", How: "ended"}, {ID: 2, Release: "1.2.3", Lines: 1, How: "cut"},
		{ID: 3, Release: "1.2.3", Lines: 3, How: "cut"}, {ID: 4, Release: "1.2.3", Lines: 1, How: "runs"}} {
		want.Began = runs[i].Began
		if runs[i] != want {
			t.Errorf("run %d is %+v, want %+v", i+1, runs[i], want)
		}
	}
	if got := strings.Join(texts(t, must(j.Lines(3)), nil), "|"); got != "1.2.3|second|panic: out of palms" {
		t.Errorf("run 3: %s", got)
	}
	if got := strings.Join(texts(t, must(j.Tail(2)), nil), "|"); got != "panic: out of palms|1.2.3" {
		t.Errorf("tail: %s", got)
	}
	if got := strings.Join(texts(t, must(j.Since(5, 2)), nil), "|"); got != "second|panic: out of palms" {
		t.Errorf("since 5: %s", got)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestWriteText(t *testing.T) {
	j := start(t, t.TempDir())
	slog.New(j.Handler("update", slog.LevelInfo)).Error("came back", "slot", "b")
	var b bytes.Buffer
	if err := WriteText(&b, must(j.Tail(9))); err != nil {
		t.Fatal(err)
	}
	want := "2026-11-22 04:00:02    1.000s journal   began: 1.2.3\n2026-11-22 04:00:03    2.000s update    ERROR came back slot=b\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

// Whatever is written, the folder never holds more than it may, and the
// newest lines are there.
func TestBound(t *testing.T) {
	dir := t.TempDir()
	j := start(t, dir)
	log := slog.New(j.Handler("palmd", slog.LevelDebug))
	for i := range 4000 {
		log.Info(fmt.Sprintf("line %d of a unit that has a lot to say, all of it in words", i))
		if i%50 == 0 {
			if err := j.Sync(); err != nil {
				t.Fatal(err)
			}
			if n := used(t, dir); n > MinSize {
				t.Fatalf("after %d lines the folder has %d bytes, allowed %d", i, n, MinSize)
			}
		}
		if i == 2000 { // a crash in the middle
			j = start(t, dir)
			log = slog.New(j.Handler("palmd", slog.LevelDebug))
		}
	}
	list := must(j.Tail(1 << 20))
	if len(list) < 300 || !strings.HasPrefix(list[len(list)-1].Text, "line 3999 ") {
		t.Fatalf("%d lines are kept, the last is %q", len(list), list[len(list)-1].Text)
	}
	for i := 1; i < len(list); i++ {
		if list[i].Seq != list[i-1].Seq+1 {
			t.Fatalf("line %d comes after line %d", list[i].Seq, list[i-1].Seq)
		}
	}
	if crash := must(j.Crash()); len(crash) == 0 || !strings.HasPrefix(crash[len(crash)-1].Text, "line 2000 ") {
		t.Errorf("a flood pushed out the crash: %d lines", len(crash))
	}
}

func used(t *testing.T, dir string) (n int64) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		n += info.Size()
	}
	return n
}

// A program that says the same over and over is cut short, and the journal
// says so; others are not.
func TestRate(t *testing.T) {
	now := time.Unix(1e9, 0)
	j, err := Open(t.TempDir(), Options{Size: 1 << 20, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	noisy := j.Writer("palmd")
	for range 3 * burst {
		fmt.Fprintln(noisy, "no camera")
	}
	fmt.Fprintln(j.Writer("update"), "an update")
	now = now.Add(time.Minute)
	fmt.Fprintln(noisy, "camera is back")
	got := texts(t, must(j.Tail(3)), nil)
	if want := []string{"an update", "journal: 1000 lines of palmd were too many and are not kept", "camera is back"}; strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%q, want %q", got, want)
	}
	for i := range 100 { // sources are bounded too
		fmt.Fprintln(j.Writer(fmt.Sprint("source ", i)), "x")
	}
	if len(j.rates) > sources+1 {
		t.Errorf("%d sources are counted", len(j.rates))
	}
}

// A warning is on the disk when it has been logged; a line of no importance soon after.
func TestSoonOnDisk(t *testing.T) {
	dir := t.TempDir()
	j := start(t, dir)
	onDisk := func(text string) bool {
		for _, name := range must(filepath.Glob(filepath.Join(dir, "*.log"))) {
			if bytes.Contains(must(os.ReadFile(name)), []byte(text)) {
				return true
			}
		}
		return false
	}
	log := slog.New(j.Handler("unit", slog.LevelInfo))
	if log.Warn("hot"); !onDisk("hot") {
		t.Error("a warning waits")
	}
	log.Info("mild")
	for began := time.Now(); !onDisk("mild"); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Fatal("a line is never written")
		}
	}
	fmt.Fprintln(j.Writer("palmd"), "goroutine 1\nfatal error: all goroutines are asleep")
	if !onDisk("asleep") {
		t.Error("the last words of a program wait")
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, size := range []int64{0, MinSize - 1, MaxSize + 1} {
		if _, err := Open(t.TempDir(), Options{Size: size}); err == nil {
			t.Errorf("a journal of %d bytes was opened", size)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, Options{Size: MinSize}); err == nil {
		t.Error("a file was opened as a folder")
	}
}

// Lines that come after the end are dropped, and nothing falls over.
func TestAfterClose(t *testing.T) {
	dir := t.TempDir()
	j := start(t, dir)
	w := j.Writer("palmd")
	if err := j.Close("restart"); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(w, "late")
	if err := j.Sync(); err != nil {
		t.Error(err)
	}
	j = start(t, dir)
	if got := strings.Join(texts(t, must(j.Lines(1)), nil), "|"); got != "1.2.3|restart" {
		t.Errorf("run 1: %s", got)
	}
}
