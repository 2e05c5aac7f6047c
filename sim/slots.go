package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"volar/hal"
	"volar/hal/store"
)

// slots is a hal.Slots whose boot loader is boot.
type slots struct {
	mu      sync.Mutex
	store   hal.Store
	images  store.Disk
	running string
}

// slotState is what the boot loader reads.
type slotState struct {
	Good    string `json:"good"`    // boots unless Try says otherwise
	Try     string `json:"try"`     // boots once
	Written string `json:"written"` // holds a whole image that may be tried
}

const slotsKey = "slots"

// other is the slot that s is not.
func other(s string) string {
	if s == "a" {
		return "b"
	}
	return "a"
}

// boot decides, as a boot loader does, which slot runs from now on.
func boot(s hal.Store, images store.Disk) (*slots, error) {
	b := &slots{store: s, images: images}
	st, err := b.state()
	if err != nil {
		return nil, err
	}
	b.running = st.Good
	if st.Try != "" {
		b.running, st.Try = st.Try, ""
		if err := b.save(st); err != nil { // before it runs: it may be tried once only
			return nil, err
		}
	}
	return b, nil
}

func (b *slots) state() (slotState, error) {
	st := slotState{Good: "a"}
	raw, err := b.store.Get(slotsKey)
	if errors.Is(err, hal.ErrNotFound) {
		return st, nil
	}
	if err != nil {
		return st, err
	}
	if err := json.Unmarshal(raw, &st); err != nil {
		return st, fmt.Errorf("sim: read the slots: %w", err)
	}
	return st, nil
}

func (b *slots) save(st slotState) error {
	raw, err := json.Marshal(st)
	if err != nil {
		return fmt.Errorf("sim: save the slots: %w", err)
	}
	return b.store.Put(slotsKey, raw)
}

// Running is "a" or "b".
func (b *slots) Running() string { return b.running }

// WriteOther writes an image into the slot that does not run. From its first
// byte until it is whole, that slot cannot be tried.
func (b *slots) WriteOther(ctx context.Context, r io.Reader) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	st, err := b.state()
	if err != nil {
		return err
	}
	if st.Good != b.running {
		return fmt.Errorf("sim: write slot %s: it is the good one while %s is on trial", st.Good, b.running)
	}
	to := other(b.running)
	st.Written, st.Try = "", ""
	if err := b.save(st); err != nil {
		return err
	}
	if err := b.images.Write("slot-"+to, &image{ctx: ctx, r: r}); err != nil {
		return fmt.Errorf("sim: write slot %s: %w", to, err)
	}
	if err := b.images.Sync(); err != nil {
		return fmt.Errorf("sim: write slot %s: %w", to, err)
	}
	st.Written = to
	return b.save(st)
}

// maxImage bounds an image, in bytes.
const maxImage = 1 << 30

// image is a reader that stops with its context, and at maxImage.
type image struct {
	ctx  context.Context
	r    io.Reader
	read int64
}

func (i *image) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := i.r.Read(p)
	if i.read += int64(n); i.read > maxImage {
		return 0, fmt.Errorf("image has more than %d bytes", maxImage)
	}
	return n, err
}

// TryOther lets the next boot be of the other slot, once.
func (b *slots) TryOther() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	st, err := b.state()
	if err != nil {
		return err
	}
	if to := other(b.running); st.Written != to {
		return fmt.Errorf("sim: try slot %s: no whole image was written to it", to)
	}
	st.Try = st.Written
	return b.save(st)
}

// Confirm keeps the running slot.
func (b *slots) Confirm() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	st, err := b.state()
	if err != nil {
		return err
	}
	st.Good, st.Written = b.running, ""
	return b.save(st)
}
