package sim

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"volar/hal"
)

// counter is a hal.Counter in a store. It is safe against power cuts, not
// against whoever holds the disk: that needs a TPM.
type counter struct {
	mu    sync.Mutex
	store hal.Store
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
