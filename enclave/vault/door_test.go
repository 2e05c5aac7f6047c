package vault_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"volar/enclave/attest/simulated"
	"volar/enclave/vault"
	"volar/enclave/vault/gallery"
	"volar/wire"
	"volar/wire/link"
)

// A sample is taken only with the nonce that this session was given last,
// once, and for as long as it is good.
func TestNonce(t *testing.T) { synctest.Test(t, testNonce) }

func testNonce(t *testing.T) {
	h := newMachine().start(t)
	other := newDevice(t, "acme", operatorA).dial(h)
	defer other.Close()
	one := other.enrol(1)
	identify := wire.Begin{Purpose: wire.Identify}
	left := palmOf(1, wire.Left)
	for name, c := range map[string]struct {
		try  func(d, other *device) (wire.Message, error)
		want any // a status, or nil for the end of the session
	}{
		"fresh": {func(d, _ *device) (wire.Message, error) {
			return d.Call(context.Background(), sample(d.begin(identify), wire.Left, left, 50))
		}, wire.Accepted},
		"at the last moment": {func(d, _ *device) (wire.Message, error) {
			n := d.begin(identify)
			time.Sleep(vault.NonceLife)
			return d.Call(context.Background(), sample(n, wire.Left, left, 50))
		}, wire.Accepted},
		"too late": {func(d, _ *device) (wire.Message, error) {
			n := d.begin(identify)
			time.Sleep(vault.NonceLife + 1)
			return d.Call(context.Background(), sample(n, wire.Left, left, 50))
		}, wire.Again},
		"too late, twice": {func(d, _ *device) (wire.Message, error) {
			n := d.begin(identify)
			time.Sleep(vault.NonceLife + 1)
			if _, err := d.Call(context.Background(), sample(n, wire.Left, left, 50)); err != nil {
				return nil, errors.New("not the end that was meant")
			}
			return d.Call(context.Background(), sample(n, wire.Left, left, 50))
		}, nil},
		"none": {func(d, _ *device) (wire.Message, error) {
			return d.Call(context.Background(), sample(wire.Nonce{1}, wire.Left, left, 50))
		}, nil},
		"another": {func(d, _ *device) (wire.Message, error) {
			n := d.begin(identify)
			n[31] ^= 1
			return d.Call(context.Background(), sample(n, wire.Left, left, 50))
		}, nil},
		"used": {func(d, _ *device) (wire.Message, error) {
			n := d.begin(identify)
			if m, err := d.Call(context.Background(), sample(n, wire.Left, left, 50)); err != nil || m.(wire.Answer).Status != wire.Accepted {
				return m, nil
			}
			return d.Call(context.Background(), sample(n, wire.Left, left, 50))
		}, nil},
		"of the Begin before": {func(d, _ *device) (wire.Message, error) {
			n := d.begin(identify)
			d.begin(identify)
			return d.Call(context.Background(), sample(n, wire.Left, left, 50))
		}, nil},
		"of another session": {func(d, other *device) (wire.Message, error) {
			d.begin(identify)
			return d.Call(context.Background(), sample(other.begin(identify), wire.Left, left, 50))
		}, nil},
	} {
		d := newDevice(t, "acme", operatorA).dial(h)
		m, err := c.try(d, other)
		switch c.want {
		case nil:
			if err == nil {
				t.Errorf("%s: %v", name, m)
			}
			if _, err := d.Call(context.Background(), identify); err == nil {
				t.Errorf("%s: the session goes on", name)
			}
		default:
			if a, _ := m.(wire.Answer); err != nil || a.Status != c.want || a.Status == wire.Accepted && a.Person != one.Person {
				t.Errorf("%s: %v, %v, want %v", name, m, err, c.want)
			}
		}
		d.Close()
		want(t, name+": the other session", other.wave(wire.Identify, wire.Person{}, wire.Left, left, 51), one)
	}
}

