package link

import (
	"bytes"
	"context"
	"testing"

	"github.com/flynn/noise"

	"volar/wire"
)

// deviceFrames is an honest device's handshake, a frame at a time.
type deviceFrames struct {
	r     *Responder
	w     *world
	hello wire.Hello
	hs    *noise.HandshakeState
	frame []byte // the next
	wrote int
}

func newDeviceFrames(t *testing.T, w *world, r *Responder) *deviceFrames {
	t.Helper()
	d := &deviceFrames{r: r, w: w, hello: wire.Hello{Tenant: tenant, Nonce: [32]byte{5}}}
	b, err := wire.EncodeHello(d.hello)
	if err != nil {
		t.Fatal(err)
	}
	d.frame = append([]byte{frameHello}, b...)
	return d
}

// step delivers the next frame and makes the one after it from the reply.
func (d *deviceFrames) step(t *testing.T) {
	t.Helper()
	reply, _, err := d.r.Receive(context.Background(), d.frame)
	if err != nil {
		t.Fatal(err)
	}
	if d.wrote++; d.wrote == 1 {
		vault := d.w.vault.Public()
		if d.hs, err = newHandshake(true, d.w.device, vault[:], prologue(d.hello, reply[1:], [32]byte{})); err != nil {
			t.Fatal(err)
		}
		d.frame, _, _, err = d.hs.WriteMessage([]byte{frameFirst}, nil)
	} else if d.wrote == 2 {
		if _, _, _, err = d.hs.ReadMessage(nil, reply[1:]); err != nil {
			t.Fatal(err)
		}
		d.frame, _, _, err = d.hs.WriteMessage([]byte{frameThird}, d.w.credential)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func flipped(b []byte, bit int) []byte {
	bad := bytes.Clone(b)
	bad[bit/8] ^= 1 << (bit % 8)
	return bad
}
