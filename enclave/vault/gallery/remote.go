package gallery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"volar/wire"
)

// ErrHost wraps what the host said when it could not do what was asked.
var ErrHost = errors.New("the host could not")

// Remote is the host's store at the other end of a pipe. One request, one
// reply, in turn. After an error of the pipe itself every call fails.
type Remote struct {
	mu     sync.Mutex
	pipe   io.ReadWriter
	id     uint64
	broken error
}

var _ Blobs = (*Remote)(nil)

// NewRemote speaks over pipe, which nothing else may use.
func NewRemote(pipe io.ReadWriter) *Remote { return &Remote{pipe: pipe} }

// Get implements Blobs.
func (r *Remote) Get(ctx context.Context, key string) ([]byte, bool, error) {
	a, err := r.call(ctx, wire.BlobRequest{Op: wire.BlobGet, Key: key})
	return a.Value, a.Found, err
}

// List implements Blobs.
func (r *Remote) List(ctx context.Context, prefix, after string) ([]string, bool, error) {
	a, err := r.call(ctx, wire.BlobRequest{Op: wire.BlobList, Prefix: prefix, After: after})
	return a.Keys, a.More, err
}

// Apply implements Blobs.
func (r *Remote) Apply(ctx context.Context, puts []wire.Blob, deletes []string) error {
	_, err := r.call(ctx, wire.BlobRequest{Op: wire.BlobApply, Puts: puts, Deletes: deletes})
	return err
}

func (r *Remote) call(ctx context.Context, q wire.BlobRequest) (wire.BlobReply, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return wire.BlobReply{}, fmt.Errorf("gallery: ask the host: pipe broken before: %w", r.broken)
	}
	if err := ctx.Err(); err != nil {
		return wire.BlobReply{}, fmt.Errorf("gallery: ask the host: %w", err)
	}
	r.id++
	q.ID = r.id
	b, err := wire.EncodeBlobRequest(q)
	if err != nil {
		return wire.BlobReply{}, fmt.Errorf("gallery: ask the host: %w", err)
	}
	a, err := r.exchange(b)
	if err != nil {
		r.broken = err
		return wire.BlobReply{}, fmt.Errorf("gallery: ask the host: %w", err)
	}
	if a.Err != "" {
		// The host's words go no further: they are not ours to print.
		return wire.BlobReply{}, fmt.Errorf("gallery: ask the host: %w", ErrHost)
	}
	return a, nil
}

func (r *Remote) exchange(b []byte) (wire.BlobReply, error) {
	if err := wire.WriteFrame32(r.pipe, b); err != nil {
		return wire.BlobReply{}, err
	}
	b, err := wire.ReadFrame32(r.pipe, wire.MaxFrame32)
	if err != nil {
		return wire.BlobReply{}, err
	}
	a, err := wire.DecodeBlobReply(b)
	if err == nil && a.ID != r.id {
		err = fmt.Errorf("reply to request %d, asked %d", a.ID, r.id)
	}
	return a, err
}
