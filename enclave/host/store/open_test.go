package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"volar/wire"
)

// raw changes a closed store's file behind the package's back.
func raw(t *testing.T, path string, queries ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range queries {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
}

// filled makes a closed store of many pages.
func filled(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "blobs.db")
	s := open(t, path)
	for i := range 20 {
		apply(t, s, []wire.Blob{blob(fmt.Sprintf("key/%04d", i), bytes.Repeat([]byte{byte(i)}, 3000))})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(t *testing.T) string
		want error
	}{
		{"text", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "notes.txt")
			os.WriteFile(path, bytes.Repeat([]byte("dear diary\n"), 500), 0o600)
			return path
		}, ErrForeign},
		{"another program's database", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "other.db")
			raw(t, path, "CREATE TABLE songs (title TEXT)", "INSERT INTO songs VALUES ('x')")
			return path
		}, ErrForeign},
		{"marked by another program", func(t *testing.T) string {
			path := filled(t)
			raw(t, path, "PRAGMA application_id=42")
			return path
		}, ErrForeign},
		{"newer schema", func(t *testing.T) string {
			path := filled(t)
			raw(t, path, fmt.Sprintf("PRAGMA user_version=%d", schemaVersion+1))
			return path
		}, ErrNewer},
		{"schema 0", func(t *testing.T) string {
			path := filled(t)
			raw(t, path, "PRAGMA user_version=0")
			return path
		}, ErrCorrupt},
		{"cut short", func(t *testing.T) string {
			path := filled(t)
			if err := os.Truncate(path, 3*4096); err != nil {
				t.Fatal(err)
			}
			return path
		}, ErrCorrupt},
		{"damaged pages", func(t *testing.T) string {
			path := filled(t)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := 4096; i < len(b); i += 4096 {
				copy(b[i:], bytes.Repeat([]byte{0xa5}, 64))
			}
			os.WriteFile(path, b, 0o600)
			return path
		}, ErrCorrupt},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := c.make(t)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Open(context.Background(), path)
			if err == nil {
				s.Close()
			}
			if !errors.Is(err, c.want) {
				t.Fatalf("Open: %v, want %v", err, c.want)
			}
			after, _ := os.ReadFile(path)
			if !bytes.Equal(before, after) {
				t.Error("the refused file was changed")
			}
			left, _ := filepath.Glob(path + "-*")
			if len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestOpenRefusesOddPlaces(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "absent", "blobs.db"), ""} {
		if s, err := Open(context.Background(), path); err == nil {
			s.Close()
			t.Errorf("Open(%q) succeeded", path)
		}
	}
}

func TestOneHostAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blobs.db")
	first := open(t, path)
	if s, err := Open(context.Background(), path); !errors.Is(err, ErrInUse) {
		if err == nil {
			s.Close()
		}
		t.Errorf("second Open: %v", err)
	}
	apply(t, first, []wire.Blob{blob("k", []byte("v"))})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if got := content(t, open(t, path)); got["k"] != "v" {
		t.Errorf("after the lock was given back: %v", got)
	}
}

func TestOpenTakesAnEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blobs.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	apply(t, open(t, path), []wire.Blob{blob("k", nil)})
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blobs.db")
	apply(t, open(t, path), []wire.Blob{blob("k", nil)})
	files, _ := filepath.Glob(path + "*")
	if len(files) < 2 {
		t.Fatalf("expected the file and its log, found %v", files)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", filepath.Base(file), info.Mode().Perm())
		}
	}
}

func TestEveryCommitIsSynced(t *testing.T) {
	s := fresh(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "secure_delete": "1", "locking_mode": "exclusive"} {
		var got string
		if err := s.conn.QueryRowContext(context.Background(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, want %q (%v)", pragma, got, want, err)
		}
	}
}

func TestDeletedBytesLeaveTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blobs.db")
	s := open(t, path)
	secret := bytes.Repeat([]byte("planted pattern "), 500)
	apply(t, s, []wire.Blob{blob("k", secret), blob("other", []byte("stays"))})
	apply(t, s, nil, "k")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, secret[:16]) || !bytes.Contains(b, []byte("stays")) {
		t.Error("a deleted value is still in the file, or the other one is gone")
	}
	if left, _ := filepath.Glob(path + "-*"); len(left) != 0 {
		t.Errorf("left after Close: %v", left)
	}
}