// No device gets a nonce without a credential that its tenant's operator
// signed, for it, in time.
func TestDeviceMustBeAdmitted(t *testing.T) {
	h := newMachine().start(t)
	good := newDevice(t, "acme", operatorA)
	sign := func(c wire.Credential, key ed25519.PrivateKey) []byte {
		b, err := wire.SignCredential(c, key)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	mine := wire.Credential{Tenant: "acme", Device: good.key.Public(), NotAfter: time.Now().Add(time.Hour).Unix()}
	changed := func(change func(*wire.Credential)) wire.Credential {
		c := mine
		change(&c)
		return c
	}
	for name, credential := range map[string][]byte{
		"another operator's": sign(mine, operatorB),
		"another tenant's":   sign(changed(func(c *wire.Credential) { c.Tenant = "bloom" }), operatorA),
		"another device's":   sign(changed(func(c *wire.Credential) { c.Device[0] ^= 1 }), operatorA),
		"expired":            sign(changed(func(c *wire.Credential) { c.NotAfter = time.Now().Unix() - 2 }), operatorA),
		"garbage":            []byte("let me in"),
	} {
		d := *good
		d.conf.Credential = credential
		d.dial(h) // the device learns with its first call what the vault thinks of it
		if m, err := d.Call(context.Background(), wire.Begin{Purpose: wire.Identify}); err == nil {
			t.Errorf("%s credential: %v", name, m)
		}
	}
	unknown := newDevice(t, "nobody", operatorA)
	if _, err := link.Dial(context.Background(), h.connect(t), unknown.conf); err == nil {
		t.Error("a tenant that is not there gets evidence")
	}
	good.dial(h).begin(wire.Begin{Purpose: wire.Identify})
}

// Sessions are bounded in number, and those that nobody uses make room.
func TestSessionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMachine().start(t)
		d := newDevice(t, "acme", operatorA).dial(h)
		defer d.Close()
		open := func(id uint64) wire.EnvelopeKind {
			back, _ := h.handle(t, wire.Envelope{Session: 1e6 + id, Kind: wire.Open})
			return back.Kind
		}
		for id := range uint64(vault.MaxSessions - 1) {
			if k := open(id); k != 0 {
				t.Fatalf("session %d: %d", id, k)
			}
		}
		if open(vault.MaxSessions) != wire.Close {
			t.Error("one session too many")
		}
		d.begin(wire.Begin{Purpose: wire.Identify})
		time.Sleep(31 * time.Second)
		if k := open(vault.MaxSessions + 1); k != 0 {
			t.Error("sessions without a device stay for ever")
		}
		synctest.Wait()
		d.begin(wire.Begin{Purpose: wire.Identify}) // an admitted device stays
		time.Sleep(200 * time.Second)
		h.handle(t, wire.Envelope{Session: 5e6, Kind: wire.Open})
		synctest.Wait()
		if _, err := d.Call(context.Background(), wire.Begin{Purpose: wire.Identify}); err == nil {
			t.Error("an idle session stays for ever")
		}
	})
}

// What a host may say that makes no sense ends a session at most.
func TestHostGarbage(t *testing.T) {
	h := newMachine().start(t)
	for name, in := range map[string][]byte{"nothing": nil, "a byte": {0}, "text": []byte("GET / HTTP/1.1"), "long": make([]byte, 2<<20)} {
		if out := h.vault.Handle(context.Background(), in); out != nil {
			t.Errorf("%s: %x", name, out)
		}
	}
	step := func(what string, e wire.Envelope, want wire.EnvelopeKind) {
		t.Helper()
		if back, _ := h.handle(t, e); back.Kind != want {
			t.Errorf("%s: %d, want %d", what, back.Kind, want)
		}
	}
	step("data for nobody", wire.Envelope{Session: 1, Kind: wire.Data, Payload: []byte{1}}, wire.Close)
	step("close of nobody", wire.Envelope{Session: 1, Kind: wire.Close}, 0)
	step("open", wire.Envelope{Session: 2, Kind: wire.Open}, 0)
	step("open again", wire.Envelope{Session: 2, Kind: wire.Open}, wire.Close)
	step("data after that", wire.Envelope{Session: 2, Kind: wire.Data, Payload: []byte{1}}, wire.Close)
	step("open", wire.Envelope{Session: 3, Kind: wire.Open}, 0)
	step("garbage", wire.Envelope{Session: 3, Kind: wire.Data, Payload: []byte("garbage")}, wire.Close)
	step("and more", wire.Envelope{Session: 3, Kind: wire.Data, Payload: []byte("garbage")}, wire.Close)
	newDevice(t, "acme", operatorA).dial(h).begin(wire.Begin{Purpose: wire.Identify})
}

