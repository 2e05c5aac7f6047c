package provision_test

import (
	"bytes"
	"context"
	"io"
	"testing"

	"volar/firmware/provision"
	"volar/firmware/provision/rehearsal"
	"volar/wire/prov"
)

// nowhere is a line that swallows.
type nowhere struct{ io.Reader }

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

// FuzzServe: whatever somebody without a ticket puts on the line, the unit
// goes on, keeps its state, and restarts at most where it is not sealed.
func FuzzServe(f *testing.F) {
	packet := func(op prov.Op, group uint16, id uint8, body []byte) []byte {
		return prov.AppendFrame(nil, prov.AppendPacket(nil, prov.Header{Op: op, Group: group, ID: id}, body))
	}
	shake, _ := prov.Shake{Step: 1, Data: make([]byte, 32)}.Encode()
	third, _ := prov.Shake{Step: 3, Data: make([]byte, 200)}.Encode()
	box, _ := prov.Box{Data: make([]byte, 40)}.Encode()
	f.Add(packet(prov.Read, prov.GroupPalm, prov.PalmStatus, []byte{0xa0}))
	f.Add(append(packet(prov.Write, prov.GroupPalm, prov.PalmShake, shake), packet(prov.Write, prov.GroupPalm, prov.PalmShake, third)...))
	f.Add(packet(prov.Write, prov.GroupPalm, prov.PalmSealed, box))
	f.Add(packet(prov.Write, prov.GroupOS, prov.OSReset, []byte{0xa0}))
	f.Add([]byte("status\r\nIMPROV\x01\x03\x02\x02\x00\xe5\n"))
	u := rehearsal.NewUnit(serial)
	if err := provision.SealForTest(u.Store); err != nil {
		f.Fatal(err)
	}
	before, err := u.Store.Get("provision")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if err := u.Serve(context.Background(), nowhere{bytes.NewReader(in)}); err == nil {
			t.Error("it ended without an error of the line")
		}
		after, err := u.Store.Get("provision")
		if err != nil || !bytes.Equal(before, after) || u.Chip.Wiped() {
			t.Errorf("the unit has changed: %v", err)
		}
		if _, restarts := u.Resets(); restarts > 0 {
			t.Error("a sealed unit was restarted")
		}
	})
}

// FuzzRequests: whatever a bench with a ticket for logs asks, the unit does
// nothing but read.
func FuzzRequests(f *testing.F) {
	for v := prov.Prove; v.String() != "no verb"; v++ {
		b, err := prov.Request{Verb: v, Body: []byte{0x80}}.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint8(prov.MayReadLogs))
		f.Add(b, uint8(prov.MayProvision))
	}
	u := rehearsal.NewUnit(serial)
	f.Fuzz(func(t *testing.T, in []byte, rights uint8) {
		rights &= uint8(prov.MayReadLogs | prov.MayUpdate)
		provision.RequestForTest(u.Store, u.Chip, prov.Rights(rights), in)
		if len(u.Store.Keys()) != 0 || u.Chip.Wiped() {
			t.Error("the unit has changed")
		}
	})
}
