package prov

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	mrand "math/rand/v2"
	"strings"
	"testing"
)

func packet(n int) []byte {
	body := make([]byte, n)
	rand.Read(body)
	return AppendPacket(nil, Header{Op: Write, Version: 1, Group: GroupPalm, Seq: 7, ID: PalmSealed}, body)
}

// An echo as Zephyr's mcumgr frames it.
func TestFrameIsZephyrs(t *testing.T) {
	body := []byte{0xbf, 0x61, 0x64, 0x65, 'h', 'e', 'l', 'l', 'o', 0xff} // {_ "d": "hello"}
	p := AppendPacket(nil, Header{Op: Write, Group: GroupOS, Seq: 66, ID: OSEcho}, body)
	frame := AppendFrame(nil, p)
	if !bytes.HasPrefix(frame, []byte("\x06\x09")) || frame[len(frame)-1] != '\n' {
		t.Fatalf("%q", frame)
	}
	raw, err := base64.StdEncoding.DecodeString(string(frame[2 : len(frame)-1]))
	if err != nil {
		t.Fatal(err)
	}
	// CRC-16/XMODEM of "123456789" is 0x31C3 (the catalogue of CRC algorithms).
	if crc16([]byte("123456789")) != 0x31c3 {
		t.Errorf("CRC %#x", crc16([]byte("123456789")))
	}
	want := append([]byte{0, byte(len(p) + 2)}, p...)
	if c := crc16(p); !bytes.Equal(raw, append(want, byte(c>>8), byte(c))) {
		t.Errorf("%x", raw)
	}
}

// What is sent arrives, whatever its length, in lines of at most 127 bytes.
func TestFrames(t *testing.T) {
	for n := 0; n <= MaxPacket-HeaderSize; n += 1 + n/40 {
		p := packet(n)
		frame := AppendFrame(nil, p)
		for line := range bytes.Lines(frame) {
			if len(line) > 127 {
				t.Fatalf("%d bytes: line of %d", n, len(line))
			}
		}
		var s Scanner
		events := s.Push(frame)
		if len(events) != 1 || !bytes.Equal(events[0].Packet, p) {
			t.Fatalf("%d bytes: %d events", n, len(events))
		}
	}
}

// Text between the lines of a frame, before it and behind it does not harm
// it; text inside of a line costs that frame alone.
func TestTextAmongFrames(t *testing.T) {
	p := packet(700)
	lines := bytes.SplitAfter(AppendFrame(nil, p), []byte("\n"))
	var mixed []byte
	for i, l := range lines {
		mixed = append(mixed, []byte("[  12.345] usb 1-1: new device\r\n")...)
		if i%2 == 0 {
			mixed = append(mixed, "half a line of text"...)
		}
		mixed = append(mixed, l...)
	}
	var s Scanner
	var packets [][]byte
	texts := 0
	for _, e := range s.Push(mixed) {
		switch {
		case e.Packet != nil:
			packets = append(packets, e.Packet)
		case e.Line != "":
			texts++
		case e.Broken != nil:
			t.Error(e.Broken)
		}
	}
	if len(packets) != 1 || !bytes.Equal(packets[0], p) || texts < len(lines) {
		t.Errorf("%d packets, %d texts", len(packets), texts)
	}
	inside := bytes.Clone(lines[2])
	inside = append(inside[:40:40], append([]byte("text"), inside[40:]...)...)
	bad := bytes.Join([][]byte{lines[0], lines[1], inside}, nil)
	packets = nil
	for _, e := range s.Push(append(bad, AppendFrame(nil, p)...)) {
		if e.Packet != nil {
			packets = append(packets, e.Packet)
		}
	}
	if len(packets) != 1 || !bytes.Equal(packets[0], p) {
		t.Errorf("after a broken frame: %d packets", len(packets))
	}
}

// The unit's own text can never be taken for a frame or for Improv.
func TestPortKeepsApart(t *testing.T) {
	var line bytes.Buffer
	port := NewPort(&line)
	p := packet(300)
	log := port.Log()
	evil := string(AppendFrame(nil, packet(9))) + string(Improv{ImprovCall, nil}.Append(nil)) + "\x1b[2J" + strings.Repeat("x", 3*MaxLine)
	log.Write([]byte(evil + "\n"))
	if err := port.Packet(p); err != nil {
		t.Fatal(err)
	}
	port.Close()
	for done := false; !done; { // the rest of the text leaves by itself
		<-port.turn
		done = bytes.Count(line.Bytes(), []byte("x")) >= 3*MaxLine
		port.turn <- struct{}{}
	}
	<-port.turn
	var s Scanner
	n := 0
	for _, e := range s.Push(line.Bytes()) {
		switch {
		case e.Packet != nil:
			n++
			if !bytes.Equal(e.Packet, p) {
				t.Error("the text's frame was taken")
			}
		case e.Improv != nil, e.Broken != nil:
			t.Errorf("%+v", e)
		case len(e.Line) > MaxLine || strings.ContainsAny(e.Line, "\x1b\x06\x04"):
			t.Errorf("%q", e.Line)
		}
	}
	if n != 1 {
		t.Errorf("%d packets", n)
	}
}

// A line that flips, drops, doubles and mixes never gives a packet that was
// not sent, and a clean frame behind the mess arrives.
func TestLossyLine(t *testing.T) {
	rng := mrand.New(mrand.NewPCG(1, 2))
	arrived, whole := 0, 0
	for range 3000 {
		p := packet(rng.IntN(600))
		var bad []byte
		for _, c := range AppendFrame(nil, p) {
			switch rng.IntN(400) {
			case 0:
				c ^= 1 << rng.IntN(8)
			case 1:
				continue
			case 2:
				bad = append(bad, c)
			case 3:
				bad = append(bad, "\r\nlog: something happened\r\n"...)
			}
			bad = append(bad, c)
		}
		last := packet(5)
		var s Scanner
		found := false
		for _, e := range s.Push(append(append(bad, '\n'), AppendFrame(nil, last)...)) {
			switch {
			case bytes.Equal(e.Packet, p):
				arrived++
			case bytes.Equal(e.Packet, last):
				found = true
			case e.Packet != nil:
				t.Fatal("a packet that nobody sent")
			}
		}
		if found {
			whole++
		}
	}
	if whole != 3000 || arrived == 0 || arrived == 3000 {
		t.Errorf("%d clean frames of 3000 arrived after %d of the others", whole, arrived)
	}
}
