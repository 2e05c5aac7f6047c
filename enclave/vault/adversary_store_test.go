package vault_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"volar/enclave/vault/gallery"
	"volar/wire"
)

// hoard is a host that answers a vault's requests for blobs, keeps every value
// that a key ever had, and does one thing to one message: a request when up,
// or a reply.
type hoard struct {
	machine *machine
	op      string
	up      bool
	index   int

	count    int
	used     bool
	history  map[string][][]byte
	previous []byte // reply
}

// serve answers until the vault hangs up, or this host does.
func (h *hoard) serve(pipe net.Conn) {
	defer pipe.Close()
	out := make(chan []byte, 8) // as a socket has room, also for what nobody asked for
	defer close(out)
	go func() {
		for b := range out {
			_ = wire.WriteFrame32(pipe, b) // a vault that does not listen any more has hung up
		}
	}()
	for {
		b, err := wire.ReadFrame32(pipe, wire.MaxFrame32)
		if err != nil {
			return
		}
		q, err := wire.DecodeBlobRequest(b)
		if err != nil {
			return
		}
		hit := h.op != "" && h.count == h.index
		h.count++
		h.used = h.used || hit
		replies := [][]byte{}
		if hit && h.up {
			for _, q := range h.request(q) {
				replies = [][]byte{encodeReply(h.answer(q))}
			}
		} else {
			a := h.answer(q)
			replies = [][]byte{encodeReply(a)}
			if hit {
				replies = h.reply(q, a)
			}
		}
		if len(replies) == 0 {
			return // dropped: the vault waits for a host that has gone
		}
		for _, r := range replies {
			out <- r
		}
		h.previous = replies[len(replies)-1]
	}
}

func encodeReply(a wire.BlobReply) []byte {
	b, err := wire.EncodeBlobReply(a)
	if err != nil {
		panic(err)
	}
	return b
}

// request is what this host does instead of what it was asked. All that lies is
// in what it keeps: its reply is that of the last request.
func (h *hoard) request(q wire.BlobRequest) []wire.BlobRequest {
	silent := wire.BlobRequest{ID: q.ID, Op: wire.BlobApply} // says done and does nothing
	switch h.op {
	case "drop":
		return nil
	case "duplicate":
		return []wire.BlobRequest{q, q}
	case "flip", "truncate", "splice", "swap":
		if len(q.Puts) == 0 {
			return []wire.BlobRequest{silent}
		}
		q.Puts = slices.Clone(q.Puts)
		for i, p := range q.Puts {
			v := bytes.Clone(p.Value)
			switch h.op {
			case "flip":
				v[len(v)/2] ^= 1
			case "truncate":
				v = v[:len(v)-1]
			default: // another's value: of the same change, or of what is there
				v = bytes.Clone(q.Puts[(i+1)%len(q.Puts)].Value)
				if h.op == "splice" {
					v = h.any(p.Key)
				}
			}
			q.Puts[i].Value = v
		}
	case "replay":
		return []wire.BlobRequest{silent}
	case "delay":
		time.Sleep(time.Hour)
	}
	return []wire.BlobRequest{q}
}

// reply is what this host says instead of a.
func (h *hoard) reply(q wire.BlobRequest, a wire.BlobReply) [][]byte {
	switch h.op {
	case "drop":
		return nil
	case "duplicate":
		return [][]byte{encodeReply(a), encodeReply(a)}
	case "swap":
		if h.previous == nil {
			return nil
		}
		return [][]byte{h.previous, encodeReply(a)}
	case "flip":
		if len(a.Value) > 0 {
			a.Value = bytes.Clone(a.Value)
			a.Value[len(a.Value)/2] ^= 1
		} else {
			a.Found = !a.Found
		}
	case "truncate":
		a.Value, a.Keys = a.Value[:len(a.Value)/2], a.Keys[:len(a.Keys)/2]
	case "splice":
		a.Value = h.any(q.Key)
		a.Found = a.Value != nil
	case "replay":
		if old := h.history[q.Key]; len(old) > 1 {
			a.Value, a.Found = old[0], true
		}
	case "delay":
		time.Sleep(time.Hour)
	}
	b, err := wire.EncodeBlobReply(a)
	if err != nil { // nothing that could be sent: as good as gone
		return nil
	}
	return [][]byte{b}
}

// any is the value of some other key.
func (h *hoard) any(but string) []byte {
	for _, k := range slices.Sorted(maps.Keys(h.machine.blobs)) {
		if k != but {
			return bytes.Clone(h.machine.blobs[k])
		}
	}
	return nil
}

