package broker

import (
	"context"
	"fmt"
	"io"
	"strings"

	"volar/wire"
)

// Serve answers requests from pipe with what p says, until the vault closes
// its end (nil) or sends what is no request (an error).
func Serve(ctx context.Context, pipe io.ReadWriter, p Platform) error {
	for {
		b, err := wire.ReadFrame32(pipe, maxFrame)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("broker: serve: %w", err)
		}
		q, err := decode[request](b)
		clear(b) // decode copies
		if err != nil {
			return fmt.Errorf("broker: serve: %w", err)
		}
		r, err := answer(ctx, p, q)
		clear(q.Data)
		if err != nil {
			msg := err.Error()
			r = reply{Err: strings.ToValidUTF8(msg[:min(len(msg), maxErr)], "")}
		}
		r.Version = version
		out, err := encode(r)
		clear(r.Data)
		if err != nil {
			return fmt.Errorf("broker: serve %v: %w", q.Op, err)
		}
		err = wire.WriteFrame32(pipe, out)
		clear(out)
		if err != nil {
			return fmt.Errorf("broker: serve %v: %w", q.Op, err)
		}
	}
}

// answer asks the platform for what a checked request wants.
func answer(ctx context.Context, p Platform, q request) (r reply, err error) {
	switch q.Op {
	case opBind:
		err = p.Bind(ctx, [32]byte(q.Data))
	case opEvidence:
		e, err := p.Evidence(ctx, [64]byte(q.Data))
		if err != nil {
			return reply{}, err
		}
		r.Data, err = e.Marshal()
		return r, err
	case opEpoch:
		r.Epoch, err = p.Epoch(ctx)
	case opSeal:
		r.Data, err = p.Seal(ctx, q.Epoch, q.Data)
	case opUnseal:
		r.Data, err = p.Unseal(ctx, q.Epoch, q.Data)
	case opCommit:
		err = p.Commit(ctx, q.Epoch)
	}
	return r, err
}
