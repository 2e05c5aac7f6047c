package prov

import (
	"bytes"
	"testing"
)

func TestImprov(t *testing.T) {
	// The request of the current state, byte by byte from improv-wifi.com/serial.
	b := Improv{ImprovCall, []byte{ImprovGetState, 0}}.Append(nil)
	if want := "IMPROV\x01\x03\x02\x02\x00\xe5\n"; string(b) != want {
		t.Errorf("%q, want %q", b, want)
	}
	var s Scanner
	for _, mess := range []string{"", "boot\r\n", "IMPROV", "IMPROV\x02", "IMPIMPROV\x01\x09"} {
		events := s.Push(append([]byte(mess), b...))
		last := len(events) - 1
		for last >= 0 && events[last].Improv == nil {
			last--
		}
		if last < 0 || events[last].Improv.Type != ImprovCall || !bytes.Equal(events[last].Improv.Data, []byte{ImprovGetState, 0}) {
			t.Errorf("after %q: %+v", mess, events)
		}
	}
	data := ImprovStrings(ImprovSetWiFi, "home", "secret")
	if c, list, err := ParseImprovCall(data); err != nil || c != ImprovSetWiFi || len(list) != 2 || list[1] != "secret" {
		t.Errorf("%d %q %v", c, list, err)
	}
	for n := range data {
		if _, _, err := ParseImprovCall(data[:n]); err == nil {
			t.Errorf("%d bytes were taken", n)
		}
	}
	bad := Improv{ImprovCall, []byte{ImprovGetState, 0}}.Append(nil)
	bad[8] ^= 1
	got := false
	for _, e := range s.Push(append(bad, b...)) {
		if e.Improv != nil {
			got = true
			if !bytes.Equal(e.Improv.Data, []byte{ImprovGetState, 0}) {
				t.Errorf("a broken packet was taken: %+v", e)
			}
		}
	}
	if !got {
		t.Error("the packet behind a broken one was lost")
	}
}

// Improv's magic inside of a frame is a frame's.
func TestImprovInAFrame(t *testing.T) {
	var s Scanner
	for range 200 {
		raw := AppendFrame(nil, packet(90))
		copy(raw[20:], improvMagic)
		for _, e := range s.Push(raw) {
			if e.Improv != nil {
				t.Fatal("an Improv packet in a frame")
			}
		}
	}
	p := packet(9)
	if events := s.Push(AppendFrame(nil, p)); len(events) != 1 || !bytes.Equal(events[0].Packet, p) {
		t.Errorf("%+v", events)
	}
}
