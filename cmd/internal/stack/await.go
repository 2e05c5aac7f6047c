package stack

import (
	"context"
	"fmt"
	"time"

	"volar/hal"
	"volar/wire/link"
)

// await opens a session as a device would, with a key that is used for
// nothing else: until then it is not known whether a vault has started, and
// whether devices accept it.
func (s *Stack) await(ctx context.Context) error {
	key, err := link.GenerateKey()
	if err != nil {
		return fmt.Errorf("stack: %w", err)
	}
	unit, err := s.Unit("stack", key.Public())
	if err != nil {
		return err
	}
	dial, err := unit.Dialer(key, scratch{}, nil)
	if err != nil {
		return fmt.Errorf("stack: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, readyFor)
	defer cancel()
	for {
		session, err := dial(ctx)
		if err == nil {
			session.Close()
			s.before, err = s.received(ctx)
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stack: no vault that a device accepts: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// scratch is a store that is forgotten.
type scratch map[string][]byte

var _ hal.Store = scratch{}

func (m scratch) Get(key string) ([]byte, error) {
	if b, ok := m[key]; ok {
		return b, nil
	}
	return nil, hal.ErrNotFound
}
func (m scratch) Put(key string, val []byte) error { m[key] = val; return nil }
func (m scratch) Delete(key string) error          { delete(m, key); return nil }
