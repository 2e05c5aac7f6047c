package broker

import (
	"context"
	"fmt"
	"io"
	"sync"

	"volar/enclave/attest"
	"volar/wire"
)

// Client is the vault's end of the pipe: a Platform that asks the launcher.
// After an error of the pipe itself every call fails.
type Client struct {
	mu     sync.Mutex
	pipe   io.ReadWriter
	broken error
}

var _ Platform = (*Client)(nil)

// NewClient speaks over pipe, which nothing else may use.
func NewClient(pipe io.ReadWriter) *Client { return &Client{pipe: pipe} }

// Bind implements Platform.
func (c *Client) Bind(ctx context.Context, vaultKey [32]byte) error {
	_, err := c.call(ctx, request{Op: opBind, Data: vaultKey[:]})
	return err
}

// Evidence implements Platform.
func (c *Client) Evidence(ctx context.Context, reportData [64]byte) (attest.Evidence, error) {
	r, err := c.call(ctx, request{Op: opEvidence, Data: reportData[:]})
	if err != nil {
		return attest.Evidence{}, err
	}
	e, err := attest.ParseEvidence(r.Data)
	if err != nil {
		return attest.Evidence{}, fmt.Errorf("broker: evidence: %w", err)
	}
	return e, nil
}

// Epoch implements Platform.
func (c *Client) Epoch(ctx context.Context) (uint64, error) {
	r, err := c.call(ctx, request{Op: opEpoch})
	return r.Epoch, err
}

// Seal implements Platform.
func (c *Client) Seal(ctx context.Context, epoch uint64, secret []byte) ([]byte, error) {
	r, err := c.call(ctx, request{Op: opSeal, Epoch: epoch, Data: secret})
	return r.Data, err
}

// Unseal implements Platform.
func (c *Client) Unseal(ctx context.Context, epoch uint64, sealed []byte) ([]byte, error) {
	r, err := c.call(ctx, request{Op: opUnseal, Epoch: epoch, Data: sealed})
	return r.Data, err
}

// Commit implements Platform.
func (c *Client) Commit(ctx context.Context, epoch uint64) error {
	_, err := c.call(ctx, request{Op: opCommit, Epoch: epoch})
	return err
}

// call sends one request and waits for its reply.
func (c *Client) call(ctx context.Context, q request) (reply, error) {
	q.Version = version
	b, err := encode(q)
	if err != nil {
		return reply{}, fmt.Errorf("broker: %v: %w", q.Op, err)
	}
	defer clear(b) // it may hold a secret
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return reply{}, fmt.Errorf("broker: %v: pipe broken before: %w", q.Op, c.broken)
	}
	if err := ctx.Err(); err != nil {
		return reply{}, fmt.Errorf("broker: %v: %w", q.Op, err)
	}
	r, err := c.exchange(b)
	if err != nil {
		c.broken = err
		return reply{}, fmt.Errorf("broker: %v: %w", q.Op, err)
	}
	if r.Err != "" {
		return reply{}, fmt.Errorf("broker: %v: %w: %s", q.Op, ErrRefused, r.Err)
	}
	return r, nil
}

func (c *Client) exchange(b []byte) (reply, error) {
	if err := wire.WriteFrame32(c.pipe, b); err != nil {
		return reply{}, err
	}
	answer, err := wire.ReadFrame32(c.pipe, maxFrame)
	if err != nil {
		return reply{}, err
	}
	defer clear(answer) // decode copies
	return decode[reply](answer)
}
