package gallery_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"volar/enclave/attest/simulated"
	"volar/enclave/vault/gallery"
	"volar/wire"
)

var ctx = context.Background()

// errDisk is what a store or a counter says that a test made to fail.
var errDisk = errors.New("planted failure")

// fault makes the n-th write fail (1 is the first), before or after it took
// effect, and every write after it too if the machine lost power.
type fault struct {
	at    int
	after bool
	power bool
	count int
}

// write runs a write under the fault.
func (f *fault) write(do func()) error {
	f.count++
	hit := f.at > 0 && (f.count == f.at || f.power && f.count > f.at)
	if !hit || f.after && f.count == f.at {
		do()
	}
	if hit {
		return errDisk
	}
	return nil
}

// machine is a platform and a store that outlive the vault's process.
type machine struct {
	t     *testing.T
	mu    sync.Mutex
	blobs map[string][]byte
	old   map[string][][]byte // every value that a key ever had
	epoch uint64
	fault fault

	sealing  byte // which platform it is
	platform platformFault
	calls    int // of the platform
}

// platformFault makes the n-th call of the platform fail, before or after it
// took effect, and every later one too if it fails for good.
type platformFault struct {
	at      int
	after   bool
	forGood bool
}

// call makes a call of the platform under the fault.
func (m *machine) call(do func() error) error {
	m.calls++
	f := m.platform
	hit := f.at > 0 && (m.calls == f.at || f.forGood && m.calls > f.at)
	if hit && !(f.after && m.calls == f.at) {
		return errChip
	}
	if err := do(); err != nil || !hit {
		return err
	}
	return errChip
}

var errChip = errors.New("planted failure of the platform")

func newMachine(t *testing.T) *machine {
	return &machine{t: t, blobs: map[string][]byte{}, old: map[string][][]byte{}}
}

func (m *machine) Get(_ context.Context, key string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.blobs[key]
	return bytes.Clone(v), ok, nil
}

// List gives three keys at a time, so that paging happens.
func (m *machine) List(_ context.Context, prefix, after string) ([]string, bool, error) {
	keys := slices.Sorted(maps.Keys(m.blobs))
	keys = slices.DeleteFunc(keys, func(k string) bool { return !strings.HasPrefix(k, prefix) || k <= after })
	n := min(3, len(keys))
	return keys[:n], n < len(keys), nil
}

func (m *machine) Apply(_ context.Context, puts []wire.Blob, deletes []string) error {
	// The host's own rules: what its messages cannot carry is an error.
	if _, err := wire.EncodeBlobRequest(wire.BlobRequest{Op: wire.BlobApply, Puts: puts, Deletes: deletes}); err != nil {
		m.t.Errorf("a change that no message carries: %v", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fault.write(func() {
		for _, p := range puts {
			m.blobs[p.Key] = bytes.Clone(p.Value)
			m.old[p.Key] = append(m.old[p.Key], bytes.Clone(p.Value))
		}
		for _, k := range deletes {
			delete(m.blobs, k)
		}
	})
}

// own counts the blobs that are the gallery's own, and not people's papers.
func (m *machine) own() (n int) {
	for key := range m.blobs {
		if !paper(key) {
			n++
		}
	}
	return n
}

// paper says whether a blob is for people to read, and nothing to the gallery.
func paper(key string) bool {
	kind, _, _ := strings.Cut(key, "/")
	return kind == "receipt" || kind == "absence" || kind == "voucher"
}

// sealer is a new start of the platform.
func (m *machine) sealer() gallery.Sealer {
	p, err := simulated.New(simulated.Config{
		Key: ed25519.NewKeyFromSeed(make([]byte, 32)), Sealing: [32]byte{1, m.sealing}, Measurement: [32]byte{2}, Epoch: m.epoch,
		Persist: func(n uint64) error {
			// A counter that fails after it moved has moved: the platform reads it again.
			return m.fault.write(func() { m.epoch = n })
		},
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return &counter{p, m}
}

// counter reads the counter itself, as a TPM does, so that a commit that
// failed after it took effect has taken effect.
type counter struct {
	*simulated.Platform
	m *machine
}

func (c *counter) Epoch(context.Context) (epoch uint64, err error) {
	err = c.m.call(func() error { epoch = c.m.epoch; return nil })
	return epoch, err
}

func (c *counter) Seal(ctx context.Context, epoch uint64, secret []byte) (sealed []byte, err error) {
	err = c.m.call(func() (err error) { sealed, err = c.Platform.Seal(ctx, epoch, secret); return err })
	return sealed, err
}

func (c *counter) Commit(ctx context.Context, epoch uint64) error {
	return c.m.call(func() error {
		if epoch != c.m.epoch+1 {
			return simulated.ErrEpoch
		}
		c.m.mu.Lock()
		defer c.m.mu.Unlock()
		return c.m.fault.write(func() { c.m.epoch = epoch })
	})
}

func (c *counter) Unseal(ctx context.Context, epoch uint64, blob []byte) (secret []byte, err error) {
	// A fresh platform, because its counter is a copy of the machine's.
	p, err := simulated.New(simulated.Config{Key: ed25519.NewKeyFromSeed(make([]byte, 32)), Sealing: [32]byte{1, c.m.sealing},
		Measurement: [32]byte{2}, Epoch: c.m.epoch, Persist: func(uint64) error { return nil }})
	if err != nil {
		return nil, err
	}
	err = c.m.call(func() (err error) { secret, err = p.Unseal(ctx, epoch, blob); return err })
	return secret, err
}

var (
	acme  = gallery.Tenant{Name: "acme", Operator: [32]byte{1}}
	bloom = gallery.Tenant{Name: "bloom", Operator: [32]byte{2}}
	both  = []gallery.Tenant{acme, bloom}
)

// people is what a gallery restored: tenant/person to the left hand's first capture.
type people map[string]string

func who(tenant string, person byte) string { return tenant + "/" + string('A'+rune(person)) }

// program is the measurement of the vault in these tests.
var program = [32]byte{0xab}

// open starts a vault's gallery.
func (m *machine) open(tenants ...gallery.Tenant) (*gallery.Gallery, people, error) {
	return m.openWith(gallery.Options{Tenants: tenants})
}

func (m *machine) openWith(o gallery.Options) (*gallery.Gallery, people, error) {
	got := people{}
	o.Load = func(tenant string, r *gallery.Record) error {
		got[who(tenant, r.Person[0])] = string(r.Left[0])
		return nil
	}
	g, err := gallery.Open(ctx, m.sealer(), m, o)
	if err == nil && g.Importing() == nil {
		err = g.Certify(ctx, program, func(_ gallery.Tenant, key ed25519.PublicKey) ([]byte, error) { return key, nil })
	}
	return g, got, err
}

func (m *machine) mustOpen(tenants ...gallery.Tenant) (*gallery.Gallery, people) {
	m.t.Helper()
	g, got, err := m.open(tenants...)
	if err != nil {
		m.t.Fatal(err)
	}
	return g, got
}

// record is a record of a person whose template is text.
func record(person byte, text string) *gallery.Record {
	return &gallery.Record{Person: wire.Person{person, 1}, Left: [][]byte{[]byte(text)}, Right: [][]byte{[]byte("right of " + text)}}
}
