package search

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"volar/enclave/vault/kernel"
	"volar/enclave/vault/matcher"
	"volar/wire"
)

var sure = matcher.Policy{FPIR: 1e-3}

// narrow makes every stage of a search of so few palms leave some out.
func narrow(palms int) plan {
	return plan{glance: 9, near: 280, coarse: 18, kept: min(palms, 400), fine: 45, keptFine: min(palms, 100), shortlist: min(palms, 20)}
}

// The cascade decides as the matcher does on the whole gallery, whoever is
// looked for, wherever the mate is on the shortlist; and it is.
func TestSearchDecidesAsIdentify(t *testing.T) {
	g := newGallery(t)
	const people = 12
	for i := range uint64(people) {
		g.put(t, drawn(t, i, 1), drawn(t, i, 2))
	}
	g.fill(t, 300)
	twin := g.put(t, drawn(t, 3, 3)) // a second person with the palm of person 3
	for name, plan := range map[string]func(int) plan{"shipped": planFor, "narrow": narrow} {
		g.planFor = plan
		for i := range uint64(people + 3) {
			c := drawn(t, i, 9)
			p := matcher.NewProbe(c)
			got, want := g.Search(p, sure), matcher.Identify(p, g.entries, sure)
			if got != want {
				t.Errorf("%s: palm %d: %+v, all compared: %+v", name, i, got, want)
			}
			if known := i < people && i != 3; got.Found != known || known && got.Person != person(int(i)) || got.Ambiguous != (i == 3) {
				t.Errorf("%s: palm %d: %+v", name, i, got)
			}
			list := g.Shortlist(p)
			if i < people && !slices.Contains(list, person(int(i))) || i == 3 && !slices.Contains(list, twin) {
				t.Errorf("%s: palm %d is not on its shortlist of %d", name, i, len(list))
			}
			if want := plan(g.Len()).shortlist; len(list) != want {
				t.Errorf("%s: %d on the shortlist, want %d", name, len(list), want)
			}
			p.Wipe()
			c.Wipe()
		}
	}
}

