package matcher

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"volar/wire"
)

// lines draws a palm of dark curves on a bright, uneven ground: crude, but
// enough to tell code that works from code that does not. move shifts it in
// pixels, turn turns it in degrees.
func lines(seed uint64, channels int, moveX, moveY, turn, noise float64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	type wave struct{ x, y, angle, bend, depth float64 }
	var all []wave
	for range 40 {
		all = append(all, wave{r.Float64() * 160, r.Float64() * 160, r.Float64() * math.Pi, r.NormFloat64() * 0.004, 10 + 30*r.Float64()})
	}
	grain := rand.New(rand.NewPCG(seed, math.Float64bits(moveX+3*moveY+7*turn+11*noise)))
	sin, cos := math.Sincos(turn * math.Pi / 180)
	out := make([]byte, 0, wire.Side*wire.Side*channels)
	for y := range wire.Side {
		for x := range wire.Side {
			u, v := float64(x)-64-moveX, float64(y)-64-moveY
			px, py := 80+cos*u+sin*v, 80-sin*u+cos*v
			level := 150 + 0.3*px
			for _, w := range all {
				s, c := math.Sincos(w.angle)
				along, across := (px-w.x)*c+(py-w.y)*s, (py-w.y)*c-(px-w.x)*s
				across -= w.bend * along * along
				if math.Abs(along) < 40 {
					level -= w.depth * math.Exp(-across*across/5)
				}
			}
			level = max(0, min(250, level+noise*grain.NormFloat64()))
			for range channels {
				out = append(out, byte(level))
			}
		}
	}
	return out
}

func view(b wire.Band, pix []byte) wire.View {
	return wire.View{Band: b, Pix: pix, Mask: bytes.Repeat([]byte{0xff}, wire.MaskBytes)}
}

