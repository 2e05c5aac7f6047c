package gallery_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"volar/enclave/vault/gallery"
	"volar/wire"
)

// serve answers each request with what f says, in the host's place.
func serve(t *testing.T, f func(wire.BlobRequest) wire.BlobReply) *gallery.Remote {
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close() })
	go func() {
		defer far.Close()
		for {
			b, err := wire.ReadFrame32(far, wire.MaxFrame32)
			if err != nil {
				return
			}
			q, err := wire.DecodeBlobRequest(b)
			if err != nil {
				t.Errorf("asked: %v", err)
				return
			}
			b, err = wire.EncodeBlobReply(f(q))
			if err != nil || wire.WriteFrame32(far, b) != nil {
				return
			}
		}
	}()
	return gallery.NewRemote(near)
}

// A gallery over the pipe is the gallery.
func TestRemote(t *testing.T) {
	m := newMachine(t)
	remote := serve(t, func(q wire.BlobRequest) wire.BlobReply {
		r := wire.BlobReply{ID: q.ID}
		switch q.Op {
		case wire.BlobGet:
			r.Value, r.Found, _ = m.Get(ctx, q.Key)
		case wire.BlobList:
			r.Keys, r.More, _ = m.List(ctx, q.Prefix, q.After)
		case wire.BlobApply:
			if m.Apply(ctx, q.Puts, q.Deletes) != nil {
				r.Err = "disk full at /secret/path"
			}
		}
		return r
	})
	got := people{}
	open := func() (*gallery.Gallery, error) {
		return gallery.Open(ctx, m.sealer(), remote, gallery.Options{Tenants: both, Load: func(tenant string, r *gallery.Record) error {
			got[who(tenant, r.Person[0])] = string(r.Left[0])
			return nil
		}})
	}
	g, err := open()
	if err != nil {
		t.Fatal(err)
	}
	put(t, g, "acme", 1, "one")
	put(t, g, "bloom", 2, "two")
	m.fault = fault{at: 1}
	if err := g.Put(ctx, "acme", record(3, "three")); !errors.Is(err, gallery.ErrHost) || strings.Contains(err.Error(), "secret") {
		t.Errorf("a host that fails: %v", err)
	}
	if _, err := open(); err != nil {
		t.Fatal(err)
	}
	same(t, "over the pipe", got, people{who("acme", 1): "one", who("bloom", 2): "two"})
}

// A host that answers another question is not asked again.
func TestRemoteRefuses(t *testing.T) {
	r := serve(t, func(q wire.BlobRequest) wire.BlobReply { return wire.BlobReply{ID: q.ID + 1} })
	if _, _, err := r.Get(ctx, "k"); err == nil || !strings.Contains(err.Error(), "reply to request 2, asked 1") {
		t.Error(err)
	}
	if err := r.Apply(ctx, []wire.Blob{{Key: "k"}}, nil); err == nil || !strings.Contains(err.Error(), "broken before") {
		t.Error(err)
	}
	r = serve(t, func(q wire.BlobRequest) wire.BlobReply { return wire.BlobReply{ID: q.ID, Found: true} })
	over, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := r.List(over, "", ""); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, found, err := r.Get(ctx, "k"); err != nil || !found {
		t.Errorf("after a context that was over: %v, %v", found, err)
	}
}

// lister is a store whose List lies.
type lister struct {
	*machine
	list func(prefix, after string) ([]string, bool)
}

func (l lister) List(_ context.Context, prefix, after string) ([]string, bool, error) {
	keys, more := l.list(prefix, after)
	return keys, more, nil
}

// A host cannot keep the vault busy with a list without end or order.
func TestListThatLies(t *testing.T) {
	for name, list := range map[string]func(prefix, after string) ([]string, bool){
		"more after nothing": func(string, string) ([]string, bool) { return nil, true },
		"the same again":     func(prefix, _ string) ([]string, bool) { return []string{prefix + "1"}, true },
		"another prefix":     func(string, string) ([]string, bool) { return []string{"zzz"}, false },
	} {
		m := newMachine(t)
		m.mustOpen(acme)
		_, err := gallery.Open(ctx, m.sealer(), lister{m, list}, gallery.Options{Tenants: []gallery.Tenant{acme}})
		if !errors.Is(err, gallery.ErrAltered) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
