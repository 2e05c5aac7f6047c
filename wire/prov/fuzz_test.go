package prov

import (
	"bytes"
	"crypto/ed25519"
	"testing"
)

// FuzzScanner: whatever comes over a line, in whatever pieces, nothing is kept
// beyond a packet and a line, and every packet that comes out is well formed.
func FuzzScanner(f *testing.F) {
	f.Add(AppendFrame(nil, AppendPacket(nil, Header{Op: Write, Group: GroupPalm, ID: PalmSealed}, []byte("body"))), uint8(3))
	f.Add([]byte("boot\r\nIMPROV\x01\x03\x02\x02\x00\xe5\nlogin: "), uint8(1))
	f.Add([]byte("\x06\x09AAA=\n\x04\x14\n\x06\x06\x09"), uint8(7))
	f.Add(bytes.Repeat([]byte("IMPROV\x01\x03\xff"), 9), uint8(200))
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		var whole, pieces Scanner
		a := whole.Push(in)
		var b []Event
		for rest := in; len(rest) > 0; {
			n := min(int(step)+1, len(rest))
			b = append(b, pieces.Push(rest[:n])...)
			rest = rest[n:]
		}
		if len(a) != len(b) {
			t.Fatalf("%d events at once, %d in pieces", len(a), len(b))
		}
		for i, e := range a {
			if e.Line != b[i].Line || !bytes.Equal(e.Packet, b[i].Packet) {
				t.Fatalf("event %d differs", i)
			}
			if e.Packet != nil {
				if _, err := ParseHeader(e.Packet); err != nil {
					t.Error(err)
				}
			}
			if len(e.Line) > MaxLine || e.Line != Clean(e.Line) {
				t.Errorf("line %q", e.Line)
			}
		}
		if len(whole.line) > MaxLine+1 || cap(whole.frame.raw) > 4*MaxPacket || len(whole.improv.got) > 300 {
			t.Errorf("the scanner keeps %d, %d and %d bytes", len(whole.line), cap(whole.frame.raw), len(whole.improv.got))
		}
	})
}

// FuzzBodies: what is read encodes to the same bytes again.
func FuzzBodies(f *testing.F) {
	st, _ := Status{Protocol: Version, Serial: "1"}.Encode()
	box, _ := Box{1, []byte("x")}.Encode()
	request, _ := Request{Verb: Prove}.Encode()
	block, _ := EncodeBody(Block{Part: PartSettings, Total: 1, Data: []byte{1}})
	for _, b := range [][]byte{st, box, request, block, Fail(CodeDenied, "no"), Parameters(), {0xa0}} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		same := func(name string, out []byte, err error) {
			if err != nil || !bytes.Equal(in, out) {
				t.Errorf("%s: %x is read and written as %x, %v", name, in, out, err)
			}
		}
		if v, err := ParseStatus(in); err == nil {
			b, err := v.Encode()
			same("status", b, err)
		}
		if v, err := ParseShake(in); err == nil {
			b, err := v.Encode()
			same("shake", b, err)
		}
		if v, err := ParseBox(in); err == nil {
			b, err := v.Encode()
			same("box", b, err)
		}
		if v, err := ParsePiece(in); err == nil {
			b, err := v.Encode()
			same("piece", b, err)
		}
		if v, err := ParseRequest(in); err == nil {
			b, err := v.Encode()
			same("request", b, err)
		}
		if v, err := ParseBody[Block](in); err == nil {
			b, err := EncodeBody(v)
			same("block", b, err)
		}
		if v, err := ParseBody[Proof](in); err == nil {
			b, err := EncodeBody(v)
			same("proof", b, err)
		}
		if _, err := ParseAnswer(in); err != nil && len(err.Error()) > 4096 {
			t.Error("a long error")
		}
		_, _ = Echo(in)
		_, _, _ = ParseImprovCall(in)
	})
}

// FuzzTicketAndSettings: neither is taken in two encodings.
func FuzzTicketAndSettings(f *testing.F) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	ticket, err := SignTicket(Ticket{Serial: "1", Technician: "Ada", Key: [32]byte{1}, Rights: MayProvision, Number: 1, NotAfter: 1, Tenant: "acme", Operator: [32]byte{1}}, key)
	if err != nil {
		f.Fatal(err)
	}
	s := Settings{Name: "door", Site: "dock", Tenant: "acme", Gateway: "host:1", Operator: [32]byte{1}, Credential: []byte{1}, Policy: []byte{1}}
	settings, err := s.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ticket)
	f.Add(settings)
	f.Fuzz(func(t *testing.T, in []byte) {
		if got, err := OpenTicket(in, key.Public().(ed25519.PublicKey)); err == nil {
			if out, err := SignTicket(got, key); err != nil || !bytes.Equal(in, out) {
				t.Errorf("two encodings of one ticket: %v", err)
			}
		}
		if got, err := ParseSettings(in); err == nil {
			if out, err := got.Encode(); err != nil || !bytes.Equal(in, out) {
				t.Errorf("two encodings of one set of settings: %v", err)
			}
		}
	})
}