func capture(t testing.TB, seed uint64, moveX, moveY, turn, noise float64) *Capture {
	t.Helper()
	c, err := Encode(wire.Left, []wire.View{
		view(wire.RGB, lines(seed, 3, moveX, moveY, turn, noise)),
		view(wire.NIR, lines(seed+1000, 1, moveX, moveY, turn, noise)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSelfIsNear(t *testing.T) {
	c := capture(t, 1, 0, 0, 0, 3)
	if s := NewProbe(c).Compare(c); s.Fused > 0.12 || s.Bands != BothBands {
		t.Fatalf("a capture lies %v from itself over bands %d", s.Fused, s.Bands)
	}
	template, err := c.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if c, err = ParseCapture(template); err != nil {
		t.Fatal(err)
	}
	if s := NewProbe(c).Compare(c); s.Fused != 0 || s.Bands != BothBands {
		t.Fatalf("a template lies %v from itself over bands %d", s.Fused, s.Bands)
	}
}

func TestPalmIsFoundMovedAndTurned(t *testing.T) {
	enrolled := capture(t, 1, 0, 0, 0, 3)
	stranger := NewProbe(capture(t, 2, 0, 0, 0, 3)).Compare(enrolled)
	for _, m := range []struct{ x, y, turn float64 }{{0, 0, 0}, {9, -6, 0}, {-14, 10, 0}, {3, 2, 5}, {-2, 8, -7}} {
		s := NewProbe(capture(t, 1, m.x, m.y, m.turn, 3)).Compare(enrolled)
		if s.Fused > 0.25 || s.Fused > stranger.Fused-0.1 {
			t.Errorf("moved by %v: distance %.3f, a stranger's is %.3f", m, s.Fused, stranger.Fused)
		}
	}
}

func TestTemplateRoundTrip(t *testing.T) {
	c := capture(t, 1, 0, 0, 0, 3)
	b, err := c.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if len(b) != TemplateMax {
		t.Fatalf("template of %d bytes, want %d", len(b), TemplateMax)
	}
	back, err := ParseCapture(b)
	if err != nil {
		t.Fatal(err)
	}
	again, err := back.MarshalBinary()
	if err != nil || !bytes.Equal(b, again) {
		t.Fatal("a template does not come back as it was written")
	}
	p := NewProbe(capture(t, 1, 5, 5, 3, 3))
	if p.Compare(c) != p.Compare(back) {
		t.Fatal("a parsed template scores otherwise than its capture")
	}
}

func TestEncodeRefuses(t *testing.T) {
	good := view(wire.NIR, lines(1, 1, 0, 0, 0, 3))
	short := good
	short.Pix = good.Pix[1:]
	unmasked := good
	unmasked.Mask = nil
	bandless := good
	bandless.Band = 3
	for name, c := range map[string]struct {
		hand  wire.Hand
		views []wire.View
	}{
		"no hand":       {0, []wire.View{good}},
		"unknown hand":  {3, []wire.View{good}},
		"no view":       {wire.Left, nil},
		"three views":   {wire.Left, []wire.View{good, good, good}},
		"a band twice":  {wire.Left, []wire.View{good, good}},
		"short pixels":  {wire.Left, []wire.View{short}},
		"short mask":    {wire.Left, []wire.View{unmasked}},
		"unknown band":  {wire.Left, []wire.View{bandless}},
		"grey as white": {wire.Left, []wire.View{view(wire.RGB, good.Pix)}},
	} {
		if _, err := Encode(c.hand, c.views); err == nil || errors.Is(err, ErrUnusable) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	hidden := good
	hidden.Mask = make([]byte, wire.MaskBytes)
	burnt := view(wire.NIR, bytes.Repeat([]byte{255}, wire.Side*wire.Side))
	for name, v := range map[string]wire.View{"all masked": hidden, "all burnt": burnt} {
		if _, err := Encode(wire.Left, []wire.View{v}); !errors.Is(err, ErrUnusable) {
			t.Errorf("%s: error %v, want ErrUnusable", name, err)
		}
	}
}

// A view without lines is refused: a bare one, and one out of focus, whose grain is all that is left.
func TestViewsWithoutLines(t *testing.T) {
	grain := rand.New(rand.NewPCG(1, 2))
	dull := make([]byte, wire.Side*wire.Side)
	for i := range dull {
		dull[i] = byte(120 + grain.NormFloat64())
	}
	for name, pix := range map[string][]byte{"bare": bytes.Repeat([]byte{120}, wire.Side*wire.Side), "dull": dull} {
		if _, err := Encode(wire.Left, []wire.View{view(wire.NIR, pix)}); !errors.Is(err, ErrUnusable) {
			t.Errorf("%s: error %v, want ErrUnusable", name, err)
		}
	}
	c := capture(t, 1, 0, 0, 0, 3)
	if q := c.Quality(); q < leastStrength || q > 10 {
		t.Errorf("lines have quality %v", q)
	}
	c.Wipe()
	if q := c.Quality(); q != 0 {
		t.Errorf("a wiped capture has quality %v", q)
	}
}

func TestWipe(t *testing.T) {
	c := capture(t, 1, 0, 0, 0, 3)
	p := NewProbe(c)
	rgb, pixels, turned, white := c.bands[0].code, c.bands[0].field, p.bands[0], p.bands[0].white
	c.Wipe()
	p.Wipe()
	if *rgb != (code{}) || *pixels != (field{}) {
		t.Error("codes or pixels are left of a wiped capture")
	}
	if !reflect.DeepEqual(*turned, turns{}) || slices.Max(white) != 0 {
		t.Error("codes are left of a wiped probe")
	}
	if s := p.Compare(c); s.Bands != 0 || s.Fused != Farthest {
		t.Errorf("wiped things compare: %+v", s)
	}
	if _, err := c.MarshalBinary(); err == nil {
		t.Error("a wiped capture has a template")
	}
}

func TestParseCaptureRefuses(t *testing.T) {
	good, err := capture(t, 1, 0, 0, 0, 3).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	change := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	careless := bytes.Clone(good)
	clear(careless[templateHead+planes*planeBytes : templateHead+bandBytes])
	for name, b := range map[string][]byte{
		"nothing":          nil,
		"another version":  change(0, 2),
		"no hand":          change(1, 0),
		"third hand":       change(1, 3),
		"no band":          change(2, 0),
		"a third band":     change(2, 7),
		"one band's head":  change(2, 1),
		"reserved":         change(3, 1),
		"cut":              good[:len(good)-1],
		"longer":           append(bytes.Clone(good), 0),
		"bit without care": careless,
	} {
		if _, err := ParseCapture(b); !errors.Is(err, ErrTemplate) {
			t.Errorf("%s: error %v, want ErrTemplate", name, err)
		}
	}
}

// Secrets have no text form: printing or encoding one must not show its bits.
func TestCaptureDoesNotPrint(t *testing.T) {
	c := capture(t, 1, 0, 0, 0, 3)
	word := fmt.Sprint(c.bands[0].code.Bits[7][1])
	for _, text := range []string{fmt.Sprintf("%v", c), fmt.Sprintf("%+v", c), fmt.Sprintf("%v", NewProbe(c))} {
		if strings.Contains(text, word) {
			t.Errorf("a secret prints as %.60s…", text)
		}
	}
	if b, err := json.Marshal([]any{c}); err != nil || string(b) != "[{}]" {
		t.Errorf("a secret encodes as %.60s (%v)", b, err)
	}
}

func FuzzParseCapture(f *testing.F) {
	b, err := capture(f, 1, 0, 0, 0, 3).MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:templateHead+bandBytes])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCapture(b)
		if err != nil {
			if !errors.Is(err, ErrTemplate) {
				t.Fatalf("error %v is not ErrTemplate", err)
			}
			return
		}
		again, err := c.MarshalBinary()
		if err != nil || !bytes.Equal(b, again) {
			t.Fatal("a template was accepted that is not canonical")
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	rgb, nir := lines(1, 3, 0, 0, 0, 3), lines(1001, 1, 0, 0, 0, 3)
	for b.Loop() {
		if _, err := Encode(wire.Left, []wire.View{view(wire.RGB, rgb), view(wire.NIR, nir)}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewProbe(b *testing.B) {
	c := capture(b, 1, 0, 0, 0, 3)
	for b.Loop() {
		NewProbe(c)
	}
}

func BenchmarkCompare(b *testing.B) {
	p, c := NewProbe(capture(b, 1, 0, 0, 0, 3)), capture(b, 2, 0, 0, 0, 3)
	for b.Loop() {
		p.Compare(c)
	}
}

// A vault encodes wave after wave into the same memory, and no earlier wave shows through.
func TestMemoryIsUsedAgain(t *testing.T) {
	views := func(seed uint64) []wire.View {
		return []wire.View{view(wire.RGB, lines(seed, 3, 0, 0, 0, 3)), view(wire.NIR, lines(seed+1000, 1, 0, 0, 0, 3))}
	}
	first, second := views(1), views(2)
	c, p := new(Capture), new(Probe)
	want, err := Encode(wire.Left, second)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(v []wire.View) {
		if err := c.Encode(wire.Left, v); err != nil {
			t.Fatal(err)
		}
		p.Set(c)
	}
	encode(first)
	encode(second)
	if got, fresh := p.Compare(want), NewProbe(want).Compare(want); got != fresh || got.Fused > 0.12 {
		t.Errorf("used again: %+v, fresh: %+v", got, fresh)
	}
	encode(second[:1])
	if c.Has(wire.NIR) || p.Poses(wire.NIR) != 0 {
		t.Error("an earlier wave's near infrared is left")
	}
	encode(second)
	// A collection of garbage may empty the pools; then one run allocates anew.
	if n := testing.AllocsPerRun(20, func() { encode(first); p.Compare(c) }); n >= 1 {
		t.Errorf("%v allocations a wave", n)
	}
}
