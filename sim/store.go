package sim

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync"

	"volar/hal"
)

// store is a hal.Store on a disk: a value is written beside the old one, read
// back, and only then takes its name.
type store struct {
	mu   sync.Mutex
	disk disk
}

// fresh is the file that a value is in before it has its name. No key begins
// with a dot.
const fresh = ".fresh"

// Get returns the value of key.
func (s *store) Get(key string) ([]byte, error) {
	if err := hal.CheckKey(key); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.disk.read(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("sim: get %s: %w", key, hal.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("sim: get %s: %w", key, err)
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
		return fmt.Errorf("sim: put %s: %w", key, err)
	}
	return nil
}

func (s *store) put(key string, val []byte) error {
	if err := s.disk.write(fresh, bytes.NewReader(val)); err != nil {
		return err
	}
	back, err := s.disk.read(fresh)
	if err != nil {
		return err
	}
	if !bytes.Equal(back, val) {
		return errors.New("what was read back is not what was written")
	}
	if err := s.disk.rename(fresh, key); err != nil {
		return err
	}
	return s.disk.sync()
}

// Delete forgets key.
func (s *store) Delete(key string) error {
	if err := hal.CheckKey(key); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.disk.remove(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = s.disk.sync()
	}
	if err != nil {
		return fmt.Errorf("sim: delete %s: %w", key, err)
	}
	return nil
}

// counter is a hal.Counter in a store. It is safe against power cuts, not
// against whoever holds the disk: that needs a TPM.
type counter struct {
	mu    sync.Mutex
	store *store
}

const counterKey = "counter"

// Value is 0 on a new unit.
func (c *counter) Value() (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value()
}

func (c *counter) value() (uint64, error) {
	b, err := c.store.Get(counterKey)
	if errors.Is(err, hal.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("sim: read the counter: %w", err)
	}
	return v, nil
}

// RaiseTo never lowers.
func (c *counter) RaiseTo(v uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, err := c.value()
	if err != nil {
		return err
	}
	if v < old {
		return fmt.Errorf("sim: lower the counter from %d to %d: it only goes up", old, v)
	}
	if v == old {
		return nil
	}
	return c.store.Put(counterKey, strconv.AppendUint(nil, v, 10))
}
