// Package store keeps the vault's blobs on the untrusted host: opaque keys,
// opaque values, in one SQLite file.
//
// The host can read neither, and it may lie about both: it is the vault that
// encrypts, and that notices a blob dropped, swapped or rolled back. What this
// package owes is durability. An Apply that returned nil has reached the disk
// whole, and one that did not return is there whole or not at all.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	_ "modernc.org/sqlite" // the driver "sqlite", pure Go
)

const (
	// applicationID marks a file as ours, in SQLite's own header field for that: "VOLA".
	applicationID = 0x564f4c41
	// schemaVersion is the newest layout that this program knows.
	schemaVersion = 1
)

// A rowid table on purpose: values of some kilobytes in a WITHOUT ROWID table
// would be spread over the whole key tree, about eight times slower to load.
const schema = `CREATE TABLE blobs (
	id    INTEGER PRIMARY KEY,
	key   BLOB NOT NULL UNIQUE,
	value BLOB NOT NULL
)`

// Store is an open file of blobs. Its methods may be called from many
// goroutines; they take turns.
type Store struct {
	path string

	mu     sync.Mutex
	db     *sql.DB
	conn   *sql.Conn // the only one: it holds the file's lock
	broken error     // the I/O error after which nothing is written any more
	get    *sql.Stmt
	list   *sql.Stmt
	put    *sql.Stmt
	remove *sql.Stmt
}

// Open opens the store at path, or makes it where there is none or an empty
// file. The file is readable by its owner alone and stays locked until Close.
//
// Errors that a caller may test for: ErrForeign, ErrNewer, ErrCorrupt, ErrInUse.
func Open(ctx context.Context, path string) (*Store, error) {
	path, err := prepare(path)
	if err != nil {
		return nil, fmt.Errorf("store: open: %w", err)
	}
	s := &Store{path: path}
	if err := s.connect(ctx); err != nil {
		s.release()
		return nil, describe("open "+path, err)
	}
	return s, nil
}

// Close writes what is left in the log into the file and gives the lock back.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	if err := s.release(); err != nil {
		return describe("close "+s.path, err)
	}
	return nil
}

// prepare makes sure that a regular file is there, so that SQLite never makes
// it with wider permissions, and that its name survives a power cut.
func prepare(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		info, err := os.Stat(path)
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s is not a regular file", path)
		}
		return path, err
	}
	if err != nil {
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", err
	}
	defer dir.Close()
	return path, dir.Sync()
}

// connect opens the file, refuses what is not ours before anything is written
// to it, and prepares the statements.
func (s *Store) connect(ctx context.Context) error {
	name := url.URL{Scheme: "file", Path: s.path}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return err
	}
	s.db = db
	db.SetMaxOpenConns(1)
	if s.conn, err = db.Conn(ctx); err != nil {
		return err
	}
	// The lock comes with the first read and keeps a second host off the file.
	if err := s.exec(ctx, "PRAGMA locking_mode=EXCLUSIVE", "PRAGMA trusted_schema=OFF", "PRAGMA cell_size_check=ON"); err != nil {
		return err
	}
	fresh, err := s.recognise(ctx)
	if err != nil {
		return err
	}
	if err := s.settle(ctx); err != nil {
		return err
	}
	if fresh {
		if err := s.create(ctx); err != nil {
			return err
		}
	}
	if err := s.check(ctx); err != nil {
		return err
	}
	return s.prepareStatements(ctx)
}

// recognise reads whose file this is. A file without any content is fresh.
func (s *Store) recognise(ctx context.Context) (fresh bool, err error) {
	var id, version, objects int
	for _, q := range []struct {
		query string
		into  *int
	}{
		{"PRAGMA application_id", &id},
		{"PRAGMA user_version", &version},
		{"SELECT count(*) FROM sqlite_schema", &objects},
	} {
		if err := s.conn.QueryRowContext(ctx, q.query).Scan(q.into); err != nil {
			return false, err
		}
	}
	switch {
	case id == 0 && version == 0 && objects == 0:
		return true, nil
	case id != applicationID:
		return false, ErrForeign
	case version > schemaVersion:
		return false, fmt.Errorf("%w: schema %d, this program knows up to %d", ErrNewer, version, schemaVersion)
	case version < 1:
		return false, fmt.Errorf("%w: schema %d", ErrCorrupt, version)
	}
	return false, nil
}

// settle chooses how the file is written: a log that is synced at every
// commit, and deleted content overwritten with zeros.
func (s *Store) settle(ctx context.Context) error {
	var mode string
	if err := s.conn.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("journal mode is %q, wal was asked for", mode)
	}
	return s.exec(ctx, "PRAGMA synchronous=FULL", "PRAGMA secure_delete=ON", "PRAGMA journal_size_limit=16777216")
}

// create makes the table and the marks by which the file is recognised, all at once.
func (s *Store) create(ctx context.Context) error {
	tx, err := s.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, q := range []string{
		schema,
		fmt.Sprintf("PRAGMA application_id=%d", applicationID),
		fmt.Sprintf("PRAGMA user_version=%d", schemaVersion),
	} {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// check walks the file once, so that damage is reported at the start and not
// by a missing key months later.
func (s *Store) check(ctx context.Context) error {
	var found string
	if err := s.conn.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return fmt.Errorf("%w: %s", ErrCorrupt, found)
	}
	return nil
}

func (s *Store) prepareStatements(ctx context.Context) error {
	for _, p := range []struct {
		query string
		into  **sql.Stmt
	}{
		{"SELECT value FROM blobs WHERE key = ?", &s.get},
		{"SELECT key FROM blobs WHERE key >= ? AND key < ? ORDER BY key LIMIT ?", &s.list},
		{"INSERT INTO blobs (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", &s.put},
		{"DELETE FROM blobs WHERE key = ?", &s.remove},
	} {
		stmt, err := s.conn.PrepareContext(ctx, p.query)
		if err != nil {
			return err
		}
		*p.into = stmt
	}
	return nil
}

func (s *Store) exec(ctx context.Context, queries ...string) error {
	for _, q := range queries {
		if _, err := s.conn.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// release closes whatever is open.
func (s *Store) release() error {
	var errs []error
	for _, stmt := range []*sql.Stmt{s.get, s.list, s.put, s.remove} {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
		s.conn = nil
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
		s.db = nil
	}
	return errors.Join(errs...)
}
