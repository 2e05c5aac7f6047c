package vault_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"volar/enclave/attest"
	"volar/enclave/attest/simulated"
	"volar/enclave/vault"
	"volar/wire"
	"volar/wire/link"
)

var (
	program   = [32]byte{0xab}
	signing   = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	operatorA = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))
	operatorB = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32))
	tenants   = []vault.Tenant{
		{Name: "acme", Operator: [32]byte(operatorA.Public().(ed25519.PublicKey))},
		{Name: "bloom", Operator: [32]byte(operatorB.Public().(ed25519.PublicKey))},
	}
)

var errDisk = errors.New("planted failure")

// machine is what outlives a vault's process: the store and the counter.
type machine struct {
	mu    sync.Mutex
	blobs map[string][]byte
	epoch uint64
	fail  bool // the store fails
	trap  any  // the store panics with this
	slow  time.Duration
	seen  bytes.Buffer
}

func (m *machine) Get(_ context.Context, key string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.blobs[key]
	return bytes.Clone(v), ok, nil
}

func (m *machine) List(_ context.Context, prefix, after string) ([]string, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	keys := slices.Sorted(maps.Keys(m.blobs))
	return slices.DeleteFunc(keys, func(k string) bool { return !strings.HasPrefix(k, prefix) || k <= after }), false, nil
}

func (m *machine) Apply(_ context.Context, puts []wire.Blob, deletes []string) error {
	time.Sleep(m.slow)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.trap != nil {
		panic(m.trap)
	}
	if m.fail {
		return errDisk
	}
	for _, p := range puts {
		m.blobs[p.Key] = bytes.Clone(p.Value)
		m.seen.Write(p.Value)
	}
	for _, k := range deletes {
		delete(m.blobs, k)
	}
	return nil
}