// A capture of one band is enrolled and found with the thresholds of that band.
func TestSearchOfOneBand(t *testing.T) {
	g := newGallery(t)
	one := func(palm, shot uint64) *matcher.Capture {
		r := rand.New(rand.NewPCG(palm, shot))
		c, err := matcher.Encode(wire.Left, []wire.View{{Band: wire.NIR, Pix: lines(palm*2+1, r, 1, 2, -1, 1), Mask: bytes.Repeat([]byte{255}, wire.MaskBytes)}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	g.put(t, drawn(t, 1, 1))
	g.put(t, one(2, 1), drawn(t, 2, 2))
	g.put(t, one(3, 1))
	g.fill(t, 40)
	for palm := range uint64(4) {
		for _, c := range []*matcher.Capture{one(palm, 5), drawn(t, palm, 5)} {
			p := matcher.NewProbe(c)
			if got, want := g.Search(p, sure), matcher.Identify(p, g.entries, sure); got != want || got.Found != (palm > 0) {
				t.Errorf("palm %d: %+v, all compared: %+v", palm, got, want)
			}
		}
	}
}

func TestRank(t *testing.T) {
	g := newGallery(t)
	g.put(t, drawn(t, 1, 1))
	g.fill(t, 1500)
	mate := g.put(t, drawn(t, 2, 1), drawn(t, 2, 2))
	g.planFor = narrow
	p := matcher.NewProbe(drawn(t, 2, 7))
	if rank, kept, ok := g.Rank(p, mate); rank != 0 || kept != 400 || !ok {
		t.Errorf("the mate has rank %d of %d kept", rank, kept)
	}
	if rank, kept, ok := g.RankAmong(p, mate, 1_000_000); rank != 0 || kept != 400 || !ok {
		t.Errorf("among a million the mate has rank %d of %d kept", rank, kept)
	}
	here, _, _ := g.Rank(p, person(5))
	if there, _, ok := g.RankAmong(p, person(5), 10*g.Len()); there != 10*here || !ok {
		t.Errorf("a stranger's rank is %d, among ten times as many %d", here, there)
	}
	// The first stage keeps exactly those whose rank is below what it keeps.
	s := borrow()
	defer s.giveBack()
	s.begin(g.Index, p)
	s.first()
	left := map[wire.Person]bool{}
	for _, k := range s.keys {
		left[g.palms[k.slot()].person] = true
	}
	for i := range 200 {
		who := person(i * 7)
		rank, kept, ok := g.Rank(p, who)
		if !ok || left[who] != (rank < kept) {
			t.Errorf("person %d: rank %d, %d kept, and that it was kept is %v", i*7, rank, kept, left[who])
		}
	}
	if _, _, ok := g.Rank(p, person(1<<20)); ok {
		t.Error("a stranger has a rank")
	}
}

// What is removed or replaced is nowhere in the index's memory any more.
func TestRemoveOverwrites(t *testing.T) {
	g := newGallery(t)
	r := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		g.put(t, random(t, r), random(t, r))
	}
	secret, after := drawn(t, 77, 1), drawn(t, 78, 1)
	for name, at := range map[string]int{"first": 0, "middle": 11, "last": 19} {
		for do, forget := range map[string]func() bool{
			"removed":  func() bool { return g.Remove(person(at)) },
			"replaced": func() bool { return g.Put(person(at), []*matcher.Capture{after}) == nil },
		} {
			if err := g.Put(person(at), []*matcher.Capture{secret}); err != nil {
				t.Fatal(err)
			}
			if !g.holds(secret) {
				t.Fatal("what was put is not found")
			}
			if !forget() || g.holds(secret) {
				t.Errorf("%s: %s, and yet there", name, do)
			}
			if err := g.Put(person(at), []*matcher.Capture{after}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if g.Remove(person(400)) || g.Len() != 20 {
		t.Errorf("%d palms after a stranger was removed", g.Len())
	}
}

// holds looks for the codes of a capture in all memory that the index has mapped.
func (g *gallery) holds(c *matcher.Capture) bool {
	template, _ := c.MarshalBinary()
	code := enrolled([]*matcher.Capture{c})
	short := coarse(&code)
	var row [kernel.FineBytes]byte
	for i, w := range code {
		for b := range 8 {
			row[8*i+b] = byte(w >> (8 * b))
		}
	}
	for _, b := range g.templates.rows.Chunks() {
		if bytes.Contains(b, template[100:200]) {
			return true
		}
	}
	for _, b := range g.fine.Chunks() {
		if bytes.Contains(b, row[8:40]) {
			return true
		}
	}
	var glance [kernel.GlanceBlock]byte
	kernel.SetGlance(glance[:], 0, &short)
	for _, b := range g.glance.Chunks() {
		for at := range len(b) - 8*kernel.Lanes*(kernel.GlanceWords-1) {
			if at%8 == 0 && bytes.Equal(b[at:at+8], glance[:8]) && bytes.Equal(b[at+64:at+72], glance[64:72]) {
				return true
			}
		}
	}
	for _, b := range g.rest.Chunks() {
		for at := range len(b) / kernel.RestBytes {
			if binary.LittleEndian.Uint64(b[at*kernel.RestBytes:]) == short[kernel.GlanceWords] {
				return true
			}
		}
	}
	return false
}

// coarseCode reads a palm's coarse code.
func (x *Index) coarseCode(slot int) (code [kernel.CoarseWords]uint64) {
	glance, rest := x.glance.At(slot/kernel.Lanes), x.rest.At(slot)
	for w := range kernel.GlanceWords {
		code[w] = binary.LittleEndian.Uint64(glance[64*w+8*(slot%kernel.Lanes):])
		code[kernel.GlanceWords+w] = binary.LittleEndian.Uint64(rest[8*w:])
	}
	return code
}

// An index after any puts and removals answers as one that was made anew.
func FuzzOperations(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 128, 1, 130, 5, 6})
	f.Add([]byte{9, 9, 137, 9, 137, 137, 0})
	r := rand.New(rand.NewPCG(1, 1))
	var captures []*matcher.Capture
	for range 64 {
		captures = append(captures, random(f, r))
	}
	probe := matcher.NewProbe(captures[0])
	f.Fuzz(func(t *testing.T, ops []byte) {
		ops = ops[:min(len(ops), 64)]
		x := New(wire.Left)
		defer x.Close()
		model := map[wire.Person][]*matcher.Capture{}
		for i, op := range ops {
			who := person(int(op & 31))
			if op >= 128 {
				if _, known := model[who]; x.Remove(who) != known {
					t.Fatal("removed who was not there, or not who was")
				}
				delete(model, who)
				continue
			}
			list := captures[i%60:][:1+int(op)/32]
			if err := x.Put(who, list); err != nil {
				t.Fatal(err)
			}
			model[who] = list
		}
		if x.Len() != len(model) || len(x.Shortlist(probe)) != min(len(model), toMatcher) {
			t.Fatalf("%d palms, want %d", x.Len(), len(model))
		}
		n := 0
		for who, list := range model {
			n += len(list)
			code, slot := enrolled(list), int(x.at[who])
			if x.code(slot) != code || x.coarseCode(slot) != coarse(&code) || x.palms[slot].person != who {
				t.Fatalf("palm %v is not what was put", who)
			}
			for i, c := range x.Captures(who) {
				got, _ := c.MarshalBinary()
				if want, _ := list[i].MarshalBinary(); !bytes.Equal(got, want) {
					t.Fatalf("capture %d of %v is not what was put", i, who)
				}
			}
		}
		if r := x.Search(probe, sure); r.Compared != n {
			t.Fatalf("%d captures compared, want %d", r.Compared, n)
		}
	})
}

// Searches go on while palms come and go, and always find who stays.
func TestConcurrent(t *testing.T) {
	g := newGallery(t)
	mate := g.put(t, drawn(t, 1, 1), drawn(t, 1, 2))
	g.fill(t, 700)
	g.planFor = narrow
	p := matcher.NewProbe(drawn(t, 1, 5))
	r := rand.New(rand.NewPCG(1, 1))
	other := random(t, r)
	var searches, changes sync.WaitGroup
	for range 3 {
		searches.Go(func() {
			for range 6 {
				if got := g.Search(p, sure); !got.Found || got.Person != mate {
					t.Errorf("%+v", got)
				}
			}
		})
	}
	stop := make(chan struct{})
	for i := range 2 {
		changes.Go(func() {
			for n := 1; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				who := person(1 + (2*n+i)%900)
				if n%3 == 0 {
					g.Remove(who)
				} else if err := g.Put(who, []*matcher.Capture{other}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	searches.Wait()
	close(stop)
	changes.Wait()
}

// Searches after the first ask for no memory.
func TestSearchAllocatesNothing(t *testing.T) {
	g := newGallery(t)
	g.put(t, drawn(t, 1, 1), drawn(t, 1, 2))
	g.fill(t, 500)
	g.planFor = narrow
	p := matcher.NewProbe(drawn(t, 1, 5))
	if n := testing.AllocsPerRun(5, func() { g.Search(p, sure) }); n > 0 {
		t.Errorf("%v allocations a search", n)
	}
}

func TestRefuses(t *testing.T) {
	c := drawn(t, 1, 1)
	p := matcher.NewProbe(c)
	var zero Index
	none := []*Index{nil, &zero, New(0), New(3), New(wire.Right)}
	closed := New(wire.Left)
	if err := closed.Put(person(1), []*matcher.Capture{c}); err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil || closed.Close() != nil || closed.Bytes() != 0 {
		t.Error("closing:", err)
	}
	for i, x := range append(none, closed) {
		if r := x.Search(p, sure); r != (matcher.Result{}) {
			t.Errorf("index %d: %+v", i, r)
		}
		if x != nil {
			if x.Put(person(1), []*matcher.Capture{c}) == nil || x.Remove(person(1)) || x.Len() != 0 || x.Captures(person(1)) != nil {
				t.Errorf("index %d took a palm", i)
			}
		}
	}
	g := newGallery(t)
	g.put(t, c)
	wiped := matcher.NewProbe(c)
	wiped.Wipe()
	if r := g.Search(wiped, sure); r != (matcher.Result{}) {
		t.Errorf("a wiped probe: %+v", r)
	}
	if r := g.Search(nil, sure); r != (matcher.Result{}) {
		t.Errorf("no probe: %+v", r)
	}
	if r := g.Search(p, matcher.Policy{}); r.Found || r.Ambiguous {
		t.Errorf("the zero policy: %+v", r)
	}
	gone := drawn(t, 1, 2)
	gone.Wipe()
	for name, list := range map[string][]*matcher.Capture{
		"none": nil, "wiped": {gone}, "one of them wiped": {c, gone}, "too many": slices.Repeat([]*matcher.Capture{c}, MaxCaptures+1),
	} {
		if g.Put(person(5), list) == nil || g.Len() != 1 {
			t.Errorf("%s: taken", name)
		}
	}
}

// Verify decides as the matcher does, also for one who is not there.
func TestVerify(t *testing.T) {
	g := newGallery(t)
	p := matcher.NewProbe(drawn(t, 1, 5))
	if g.Verify(p, person(0), 5, sure) {
		t.Error("an empty index verifies")
	}
	for i := range uint64(4) {
		g.put(t, drawn(t, i, 1), drawn(t, i, 2))
	}
	for n := range MaxCaptures + 2 {
		want := n >= 1 && n <= MaxCaptures
		if g.Verify(p, person(1), n, sure) != want {
			t.Errorf("%d comparisons: %v", n, !want)
		}
		if g.Verify(p, person(2), n, sure) || g.Verify(p, person(99), n, sure) {
			t.Errorf("%d comparisons verify a stranger", n)
		}
	}
	first := matcher.NewProbe(drawn(t, 0, 5))
	if !g.Verify(first, person(0), 5, sure) || g.Verify(first, person(99), 5, sure) {
		t.Error("who is not there is verified by who stands in")
	}
	if g.Verify(p, person(1), 5, matcher.Policy{}) {
		t.Error("the zero policy verifies")
	}
}

// The first stage keeps exactly the nearest, ties by slot, however its lanes share
// the work, also where whole crowds score the same.
func TestFirstKeepsTheNearest(t *testing.T) {
	x := New(wire.Left)
	defer x.Close()
	const palms, kept = 40_000, 900
	x.fillShared(t, palms)
	x.planFor = func(int) plan {
		return plan{glance: 2, near: 64, coarse: 3, kept: kept, fine: 1, keptFine: 1, shortlist: 1}
	}
	p := matcher.NewProbe(drawn(t, 1, 1))
	checkFirst(t, x, p)
	crowd := [3][kernel.FineWords]uint64{x.code(0), x.code(1), x.code(2)}
	for slot := range palms {
		x.setCode(slot, &crowd[slot*slot/7%3])
	}
	checkFirst(t, x, p)
}

func checkFirst(t *testing.T, x *Index, p *matcher.Probe) {
	t.Helper()
	s := borrow()
	defer s.giveBack()
	s.begin(x, p)
	var want []key
	for tile := range s.tiles() {
		slots, scores := s.scoreTile(&s.lanes[0], tile, nil)
		for i, score := range scores {
			want = append(want, newKey(score, slots[i]))
		}
	}
	slices.Sort(want)
	for range 5 {
		s.keys = s.keys[:0]
		s.first()
		got := slices.Clone(s.keys)
		slices.Sort(got)
		if !slices.Equal(got, want[:s.plan.kept]) {
			t.Fatal("others are kept")
		}
	}
}