func (h *hoard) answer(q wire.BlobRequest) (a wire.BlobReply) {
	a.ID = q.ID
	ctx := context.Background()
	switch q.Op {
	case wire.BlobGet:
		a.Value, a.Found, _ = h.machine.Get(ctx, q.Key)
	case wire.BlobList:
		a.Keys, a.More, _ = h.machine.List(ctx, q.Prefix, q.After)
	case wire.BlobApply:
		for _, p := range q.Puts {
			h.history[p.Key] = append(h.history[p.Key], bytes.Clone(p.Value))
		}
		_ = h.machine.Apply(ctx, q.Puts, q.Deletes)
	}
	return a
}

// play opens a gallery over this host, enrols three, forgets the second. It
// gives who is there for all that was acknowledged, and who may be.
func (h *hoard) play(t *testing.T, sealer gallery.Sealer) (sure, maybe map[wire.Person]bool) {
	near, far := net.Pipe()
	defer near.Close()
	go h.serve(far)
	ctx := context.Background()
	sure, maybe = map[wire.Person]bool{{1}: true}, map[wire.Person]bool{{1}: true}
	load := map[wire.Person]bool{}
	g, err := gallery.Open(ctx, sealer, gallery.NewRemote(near), gallery.Options{Tenants: tenants, Load: func(_ string, r *gallery.Record) error {
		load[r.Person] = true
		return nil
	}})
	if err != nil {
		return sure, maybe
	}
	if !maps.Equal(load, sure) {
		t.Errorf("the gallery opens with %d people", len(load))
	}
	for _, who := range []wire.Person{{2}, {3}} {
		maybe[who] = true
		if g.Put(ctx, "acme", &gallery.Record{Person: who, Left: [][]byte{bytes.Repeat(who[:1], 100)}}) == nil {
			sure[who] = true
		}
	}
	who := wire.Person{1}
	delete(sure, who)
	if _, err := g.Delete(ctx, "acme", who); err == nil {
		delete(maybe, who)
	}
	return sure, maybe
}

// Whatever a host does to whichever message of the store's traffic: either
// what was acknowledged is there at the next start, or the vault says that the
// store is not what it wrote and does not open.
func TestAdversarialStore(t *testing.T) {
	base := newMachine()
	synctest.Test(t, func(t *testing.T) {
		g, err := gallery.Open(context.Background(), base.platform(t), base, gallery.Options{Tenants: tenants, Load: func(string, *gallery.Record) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Put(context.Background(), "acme", &gallery.Record{Person: wire.Person{1}, Left: [][]byte{{1, 2, 3}}}); err != nil {
			t.Fatal(err)
		}
	})
	messages := 0
	runs, refused := 0, 0
	run := func(op string, up bool, index int) {
		synctest.Test(t, func(t *testing.T) {
			m := base.copy()
			h := &hoard{machine: m, op: op, up: up, index: index, history: map[string][][]byte{}}
			for k, v := range m.blobs {
				h.history[k] = [][]byte{v}
			}
			sure, maybe := h.play(t, m.platform(t))
			if messages = max(messages, h.count); op != "" && !h.used {
				t.Errorf("%s, up %v, message %d: the host had no chance", op, up, index)
			}
			there := map[wire.Person]bool{}
			_, err := gallery.Open(context.Background(), m.platform(t), m, gallery.Options{Tenants: tenants, Load: func(_ string, r *gallery.Record) error {
				there[r.Person] = true
				return nil
			}})
			if err != nil {
				refused++
				if op == "" || op == "delay" || errors.Is(err, io.EOF) {
					t.Errorf("%s, up %v, message %d: %v", op, up, index, err)
				}
				return
			}
			for who := range sure {
				if !there[who] {
					t.Errorf("%s, up %v, message %d: person %d was acknowledged and is not there", op, up, index, who[0])
				}
			}
			for who := range there {
				if !maybe[who] {
					t.Errorf("%s, up %v, message %d: person %d was forgotten and is there", op, up, index, who[0])
				}
			}
		})
	}
	run("", false, 0)
	honest := messages
	for op := range operators {
		for _, up := range []bool{true, false} {
			for index := range honest {
				runs++
				run(op, up, index)
			}
		}
	}
	if honest < 8 || runs != 8*2*honest || refused == 0 || refused == runs {
		t.Errorf("%d messages, %d runs, %d refused at the next start", honest, runs, refused)
	}
	t.Logf("%d messages, %d runs, %d refused at the next start", honest, runs, refused)
}
