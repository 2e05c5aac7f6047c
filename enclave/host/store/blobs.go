package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"volar/wire"
)

// Get reads the value of key. A key that is not there is no error.
func (s *Store) Get(ctx context.Context, key string) (value []byte, found bool, err error) {
	if err := checkKey(key); err != nil {
		return nil, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil, false, fmt.Errorf("store: get: %w", ErrClosed)
	}
	err = s.get.QueryRowContext(ctx, []byte(key)).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, describe("get", err)
	}
	return value, true, nil
}

// List reads at most limit (1 to wire.MaxKeys) keys that begin with prefix and come
// after the key after, in the order of their bytes. More says that there are
// further ones: call again with the last key as after.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) (keys []string, more bool, err error) {
	if err := checkRange(prefix, after, limit); err != nil {
		return nil, false, err
	}
	from, to := span(prefix, after)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil, false, fmt.Errorf("store: list: %w", ErrClosed)
	}
	rows, err := s.list.QueryContext(ctx, from, to, limit+1)
	if err != nil {
		return nil, false, describe("list", err)
	}
	defer rows.Close()
	for rows.Next() {
		var key []byte
		if err := rows.Scan(&key); err != nil {
			return nil, false, describe("list", err)
		}
		keys = append(keys, string(key))
	}
	if err := rows.Err(); err != nil {
		return nil, false, describe("list", err)
	}
	if len(keys) > limit {
		return keys[:limit], true, nil
	}
	return keys, false, nil
}

// Apply stores all puts and removes all deletes, or does nothing at all. When
// it returns nil the disk holds it. Deleting a key that is not there is no error.
// After a disk error nothing more is written: what reached the disk is known
// only to the next Open.
func (s *Store) Apply(ctx context.Context, puts []wire.Blob, deletes []string) error {
	if err := checkApply(puts, deletes); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.conn == nil:
		return fmt.Errorf("store: apply: %w", ErrClosed)
	case s.broken != nil:
		return fmt.Errorf("store: apply: %w: %w", ErrBroken, s.broken)
	}
	if err := s.commit(ctx, puts, deletes); err != nil {
		if m := meaningOf(err); m == ErrIO || m == ErrCorrupt {
			s.broken = err
		}
		return describe("apply", err)
	}
	return nil
}

func (s *Store) commit(ctx context.Context, puts []wire.Blob, deletes []string) error {
	tx, err := s.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	put, remove := tx.StmtContext(ctx, s.put), tx.StmtContext(ctx, s.remove)
	for _, p := range puts {
		value := p.Value
		if value == nil {
			value = []byte{} // nil would be NULL
		}
		if _, err := put.ExecContext(ctx, []byte(p.Key), value); err != nil {
			return err
		}
	}
	for _, key := range deletes {
		if _, err := remove.ExecContext(ctx, []byte(key)); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// span is the half-open range of keys that List reads. Keys are printable
// ASCII, so the next byte of a prefix's last one always exists.
func span(prefix, after string) (from, to []byte) {
	from, to = []byte(prefix), []byte{0x7f}
	if prefix != "" {
		to = []byte(prefix)
		to[len(to)-1]++
	}
	if after != "" && after >= prefix {
		from = append([]byte(after), 0) // the least key that is greater
	}
	return from, to
}

func checkKey(key string) error {
	if len(key) == 0 || len(key) > wire.MaxKey {
		return fmt.Errorf("store: key: %w: %d bytes, allowed are 1 to %d", ErrInvalid, len(key), wire.MaxKey)
	}
	return checkText("key", key)
}

// checkText allows what is safe in any log and sorts the same everywhere.
func checkText(what, text string) error {
	for i := range len(text) {
		if text[i] < 0x21 || text[i] > 0x7e {
			return fmt.Errorf("store: %s: %w: byte %d is not printable ASCII", what, ErrInvalid, i)
		}
	}
	return nil
}

func checkRange(prefix, after string, limit int) error {
	if limit < 1 || limit > wire.MaxKeys {
		return fmt.Errorf("store: list: %w: limit %d, allowed are 1 to %d", ErrInvalid, limit, wire.MaxKeys)
	}
	for _, t := range []struct{ what, text string }{{"prefix", prefix}, {"after", after}} {
		if len(t.text) > wire.MaxKey {
			return fmt.Errorf("store: %s: %w: %d bytes, allowed are %d", t.what, ErrInvalid, len(t.text), wire.MaxKey)
		}
		if err := checkText(t.what, t.text); err != nil {
			return err
		}
	}
	return nil
}

func checkApply(puts []wire.Blob, deletes []string) error {
	if n := len(puts) + len(deletes); n == 0 || n > wire.MaxChanges {
		return fmt.Errorf("store: apply: %w: %d changes, allowed are 1 to %d", ErrInvalid, n, wire.MaxChanges)
	}
	seen := make(map[string]bool, len(puts)+len(deletes))
	once := func(key string) error {
		if err := checkKey(key); err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("store: apply: %w: a key is changed twice", ErrInvalid)
		}
		seen[key] = true
		return nil
	}
	for _, p := range puts {
		if err := once(p.Key); err != nil {
			return err
		}
		if len(p.Value) > wire.MaxValue {
			return fmt.Errorf("store: apply: %w: value of %d bytes, allowed are %d", ErrInvalid, len(p.Value), wire.MaxValue)
		}
	}
	for _, key := range deletes {
		if err := once(key); err != nil {
			return err
		}
	}
	return nil
}
