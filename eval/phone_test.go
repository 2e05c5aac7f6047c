package eval

import (
	"bytes"
	"math"
	"testing"

	"volar/wire"
)

// grating is a view of vertical bars with a period in pixels.
func grating(period float64) wire.View {
	v := wire.View{Band: wire.RGB, Mask: bytes.Repeat([]byte{0xff}, wire.MaskBytes)}
	for range wire.Side {
		for x := range wire.Side {
			g := byte(130 + 60*math.Sin(2*math.Pi*float64(x)/period))
			v.Pix = append(v.Pix, g, g, g)
		}
	}
	return v
}

// contrast is how strong a grating of that period still is in green.
func contrast(v wire.View, period float64) float64 {
	var sin, cos, mean float64
	for i := range wire.Side * wire.Side {
		g, x := float64(v.Pix[3*i+1]), float64(i%wire.Side)
		sin += g * math.Sin(2*math.Pi*x/period)
		cos += g * math.Cos(2*math.Pi*x/period)
		mean += g
	}
	return 2 * math.Hypot(sin, cos) / mean
}

func viewed(v wire.View, id string) Sample {
	return Sample{ID: id, Views: func() (wire.Hand, []wire.View, error) { return wire.Left, []wire.View{v}, nil }}
}

// A phone's picture keeps the lines that a matcher uses and loses fine ones,
// differently in each photo and the same each time.
func TestPhone(t *testing.T) {
	photo := func(v wire.View, id string, seed uint64) wire.View {
		_, views, err := Phone([]Sample{viewed(v, id)}, seed)[0].Views()
		if err != nil || len(views) != 1 || wire.Side*wire.Side*3 != len(views[0].Pix) {
			t.Fatalf("%d views, %v", len(views), err)
		}
		return views[0]
	}
	coarse, fine := grating(16), grating(3)
	var kept, lost float64
	const photos = 8
	for i := range photos {
		id := string(rune('a' + i))
		kept += contrast(photo(coarse, id, 1), 16) / contrast(coarse, 16) / photos
		lost += contrast(photo(fine, id, 1), 3) / contrast(fine, 3) / photos
	}
	if kept < 0.6 || kept > 1.4 || lost > 0.3*kept {
		t.Errorf("lines of 16 pixels keep %.2f of their contrast, of 3 pixels %.2f", kept, lost)
	}
	a := photo(coarse, "a", 1)
	if !bytes.Equal(a.Pix, photo(coarse, "a", 1).Pix) {
		t.Error("the same seed and sample give another photo")
	}
	if bytes.Equal(a.Pix, photo(coarse, "b", 1).Pix) || bytes.Equal(a.Pix, photo(coarse, "a", 2).Pix) {
		t.Error("another sample or seed gives the same photo")
	}
}

func TestPhoneHasNoNearInfrared(t *testing.T) {
	v := wire.View{Band: wire.NIR, Pix: make([]byte, wire.Side*wire.Side), Mask: make([]byte, wire.MaskBytes)}
	if _, _, err := Phone([]Sample{viewed(v, "x")}, 1)[0].Views(); err == nil {
		t.Error("a phone photographed near infrared")
	}
}
