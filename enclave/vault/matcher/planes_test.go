package matcher

import (
	"testing"

	"volar/wire"
)

// What a search builds on are the template's own bits, and those of every pose.
func TestPlanes(t *testing.T) {
	c := capture(t, 1, 3, -2, 1, 3)
	template, err := c.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := ParseCapture(template)
	if err != nil {
		t.Fatal(err)
	}
	probe := NewProbe(c)
	for _, b := range []wire.Band{wire.RGB, wire.NIR} {
		own, ok := c.Planes(b)
		stored, also := parsed.Planes(b)
		if !ok || !also || own != stored || own == (Planes{}) {
			t.Errorf("%v: a template's planes are not the capture's", b)
		}
		if upright, ok := probe.Planes(b, 0); !ok || upright != own {
			t.Errorf("%v: pose 0 is not the capture", b)
		}
		if probe.Poses(b) < 2 || NewProbe(parsed).Poses(b) != 1 {
			t.Errorf("%v: %d poses, of a template %d", b, probe.Poses(b), NewProbe(parsed).Poses(b))
		}
		for k := range Orientations {
			for y := range Cells {
				for x := range Cells {
					bit, care := c.bands[bandIndex(b)].code.bitAt(k, x, y)
					if own.Bits[k][y]>>x&1 != uint32(bit) || own.Care[k][y]>>x&1 == 1 != care {
						t.Fatalf("%v: plane %d, cell %d %d differs", b, k, x, y)
					}
				}
			}
		}
	}
	if _, ok := probe.Planes(wire.RGB, probe.Poses(wire.RGB)); ok {
		t.Error("a pose too many")
	}
	if _, ok := c.Planes(0); ok || probe.Poses(9) != 0 {
		t.Error("a band that is none has planes")
	}
	c.Wipe()
	if _, ok := c.Planes(wire.RGB); ok {
		t.Error("a wiped capture has planes")
	}
}
