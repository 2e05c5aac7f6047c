package matcher

import (
	"math"
	"testing"

	"volar/wire"
)

// The relief, read upright and at the cells, is the code of the template. Its strong bits are those of a quarter of the
// cells, and the same.
func TestUprightSampleIsTheCode(t *testing.T) {
	c := capture(t, 1, 3, -2, 1, 3)
	for i, s := range c.bands {
		var r relief
		var got, strong code
		r.set(new(turning), s.field, &plain, &s.valid)
		r.sample(0, 0, &got, &strong)
		if got != *s.code {
			t.Errorf("band %d: the sampled code is another", i)
		}
		for plane := range planes {
			n := 0
			for x := range cells * cells {
				bit, care := got.bitAt(plane, x%cells, x/cells)
				most, is := strong.bitAt(plane, x%cells, x/cells)
				if is {
					n++
				}
				if is && (!care || most != bit) {
					t.Errorf("band %d, plane %d, cell %d: the strong bit is none of the code's", i, plane, x)
				}
			}
			if n != cells*cells/4 {
				t.Errorf("band %d, plane %d: %d strong bits", i, plane, n)
			}
		}
	}
}

// A pose undoes the turn and the growth that it is for: the codes agree
// better than those of any other pose.
func TestPosesUndoWhatTheyAreFor(t *testing.T) {
	enrolled := capture(t, 1, 0, 0, 0, 0)
	for _, turn := range []float64{-10, -5, 5, 10} {
		p := NewProbe(capture(t, 1, 0, 0, turn, 0))
		best, least := -1, math.Inf(1)
		for i := range p.bands[0].n {
			differ, n := count(&p.bands[0].poses[i].phases[0], enrolled.bands[0].code, 0, 0, cells, cells, 0, 0)
			if d := penalised(differ, n); d < least {
				best, least = i, d
			}
		}
		if poses[best] != (pose{turn, 1}) {
			t.Errorf("a palm turned by %v is nearest in pose %+v", turn, poses[best])
		}
	}
}

// A phase is the code half a cell to the right or down: where the picture is
// moved against it by as much, it is the upright code again.
func TestPhasesLieHalfACellApart(t *testing.T) {
	still := capture(t, 1, 0, 0, 0, 0)
	for phase := range phases * phases {
		p := NewProbe(capture(t, 1, float64(phase%phases*phaseStep), float64(phase/phases*phaseStep), 0, 0))
		differ, n := count(&p.bands[0].poses[0].phases[phase], still.bands[0].code, 2, 2, cells-2, cells-2, 0, 0)
		if share := float64(differ) / float64(n); share > 0.02 {
			t.Errorf("phase %d: %.3f of the bits differ", phase, share)
		}
	}
}

// A wave that bends the palm by a few pixels is followed by the blocks.
func TestBentPalmIsFollowed(t *testing.T) {
	flat := lines(1, 1, 0, 0, 0, 0)
	bent := make([]byte, len(flat))
	for y := range wire.Side {
		for x := range wire.Side {
			from := x + int(math.Round(4*math.Sin(float64(y)*math.Pi/wire.Side*2)))
			bent[y*wire.Side+x] = flat[y*wire.Side+max(0, min(wire.Side-1, from))]
		}
	}
	encode := func(pix []byte) *Capture {
		c, err := Encode(wire.Left, []wire.View{view(wire.NIR, pix)})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	enrolled, p := encode(flat), NewProbe(encode(bent))
	list, _ := candidates(p.bands[1], enrolled.bands[1])
	list.rank(p.bands[1], enrolled.bands[1].code)
	rigid, _ := list.take()
	if d := p.Compare(enrolled).NIR; d > rigid.distance-0.05 {
		t.Errorf("bent, a palm lies %.3f away, and %.3f where nothing follows", d, rigid.distance)
	}
}
