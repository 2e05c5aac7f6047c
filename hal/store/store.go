// Package store keeps values on a disk, each whole through power cuts.
package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"volar/hal"
)

// store is a hal.Store. A value is written beside the old one,
// synced and read back, and only then takes its name, so a power cut at any
// moment leaves the old value or the new one.
type store struct {
	mu   sync.Mutex
	disk Disk
}

// fresh is the file that a value is in before it has its name. No key begins
// with a dot.
const fresh = ".fresh"

// Open is a store in a folder, as OpenFolder opens it.
func Open(dir string) (hal.Store, error) {
	d, err := OpenFolder(dir)
	if err != nil {
		return nil, err
	}
	return On(d), nil
}

// On is a store on a disk that nobody else writes to.
func On(d Disk) hal.Store { return &store{disk: d} }

// Get returns the value of key.
func (s *store) Get(key string) ([]byte, error) {
	if err := hal.CheckKey(key); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.disk.Read(key)
	if errors.Is(err, fs.ErrNotExist) {
		err = hal.ErrNotFound
	}
	if err == nil {
		err = hal.CheckValue(b)
	}
	if err != nil {
		return nil, fmt.Errorf("store: get %s: %w", key, err)
	}
	return b, nil
}

// Put writes val, all or nothing.
func (s *store) Put(key string, val []byte) error {
	if err := errors.Join(hal.CheckKey(key), hal.CheckValue(val)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.put(key, val); err != nil {
		return fmt.Errorf("store: put %s: %w", key, err)
	}
	return nil
}

func (s *store) put(key string, val []byte) error {
	if err := s.disk.Write(fresh, bytes.NewReader(val)); err != nil {
		return err
	}
	back, err := s.disk.Read(fresh)
	if err != nil {
		return err
	}
	if !bytes.Equal(back, val) {
		return errors.New("what was read back is not what was written")
	}
	if err := s.disk.Rename(fresh, key); err != nil {
		return err
	}
	return s.disk.Sync()
}

// Delete forgets key.
func (s *store) Delete(key string) error {
	if err := hal.CheckKey(key); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.disk.Remove(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = s.disk.Sync()
	}
	if err != nil {
		return fmt.Errorf("store: delete %s: %w", key, err)
	}
	return nil
}

var _ hal.Store = (*store)(nil)