// A fault inside ends one session: no other, not the vault, and without a word.
func TestFaultStaysInside(t *testing.T) {
	m := newMachine()
	h := m.start(t)
	d := newDevice(t, "acme", operatorA).dial(h)
	other := newDevice(t, "bloom", operatorB).dial(h)
	one := d.enrol(1)
	m.trap = "planted: pixels of a palm"
	nonce := d.begin(wire.Begin{Purpose: wire.Delete, Person: one.Person})
	if a, err := d.Call(context.Background(), sample(nonce, wire.Left, palmOf(1, wire.Left), 50)); err == nil {
		t.Errorf("the vault answers %v after a fault", a)
	}
	m.trap = nil
	want(t, "another session", other.wave(wire.Identify, wire.Person{}, wire.Left, palmOf(1, wire.Left), 51), wire.Answer{})
	d.dial(h)
	want(t, "a new session", d.wave(wire.Identify, wire.Person{}, wire.Left, palmOf(1, wire.Left), 52), one)
	want(t, "what failed before", d.wave(wire.Delete, one.Person, wire.Left, palmOf(1, wire.Left), 53), one)
	if bytes.Contains(h.seen.Bytes(), []byte("planted")) {
		t.Error("the fault's text came out")
	}
}

// All answers have one length on the wire, whatever they say.
func TestAnswersHaveOneLength(t *testing.T) {
	m := newMachine()
	h := m.start(t)
	d := newDevice(t, "acme", operatorA).dial(h)
	sizes := map[int]string{}
	seen := map[wire.Status]bool{}
	note := func(a wire.Answer) wire.Answer {
		seen[a.Status] = true
		sizes[h.last] += " " + a.Status.String()
		return a
	}
	one := note(d.enrol(1))
	note(d.wave(wire.Enrol, wire.Person{}, wire.Left, palmOf(2, wire.Left), 1))
	note(d.wave(wire.Enrol, wire.Person{}, wire.Left, palmOf(3, wire.Left), 2))
	note(d.wave(wire.Identify, wire.Person{}, wire.Left, palmOf(1, wire.Left), 3))
	note(d.wave(wire.Identify, wire.Person{}, wire.Left, 999, 4))
	note(d.wave(wire.Verify, wire.Person{9}, wire.Left, 999, 5))
	note(d.wave(wire.Verify, one.Person, wire.Left, 999, 6))
	if a := note(d.wave(wire.Delete, one.Person, wire.Left, palmOf(1, wire.Left), 7)); a.Slip.Receipt() == nil {
		t.Error("a deletion without a receipt")
	}
	if len(sizes) != 1 || len(seen) != 4 {
		t.Errorf("answers by length: %v", sizes)
	}
}

// After five refusals of one person in a row a device waits, and is told
// nothing of it; other people and other devices do not.
func TestDelayAfterRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMachine().start(t)
		d := newDevice(t, "acme", operatorA).dial(h)
		other := newDevice(t, "acme", operatorA).dial(h)
		defer d.Close()
		defer other.Close()
		one, two := d.enrol(1), d.enrol(2)
		verify := func(d *device, who wire.Answer, palm uint64) wire.Status {
			return d.wave(wire.Verify, who.Person, wire.Left, palm, 50).Status
		}
		left := palmOf(1, wire.Left)
		for range 4 {
			verify(d, one, 999)
		}
		if verify(d, one, left) != wire.Accepted {
			t.Error("a person is delayed after 4 refusals")
		}
		for i := range 5 {
			if verify(d, one, 999) != wire.Refused {
				t.Errorf("stranger %d", i)
			}
		}
		for _, p := range []wire.Purpose{wire.Verify, wire.Update, wire.Delete} {
			if a := d.wave(p, one.Person, wire.Left, left, 51); a.Status != wire.Refused {
				t.Errorf("%v during the delay: %v", p, a.Status)
			}
		}
		if verify(d, two, palmOf(2, wire.Left)) != wire.Accepted || verify(other, one, left) != wire.Accepted {
			t.Error("another person, or another device, waits too")
		}
		time.Sleep(29 * time.Second)
		if verify(d, one, left) != wire.Refused {
			t.Error("the delay is too short")
		}
		time.Sleep(time.Second)
		if verify(d, one, 999) != wire.Refused || verify(d, one, left) != wire.Refused {
			t.Error("one more refusal after the delay is not another delay")
		}
		time.Sleep(30 * time.Second)
		if verify(d, one, left) != wire.Accepted {
			t.Error("the delay is too long")
		}
	})
}

