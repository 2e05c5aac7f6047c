package search

import (
	"math"
	"math/rand/v2"
	"testing"

	"volar/enclave/vault/matcher"
	"volar/wire"
)

// drawn makes a capture of a palm of dark curves, moved and turned as given: crude, and
// enough to tell code that works from code that does not.
func drawn(t testing.TB, palm, shot uint64) *matcher.Capture {
	t.Helper()
	r := rand.New(rand.NewPCG(palm, shot))
	moveX, moveY, turn := 3*r.NormFloat64(), 3*r.NormFloat64(), 2*r.NormFloat64()
	mask := make([]byte, wire.MaskBytes)
	for i := range mask {
		mask[i] = 0xff
	}
	var views []wire.View
	for i, band := range bands {
		views = append(views, wire.View{Band: band, Pix: lines(palm*2+uint64(i), r, band.Channels(), moveX, moveY, turn), Mask: mask})
	}
	c, err := matcher.Encode(wire.Left, views)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func lines(seed uint64, grain *rand.Rand, channels int, moveX, moveY, turn float64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	type wave struct{ x, y, sin, cos, depth float64 }
	all := make([]wave, 40)
	for i := range all {
		s, c := math.Sincos(r.Float64() * math.Pi)
		all[i] = wave{r.Float64() * 160, r.Float64() * 160, s, c, 10 + 30*r.Float64()}
	}
	sin, cos := math.Sincos(turn * math.Pi / 180)
	out := make([]byte, 0, wire.Side*wire.Side*channels)
	for y := range wire.Side {
		for x := range wire.Side {
			u, v := float64(x)-64-moveX, float64(y)-64-moveY
			px, py := 80+cos*u+sin*v, 80-sin*u+cos*v
			level := 150 + 0.3*px
			for _, w := range all {
				along, across := (px-w.x)*w.cos+(py-w.y)*w.sin, (py-w.y)*w.cos-(px-w.x)*w.sin
				if math.Abs(along) < 40 && math.Abs(across) < 10 {
					level -= w.depth * math.Exp(-across*across/5)
				}
			}
			level = max(0, min(250, level+4*grain.NormFloat64()))
			for range channels {
				out = append(out, byte(level))
			}
		}
	}
	return out
}

// random makes a capture of chance bits, which costs next to nothing.
func random(t testing.TB, r *rand.Rand) *matcher.Capture {
	t.Helper()
	b := make([]byte, matcher.TemplateMax)
	copy(b, templateHead(t))
	half := (len(b) - 4) / 4
	for band := range 2 {
		bits, care := b[4+2*band*half:][:half], b[4+(2*band+1)*half:][:half]
		for i := range bits {
			care[i] = byte(r.Uint32() | r.Uint32() | r.Uint32())
			bits[i] = byte(r.Uint32()) & care[i]
		}
	}
	c, err := matcher.ParseCapture(b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// templateHead is the head of a template of both bands of a left hand.
var templateHead = func() func(t testing.TB) []byte {
	var head []byte
	return func(t testing.TB) []byte {
		if head == nil {
			b, err := drawn(t, 1, 1).MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			head = b[:4]
		}
		return head
	}
}()

// person numbers people.
func person(n int) wire.Person { return wire.Person{byte(n >> 16), byte(n >> 8), byte(n), 1} }

// gallery is an index and the same people as the matcher takes them.
type gallery struct {
	*Index
	entries []matcher.Entry
}

func newGallery(t testing.TB) *gallery {
	g := &gallery{Index: New(wire.Left)}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func (g *gallery) put(t testing.TB, captures ...*matcher.Capture) wire.Person {
	t.Helper()
	who := person(len(g.entries))
	if err := g.Put(who, captures); err != nil {
		t.Fatal(err)
	}
	g.entries = append(g.entries, matcher.Entry{Person: who, Hand: wire.Left, Captures: captures})
	return who
}

// fill adds people whose codes are chance.
func (g *gallery) fill(t testing.TB, n int) {
	t.Helper()
	r := rand.New(rand.NewPCG(7, uint64(len(g.entries))))
	for range n {
		g.put(t, random(t, r))
	}
}
