package unit

import (
	"strings"
	"testing"
	"time"
)

func TestPulse(t *testing.T) {
	var p Pulse
	start := time.Unix(1, 0)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	for i, step := range []struct {
		line string
		want time.Duration // one second after the line
	}{
		{`{"kind":"cue","to":"idle"}`, 0},
		{`palmd: no JSON`, 0},
		{`{"kind":"ready","board":"qemu-virt"}`, time.Second},
		{`{"kind":"state","to":"down"}`, 0},
		{`{"kind":"state","to":"idle"}`, time.Second},
		{`{"kind":"state","to":"approach"}`, 2 * time.Second},
		{`{"kind":"state","to":"down"}`, 0},
		{`{"kind":"state","to":"idle","event":"` + strings.Repeat("x", maxLine) + `"}`, 0},
		{`{"kind":"state","to":"idle"}`, time.Second},
		{`{"kind":"state","to":"off"}`, 0},
	} {
		p.Line([]byte(step.line), at(i))
		if got := p.Ready(at(i + 1)); got != step.want {
			t.Errorf("line %d: ready for %v, want %v", i, got, step.want)
		}
	}
	p.Line([]byte(`{"kind":"state","to":"idle"}`), at(20))
	p.End()
	if p.Ready(at(30)) != 0 {
		t.Error("a program that has ended is ready")
	}
}