// Updates come and go, and the captures of the enrolment stay.
func TestUpdatesKeepTheEnrolment(t *testing.T) {
	m := newMachine()
	d := newDevice(t, "acme", operatorA).dial(m.start(t))
	one := d.enrol(1)
	left := func() (list []string) {
		_, err := gallery.Open(context.Background(), m.platform(t), m, gallery.Options{Tenants: tenants, Load: func(_ string, r *gallery.Record) error {
			for _, c := range r.Left {
				list = append(list, string(c))
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	before := left()
	for take := range uint64(6) {
		d.dial(m.start(t)) // reading the gallery moved its counter
		want(t, "update", d.wave(wire.Update, one.Person, wire.Left, palmOf(1, wire.Left), 60+take), one)
		now := left()
		if len(now) != min(3+int(take)+1, 5) || strings.Join(now[:3], "") != strings.Join(before, "") {
			t.Errorf("after update %d: %d captures, or other ones than those of the enrolment", take+1, len(now))
		}
	}
}

// moody is a platform that cannot say whether it committed.
type moody struct {
	*simulated.Platform
	mute bool
}

func (p *moody) Commit(ctx context.Context, epoch uint64) error {
	if p.mute {
		return fmt.Errorf("commit %d: %w", epoch, errDisk)
	}
	return p.Platform.Commit(ctx, epoch)
}

func (p *moody) Epoch(ctx context.Context) (uint64, error) {
	if p.mute {
		return 0, errDisk
	}
	return p.Platform.Epoch(ctx)
}

// A vault that cannot know what its platform committed says that it must end.
func TestDone(t *testing.T) {
	m := newMachine()
	p := &moody{Platform: m.platform(t)}
	v, err := vault.New(context.Background(), vault.Config{Platform: p, Blobs: m, Tenants: tenants, FPIR: 1e-4})
	if err != nil {
		t.Fatal(err)
	}
	v.BelieveDevices()
	d := newDevice(t, "acme", operatorA).dial(&host{vault: v})
	one := d.enrol(1)
	p.mute = true
	want(t, "delete", d.wave(wire.Delete, one.Person, wire.Left, palmOf(1, wire.Left), 50), wire.Answer{Status: wire.Again})
	select {
	case <-v.Done():
	default:
		t.Error("the vault goes on")
	}
	want(t, "delete again", d.wave(wire.Delete, one.Person, wire.Left, palmOf(1, wire.Left), 51), wire.Answer{Status: wire.Again})
}

// Whatever a host sends, in whatever order, the vault lives and says nothing but envelopes.
func FuzzHandle(f *testing.F) {
	m := newMachine()
	h := m.start(f)
	hello, _ := wire.EncodeHello(wire.Hello{Tenant: "acme", Nonce: [32]byte{1}})
	open, _ := wire.EncodeEnvelope(wire.Envelope{Session: 1, Kind: wire.Open})
	data, _ := wire.EncodeEnvelope(wire.Envelope{Session: 1, Kind: wire.Data, Payload: append([]byte{1}, hello...)})
	f.Add(open, data, data)
	f.Add(open, open, data)
	f.Add(data, []byte{}, open)
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		for _, in := range [][]byte{a, b, c} {
			e, err := wire.DecodeEnvelope(in)
			out := h.vault.Handle(context.Background(), in)
			if out == nil {
				continue
			}
			back, wrong := wire.DecodeEnvelope(out)
			if err != nil || wrong != nil || back.Session != e.Session || back.Kind == wire.Open {
				t.Fatalf("%x is answered with %x", in, out)
			}
		}
	})
}
