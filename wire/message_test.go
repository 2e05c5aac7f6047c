package wire

import (
	"bytes"
	"reflect"
	"testing"
)

// view has pixels that are recognised when they turn up where they should not.
func view(b Band) View {
	return View{Band: b, Pix: bytes.Repeat([]byte{0xa5}, Side*Side*b.Channels()), Mask: bytes.Repeat([]byte{0x5a}, MaskBytes)}
}

func sample(views ...View) Sample {
	return Sample{Nonce: Nonce{1}, Hand: Right, Distance: 0xffff, Tilt: MaxTilt, Quality: 100, Views: views, Proof: proof()}
}

// proof has values that are recognised, and every kind of number at its ends.
func proof() Proof {
	p := NewProof()
	for i := range p.NIR940 {
		p.NIR940[i] = 0xa5
	}
	for i := range p.Planes {
		p.Planes[i] = 0xa5a5
	}
	for i := range p.Levels {
		p.Levels[i] = 0xa5a5
	}
	p.Track = [TrackCount]Motion{{-32768, 32767, 65535}, {1, -1, 1}}
	p.Relief = [Reliefs]int8{NoRelief, 127, -1}
	p.Lamps[1][2] = [2]int16{-32768, 32767}
	p.Place[2] = [3]int16{-1, 0, 32767}
	return p
}

// The lengths are those of README.md.
func TestMessages(t *testing.T) {
	person := Person{15: 1}
	for _, c := range []struct {
		name string
		m    Message
		size int
	}{
		{"identify", Begin{Purpose: Identify}, 21},
		{"verify", Begin{Purpose: Verify, Person: person}, 21},
		{"enrol", Begin{Purpose: Enrol}, 21},
		{"update", Begin{Purpose: Update, Person: person}, 21},
		{"delete", Begin{Purpose: Delete, Person: person}, 21},
		{"challenge", Challenge{Nonce: Nonce{31: 1}}, 37},
		{"both bands", sample(view(RGB), view(NIR)), 78795},
		{"rgb", sample(view(RGB)), 62276},
		{"nir", sample(view(NIR)), 29508},
		{"refused", Answer{}, 283},
		{"accepted", Answer{Status: Accepted, Person: person}, 283},
		{"more", Answer{Status: More, Hand: Left}, 283},
		{"more of the right", Answer{Status: More, Hand: Right}, 283},
		{"again", Answer{Status: Again}, 283},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := Encode(c.m)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) != c.size || len(b) > MaxMessage {
				t.Errorf("%d bytes, want %d", len(b), c.size)
			}
			got, err := Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.m) {
				t.Errorf("decoded %v, want %v", got, c.m)
			}
			clear(b)
			if !reflect.DeepEqual(got, c.m) {
				t.Error("the message shares memory with the bytes")
			}
		})
	}
}

func TestValuesRefused(t *testing.T) {
	person := Person{1}
	good := sample(view(RGB), view(NIR))
	with := func(change func(*Sample)) Sample {
		s := good
		s.Views = append([]View{}, good.Views...)
		change(&s)
		return s
	}
	for name, m := range map[string]Message{
		"begin zero":                Begin{},
		"begin purpose":             Begin{Purpose: Delete + 1},
		"identify person":           Begin{Purpose: Identify, Person: person},
		"enrol person":              Begin{Purpose: Enrol, Person: person},
		"verify nobody":             Begin{Purpose: Verify},
		"update nobody":             Begin{Purpose: Update},
		"delete nobody":             Begin{Purpose: Delete},
		"challenge zero":            Challenge{},
		"sample zero":               Sample{},
		"sample nonce":              with(func(s *Sample) { s.Nonce = Nonce{} }),
		"sample no hand":            with(func(s *Sample) { s.Hand = 0 }),
		"sample hand":               with(func(s *Sample) { s.Hand = 3 }),
		"sample tilt":               with(func(s *Sample) { s.Tilt = MaxTilt + 1 }),
		"sample quality 0":          with(func(s *Sample) { s.Quality = 0 }),
		"sample quality 101":        with(func(s *Sample) { s.Quality = 101 }),
		"sample no view":            with(func(s *Sample) { s.Views = nil }),
		"sample three views":        with(func(s *Sample) { s.Views = append(s.Views, s.Views[1]) }),
		"sample views out of order": with(func(s *Sample) { s.Views[0], s.Views[1] = s.Views[1], s.Views[0] }),
		"sample band twice":         with(func(s *Sample) { s.Views[1] = s.Views[0] }),
		"sample no band":            with(func(s *Sample) { s.Views[0].Band = 0 }),
		"sample band":               with(func(s *Sample) { s.Views[1].Band = 3 }),
		"sample pixels short":       with(func(s *Sample) { s.Views[0].Pix = s.Views[0].Pix[1:] }),
		"sample pixels of the other": with(func(s *Sample) {
			s.Views = s.Views[:1]
			s.Views[0].Band = NIR
		}),
		"sample no proof":       with(func(s *Sample) { s.Proof = Proof{} }),
		"sample proof at 940":   with(func(s *Sample) { s.Proof.NIR940 = s.Proof.NIR940[1:] }),
		"sample proof's planes": with(func(s *Sample) { s.Proof.Planes = append(s.Proof.Planes[:0:0], s.Proof.Planes[1:]...) }),
		"sample mask":           with(func(s *Sample) { s.Views[0].Mask = nil }),
		"answer status":         Answer{Status: Again + 1},
		"accepted nobody":       Answer{Status: Accepted},
		"refused somebody":      Answer{Person: person},
		"more somebody":         Answer{Status: More, Hand: Left, Person: person},
		"more no hand":          Answer{Status: More},
		"more hand":             Answer{Status: More, Hand: 3},
		"again hand":            Answer{Status: Again, Hand: Left},
		"accepted with a hand":  Answer{Status: Accepted, Person: person, Hand: Left},
	} {
		if b, err := Encode(m); err == nil {
			t.Errorf("%s: encoded to %d bytes", name, len(b))
		}
		// The bytes of a peer that does not check.
		b, err := codec.Marshal(m.form())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(b); err == nil {
			t.Errorf("%s: decoded", name)
		}
	}
	if _, err := Encode(nil); err == nil {
		t.Error("nil: encoded")
	}
}
