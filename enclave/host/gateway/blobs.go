package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"volar/enclave/host/store"
	"volar/wire"
)

// Store is where the vault's blobs are kept: package store, or a test's.
// Apply is atomic and durable before it returns.
type Store interface {
	Get(ctx context.Context, key string) (value []byte, found bool, err error)
	List(ctx context.Context, prefix, after string, limit int) (keys []string, more bool, err error)
	Apply(ctx context.Context, puts []wire.Blob, deletes []string) error
}

var _ Store = (*store.Store)(nil)

// serveBlobs answers the vault's requests one after the other, so that no
// more than one of them is in memory, until the link fails or carries
// something that is not a request. Alive is called at each request.
func serveBlobs(c net.Conn, s Store, m *Metrics, log *slog.Logger, alive func()) error {
	r := bufio.NewReaderSize(c, 1<<15)
	for {
		b, err := wire.ReadFrame32(r, wire.MaxFrame32)
		if err != nil {
			return err
		}
		alive()
		reply, err := answer(s, m, log, b)
		if err != nil {
			return err
		}
		if err := wire.WriteFrame32(c, reply); err != nil {
			return err
		}
		alive()
	}
}

// answer gives the encoded reply to an encoded request. An error means that b
// is no request at all, so that there is nobody to reply to.
func answer(s Store, m *Metrics, log *slog.Logger, b []byte) ([]byte, error) {
	req, err := wire.DecodeBlobRequest(b)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	op, reply, err := ask(s, req)
	m.store(op, began, err)
	if err == nil {
		var encoded []byte
		if encoded, err = wire.EncodeBlobReply(reply); err == nil {
			return encoded, nil
		}
	}
	log.Error("store request failed", "op", op, "cause", err)
	return wire.EncodeBlobReply(wire.BlobReply{ID: req.ID, Err: excuse(err)})
}

// ask does what a request says.
func ask(s Store, req wire.BlobRequest) (op string, reply wire.BlobReply, err error) {
	// A request is short and, once begun, is finished even when the gateway stops.
	ctx := context.Background()
	reply.ID = req.ID
	switch req.Op {
	case wire.BlobGet:
		reply.Value, reply.Found, err = s.Get(ctx, req.Key)
		return "get", reply, err
	case wire.BlobList:
		reply.Keys, reply.More, err = s.List(ctx, req.Prefix, req.After, wire.MaxKeys)
		return "list", reply, err
	case wire.BlobApply:
		return "apply", reply, s.Apply(ctx, req.Puts, req.Deletes)
	}
	return "unknown", reply, fmt.Errorf("%w: operation %d", store.ErrInvalid, req.Op)
}

// excuse is what the vault is told: the kind of failure, without the host's
// paths and details, which stay in the host's log.
func excuse(err error) string {
	for _, known := range []error{store.ErrInvalid, store.ErrFull, store.ErrCorrupt, store.ErrBroken, store.ErrIO,
		store.ErrInUse, store.ErrClosed} {
		if errors.Is(err, known) {
			return "store: " + known.Error()
		}
	}
	return "store: request failed"
}