func (m *machine) platform(t testing.TB) *simulated.Platform {
	t.Helper()
	p, err := simulated.New(simulated.Config{Key: signing, Sealing: [32]byte{4}, Measurement: program, Epoch: m.epoch,
		Persist: func(n uint64) error {
			if m.fail {
				return errDisk
			}
			m.epoch = n
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// start is a vault's process on a machine.
func (m *machine) start(t testing.TB) *host { return m.startFor(t, tenants) }

func (m *machine) startFor(t testing.TB, tenants []vault.Tenant) *host {
	t.Helper()
	v, err := vault.New(context.Background(), vault.Config{Platform: m.platform(t), Blobs: m, Tenants: tenants, FPIR: 1e-4})
	if err != nil {
		t.Fatal(err)
	}
	v.BelieveDevices()
	return &host{vault: v}
}

func newMachine() *machine { return &machine{blobs: map[string][]byte{}} }

// host carries frames between devices and the vault, as the gateway does.
type host struct {
	vault *vault.Vault
	next  atomic.Uint64
	mu    sync.Mutex
	seen  bytes.Buffer // everything that went through its hands
	last  int          // bytes of the last frame that the vault sent
	moved traffic
}

// traffic is how much went through a host's hands.
type traffic struct{ up, down, frames int }

func (h *host) traffic() traffic {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.moved
}

func (h *host) handle(t testing.TB, e wire.Envelope) (wire.Envelope, bool) {
	t.Helper()
	in, err := wire.EncodeEnvelope(e)
	if err != nil {
		t.Fatal(err)
	}
	out := h.vault.Handle(context.Background(), in)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen.Write(in)
	h.seen.Write(out)
	h.moved.up, h.moved.down, h.moved.frames = h.moved.up+len(in), h.moved.down+len(out), h.moved.frames+1
	if out == nil {
		return wire.Envelope{}, false
	}
	back, err := wire.DecodeEnvelope(out)
	if err != nil || back.Session != e.Session {
		t.Errorf("the vault answers session %d with %+v, %v", e.Session, back, err)
	}
	h.last = len(back.Payload)
	return back, true
}

// connect serves one device's connection.
func (h *host) connect(t testing.TB) net.Conn {
	near, far := net.Pipe()
	id := h.next.Add(1)
	if back, some := h.handle(t, wire.Envelope{Session: id, Kind: wire.Open}); some {
		t.Errorf("a new session gets %+v", back)
	}
	go func() {
		defer far.Close()
		for {
			frame, err := wire.ReadFrame16(far)
			if err != nil {
				h.handle(t, wire.Envelope{Session: id, Kind: wire.Close})
				return
			}
			back, some := h.handle(t, wire.Envelope{Session: id, Kind: wire.Data, Payload: frame})
			if !some {
				continue
			}
			if back.Kind == wire.Close || wire.WriteFrame16(far, back.Payload) != nil {
				return
			}
		}
	}()
	return near
}

// device is an enrolled device of a tenant.
type device struct {
	t    testing.TB
	key  *link.Key
	conf link.ClientConfig
	*link.Session
}

func newDevice(t testing.TB, tenant string, operator ed25519.PrivateKey) *device {
	t.Helper()
	key, err := link.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	credential, err := wire.SignCredential(wire.Credential{Tenant: tenant, Device: key.Public(), NotAfter: time.Now().Add(time.Hour).Unix()}, operator)
	if err != nil {
		t.Fatal(err)
	}
	policy := attest.Policy{Tenant: tenant, NotAfter: math.MaxInt64, Vaults: []attest.Vault{{Measurement: program}}, Simulated: &attest.Simulated{Keys: [][32]byte{[32]byte(signing.Public().(ed25519.PublicKey))}}, Development: true}
	return &device{t: t, key: key, conf: link.ClientConfig{Tenant: tenant, Static: key, Credential: credential,
		Verify: func(evidence []byte, nonce [32]byte) ([32]byte, error) {
			c, err := attest.Verify(evidence, policy, nonce, time.Now(), simulated.Verifier{})
			return c.VaultKey, err
		}}}
}

func (d *device) dial(h *host) *device {
	d.t.Helper()
	s, err := link.Dial(context.Background(), h.connect(d.t), d.conf)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { s.Close() })
	d.Session = s
	return d
}

func (d *device) begin(b wire.Begin) wire.Nonce {
	d.t.Helper()
	m, err := d.Call(context.Background(), b)
	if err != nil {
		d.t.Fatalf("begin %v: %v", b.Purpose, err)
	}
	return m.(wire.Challenge).Nonce
}

// wave is Begin, Sample, Answer.
func (d *device) wave(p wire.Purpose, who wire.Person, hand wire.Hand, palm, take uint64) wire.Answer {
	d.t.Helper()
	nonce := d.begin(wire.Begin{Purpose: p, Person: who})
	m, err := d.Call(context.Background(), sample(nonce, hand, palm, take))
	if err != nil {
		d.t.Fatalf("sample for %v: %v", p, err)
	}
	return m.(wire.Answer)
}

// enrol enrols the person whose palms are 2*person and 2*person+1.
func (d *device) enrol(person uint64) wire.Answer {
	d.t.Helper()
	hand := wire.Left
	for take := range uint64(20) {
		a := d.wave(wire.Enrol, wire.Person{}, hand, palmOf(person, hand), take)
		if a.Status == wire.Accepted || a.Status == wire.Refused {
			return a
		}
		if a.Status == wire.More {
			hand = a.Hand
		}
	}
	d.t.Fatal("an enrolment without end")
	return wire.Answer{}
}

func palmOf(person uint64, hand wire.Hand) uint64 { return 2*person + uint64(hand) - 1 }

// dead marks the number of a palm that does not live.
const dead = 1 << 40

// sample shows a synthetic palm: the same palm and another take give another
// picture of the same lines.
func sample(nonce wire.Nonce, hand wire.Hand, palm, take uint64) wire.Sample {
	proof := wire.NewProof()
	if palm&dead != 0 {
		palm, proof.Levels[0] = palm&^dead, 1
	}
	view := func(b wire.Band) wire.View {
		return wire.View{Band: b, Pix: lines(palm, take, b), Mask: bytes.Repeat([]byte{0xff}, wire.MaskBytes)}
	}
	views := []wire.View{view(wire.NIR)}
	if take%4 == 0 { // a frame of two chunks; the others are quicker
		views = []wire.View{view(wire.RGB), view(wire.NIR)}
	}
	return wire.Sample{Nonce: nonce, Hand: hand, Distance: 700, Quality: 80, Views: views, Proof: proof}
}

// lines draws dark waves of random direction on a bright ground, moved a
// little and with noise for each take.
func lines(palm, take uint64, b wire.Band) []byte {
	anatomy := rand.New(rand.NewPCG(palm, uint64(b)))
	noise := rand.New(rand.NewPCG(take, palm))
	dx, dy := 3*noise.Float64(), 3*noise.Float64()
	var field [wire.Side][wire.Side]float64
	for range 30 {
		angle, bend := anatomy.Float64()*math.Pi, (anatomy.Float64()-0.5)/60
		x0, y0 := anatomy.Float64()*wire.Side, anatomy.Float64()*wire.Side
		length := 30 + 50*anatomy.Float64()
		for s := 0.0; s < length; s++ {
			a := angle + bend*s
			x, y := x0+s*math.Cos(a)+dx, y0+s*math.Sin(a)+dy
			for i := -3; i <= 3; i++ {
				for j := -3; j <= 3; j++ {
					px, py := int(x)+i, int(y)+j
					if px >= 0 && py >= 0 && px < wire.Side && py < wire.Side {
						d := math.Hypot(float64(px)-x, float64(py)-y)
						field[py][px] = max(field[py][px], math.Exp(-d*d/3))
					}
				}
			}
		}
	}
	pix := make([]byte, 0, wire.Side*wire.Side*b.Channels())
	for y := range field {
		for x := range field[y] {
			v := 170 - 70*field[y][x] + 4*noise.NormFloat64()
			for range b.Channels() {
				pix = append(pix, byte(v))
			}
		}
	}
	return pix
}
