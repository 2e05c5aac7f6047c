package seal

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"volar/wire"
)

// vault answers every call with the same reply.
type vault struct {
	reply wire.Message
	err   error
	got   wire.Message
	views [][]byte // what the sample held while it was sent
}

func (v *vault) Call(_ context.Context, m wire.Message) (wire.Message, error) {
	v.got = m
	if s, ok := m.(wire.Sample); ok {
		for _, view := range s.Views {
			v.views = append(v.views, bytes.Clone(view.Pix))
		}
	}
	return v.reply, v.err
}

func (v *vault) Close() error { return nil }

func TestBegin(t *testing.T) {
	gone := errors.New("gone")
	for _, c := range []struct {
		name  string
		vault *vault
		want  error
	}{
		{"challenge", &vault{reply: wire.Challenge{Nonce: wire.Nonce{7}}}, nil},
		{"refused", &vault{reply: wire.Answer{}}, ErrRefused},
		{"accepted out of turn", &vault{reply: wire.Answer{Status: wire.Accepted}}, ErrProtocol},
		{"begin", &vault{reply: wire.Begin{}}, ErrProtocol},
		{"nothing", &vault{}, ErrProtocol},
		{"link", &vault{err: gone, reply: wire.Challenge{}}, gone},
	} {
		n, err := Begin(t.Context(), c.vault, wire.Verify, wire.Person{3})
		if !errors.Is(err, c.want) || (err == nil) != (n == wire.Nonce{7}) {
			t.Errorf("%s: %v, %v", c.name, n, err)
		}
		if b := c.vault.got.(wire.Begin); b.Purpose != wire.Verify || b.Person != (wire.Person{3}) {
			t.Errorf("%s: sent %+v", c.name, b)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "seal: begin verify: ") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func palm() *Palm {
	return &Palm{
		Hand: wire.Right, Distance: 71.26, Tilt: 3.14, Quality: 80,
		RGB: bytes.Repeat([]byte{1, 2, 3}, wire.Side*wire.Side), NIR: bytes.Repeat([]byte{4}, wire.Side*wire.Side),
		RGBMask: bytes.Repeat([]byte{0xff}, wire.MaskBytes), NIRMask: bytes.Repeat([]byte{0xff}, wire.MaskBytes),
		Proof: proof(),
	}
}

func proof() wire.Proof {
	p := wire.NewProof()
	for i := range p.NIR940 {
		p.NIR940[i] = 7
	}
	return p
}

func TestSealAndSend(t *testing.T) {
	p := palm()
	s, err := Seal(wire.Nonce{9}, p)
	if err != nil {
		t.Fatal(err)
	}
	if s.Nonce != (wire.Nonce{9}) || s.Hand != wire.Right || s.Distance != 713 || s.Tilt != 31 || s.Quality != 80 || len(s.Views) != 2 {
		t.Errorf("distance %d, tilt %d, quality %d, %d views", s.Distance, s.Tilt, s.Quality, len(s.Views))
	}
	if !wiped(p.RGB) || !wiped(p.NIR) || !wiped(p.Proof.NIR940) {
		t.Error("the crops are still there")
	}
	if wiped(s.Proof.NIR940) {
		t.Error("the sample's proof went with the palm's")
	}
	v := &vault{reply: wire.Answer{Status: wire.More, Hand: wire.Left}}
	a, err := Send(t.Context(), v, s)
	if err != nil || a.Status != wire.More || a.Hand != wire.Left {
		t.Errorf("%+v, %v", a, err)
	}
	if len(v.views) != 2 || v.views[0][2] != 3 || v.views[1][0] != 4 {
		t.Errorf("the vault got %d views", len(v.views))
	}
	if !wiped(s.Views[0].Pix) || !wiped(s.Views[1].Pix) || !wiped(s.Proof.NIR940) {
		t.Error("the sample is still there")
	}
}

func TestSendWipesWhatFails(t *testing.T) {
	for _, v := range []*vault{{err: errors.New("gone")}, {reply: wire.Challenge{}}, {}} {
		s, err := Seal(wire.Nonce{9}, palm())
		if err != nil {
			t.Fatal(err)
		}
		if a, err := Send(t.Context(), v, s); err == nil || a.Status != wire.Refused {
			t.Errorf("%+v, %v", a, err)
		}
		if !wiped(s.Views[0].Pix) {
			t.Error("the sample is still there")
		}
	}
}

func TestSealRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Palm)
		nonce wire.Nonce
	}{
		"no skin":      {func(p *Palm) { clear(p.RGBMask); clear(p.NIRMask) }, wire.Nonce{1}},
		"little skin":  {func(p *Palm) { clear(p.RGBMask[60:]); clear(p.NIRMask[60:]) }, wire.Nonce{1}},
		"no mask":      {func(p *Palm) { p.RGBMask, p.NIRMask = nil, nil }, wire.Nonce{1}},
		"no hand":      {func(p *Palm) { p.Hand = 0 }, wire.Nonce{1}},
		"no quality":   {func(p *Palm) { p.Quality = 0 }, wire.Nonce{1}},
		"no proof":     {func(p *Palm) { p.Proof = wire.Proof{} }, wire.Nonce{1}},
		"no colour":    {func(p *Palm) { clear(p.RGBMask[40:]) }, wire.Nonce{1}},
		"no infrared":  {func(p *Palm) { clear(p.NIRMask[40:]) }, wire.Nonce{1}},
		"short crop":   {func(p *Palm) { p.NIR = p.NIR[1:] }, wire.Nonce{1}},
		"no nonce":     {func(p *Palm) {}, wire.Nonce{}},
		"tilted away":  {func(p *Palm) { p.Tilt = 400 }, wire.Nonce{1}},
		"far too much": {func(p *Palm) { p.Tilt = math.Inf(1) }, wire.Nonce{1}},
	} {
		p := palm()
		c.spoil(p)
		s, err := Seal(c.nonce, p)
		if err == nil || !strings.HasPrefix(err.Error(), "seal: make a sample: ") {
			t.Errorf("%s: %v", name, err)
		}
		if len(s.Views) != 0 || !wiped(p.RGB) || !wiped(p.NIR) {
			t.Errorf("%s: the crops are still there", name)
		}
	}
}

func TestTenths(t *testing.T) {
	for x, want := range map[float64]uint16{0: 0, -3: 0, 0.04: 0, 0.05: 1, 120: 1200, 1e9: math.MaxUint16, math.Inf(1): math.MaxUint16} {
		if got := tenths(x); got != want {
			t.Errorf("%g: %d, want %d", x, got, want)
		}
	}
	if tenths(math.NaN()) != 0 {
		t.Error("not a number")
	}
}

func wiped(b []byte) bool { return bytes.Count(b, []byte{0}) == len(b) }
