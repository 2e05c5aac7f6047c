//go:build linux && amd64

package crash

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"volar/enclave/attest/simulated"
	"volar/enclave/host/store"
	"volar/enclave/vault/gallery"
	"volar/wire"
	"volar/wire/canonical"
)

var codec = canonical.New(4, 16)

var ctx = context.Background()

// blobs is the real store as the vault sees it.
type blobs struct{ *store.Store }

func (b blobs) List(ctx context.Context, prefix, after string) ([]string, bool, error) {
	return b.Store.List(ctx, prefix, after, wire.MaxKeys)
}

// counter is a simulated platform whose counter is a file, written as careful
// programs write files: aside, synced, renamed, the folder synced.
type counter struct {
	*simulated.Platform
	path string
}

func newCounter(dir string, program [32]byte) (*counter, error) {
	c := &counter{path: filepath.Join(dir, "counter")}
	epoch, err := c.Epoch(ctx)
	if err != nil {
		return nil, err
	}
	c.Platform, err = simulated.New(simulated.Config{Key: ed25519.NewKeyFromSeed(make([]byte, 32)), Sealing: [32]byte{1},
		Measurement: program, Epoch: epoch, Persist: c.persist})
	return c, err
}

// Epoch reads the file: after an error it alone knows what has been done.
func (c *counter) Epoch(context.Context) (uint64, error) {
	b, err := os.ReadFile(c.path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(string(b), 10, 64)
}

// Commit makes sure that the platform knows what the file says: an error
// after the rename has moved the counter.
func (c *counter) Commit(_ context.Context, epoch uint64) error {
	if now, err := c.Epoch(ctx); err != nil || epoch != now+1 {
		return fmt.Errorf("commit %d at %d: %w", epoch, now, errors.Join(err, simulated.ErrEpoch))
	}
	return c.persist(epoch)
}

func (c *counter) persist(epoch uint64) error {
	next := c.path + ".next"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strconv.FormatUint(epoch, 10))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, c.path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(c.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// step is something that a scenario does: an empty text deletes.
type step struct {
	person byte
	text   string
}

// scenario is what a child does after its start, which counts too. Steps of
// one group are asked for at the same time.
type scenario struct {
	name    string
	program byte // the measurement of the vault
	groups  [][]step
}

const oldProgram, newProgram = 0xa1, 0xa2

var scenarios = []scenario{
	{"enrol", oldProgram, [][]step{{{10, "ten"}}, {{11, "eleven"}, {12, "twelve"}, {13, "thirteen"}}}},
	{"update", oldProgram, [][]step{{{0, "zero again"}}, {{1, "one again"}}, {{0, "and again"}}}},
	{"delete", oldProgram, [][]step{{{0, ""}}, {{2, ""}, {1, "one again"}}, {{3, ""}}}},
	{"upgrade", newProgram, [][]step{{{4, "four"}}, {{0, ""}}}},
}

// before is what the store holds when a scenario begins.
var before = []step{{0, "zero"}, {1, "one"}, {2, "two"}, {3, "three"}}

var (
	operator = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	acme     = gallery.Tenant{Name: "acme", Operator: [32]byte(operator.Public().(ed25519.PublicKey))}
)

func id(person byte) wire.Person { return wire.Person{person, 1} }

// vault is a gallery that is open, and what it restored.
type vault struct {
	*gallery.Gallery
	store  *store.Store
	people map[byte]string
}

// start opens the gallery in a folder, as a vault's start does.
func start(dir string, sealer gallery.Sealer, program byte) (*vault, error) {
	s, err := store.Open(ctx, filepath.Join(dir, "blobs.db"))
	if err != nil {
		return nil, err
	}
	v := &vault{store: s, people: map[byte]string{}}
	v.Gallery, err = gallery.Open(ctx, sealer, blobs{s}, gallery.Options{Tenants: []gallery.Tenant{acme}, Load: func(_ string, r *gallery.Record) error {
		v.people[r.Person[0]] = string(r.Left[0])
		return nil
	}})
	if err == nil {
		err = v.Certify(ctx, [32]byte{program}, func(_ gallery.Tenant, key ed25519.PublicKey) ([]byte, error) { return key, nil })
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return v, nil
}

func (v *vault) do(s step) error {
	if s.text == "" {
		_, err := v.Delete(ctx, acme.Name, id(s.person))
		return err
	}
	return v.Put(ctx, acme.Name, &gallery.Record{Person: id(s.person), Left: [][]byte{[]byte(s.text)}, Right: [][]byte{make([]byte, 3000)}})
}

// live plays a scenario and says what it tries and what was acknowledged.
func live(dir string, sealer gallery.Sealer, s scenario) error {
	v, err := start(dir, sealer, s.program)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	say := func(what string, s step) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf("%s %d %s\n", what, s.person, s.text)
	}
	for _, group := range s.groups {
		var busy sync.WaitGroup
		for _, step := range group {
			say("try", step)
			busy.Go(func() {
				if v.do(step) == nil {
					say("ack", step)
				}
			})
		}
		busy.Wait()
	}
	return v.store.Close()
}

// possible is what each person may be after a child has ended: what was last
// acknowledged, or what was tried since.
func possible(said string) map[byte][]string {
	may := map[byte][]string{}
	for _, s := range before {
		may[s.person] = []string{s.text}
	}
	for line := range strings.Lines(said) {
		word := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
		if len(word) != 3 {
			continue
		}
		n, _ := strconv.Atoi(word[1])
		p := byte(n)
		switch {
		case word[0] == "ack":
			may[p] = []string{word[2]}
		case len(may[p]) == 0:
			may[p] = []string{"", word[2]}
		default:
			may[p] = append(may[p], word[2])
		}
	}
	return may
}

// consistent checks what an ended child has left: a gallery that opens, at
// one epoch, with everybody who was acknowledged and nobody whose deletion was.
func consistent(dir string, sealer gallery.Sealer, program byte, said string) error {
	heads, err := opening(dir, sealer)
	if err != nil {
		return err
	}
	v, err := start(dir, sealer, program)
	if err != nil {
		return fmt.Errorf("the gallery does not open: %w", err)
	}
	defer v.store.Close()
	if len(heads) != 1 {
		return fmt.Errorf("%d heads open: %v", len(heads), heads)
	}
	may := possible(said)
	for p, texts := range may {
		if !slices.Contains(texts, v.people[p]) {
			return fmt.Errorf("person %d is %q, may be %q", p, v.people[p], texts)
		}
	}
	for p := range v.people {
		if may[p] == nil {
			return fmt.Errorf("person %d came from nowhere", p)
		}
	}
	if err := v.receipts(may); err != nil {
		return err
	}
	if err := v.do(step{99, "afterwards"}); err != nil {
		return fmt.Errorf("it takes nobody any more: %w", err)
	}
	return nil
}

// receipts checks that everybody who is gone has a receipt, and nobody else.
func (v *vault) receipts(may map[byte][]string) error {
	keys, _, err := v.store.List(ctx, "receipt/", "", wire.MaxKeys)
	if err != nil {
		return err
	}
	gone := 0
	for _, s := range before {
		if v.people[s.person] == "" {
			gone++
		}
	}
	if len(keys) != gone {
		return fmt.Errorf("%d receipts, %d people are gone", len(keys), gone)
	}
	return nil
}

// opening lists the heads in the store that the platform opens.
func opening(dir string, sealer gallery.Sealer) (list []string, err error) {
	s, err := store.Open(ctx, filepath.Join(dir, "blobs.db"))
	if err != nil {
		return nil, err
	}
	defer s.Close()
	heads := map[string][]byte{}
	keys, _, err := s.List(ctx, "head/", "", wire.MaxKeys)
	for _, key := range keys {
		value, _, gerr := s.Get(ctx, key)
		err = errors.Join(err, gerr)
		heads[key] = value
	}
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(heads)) {
		var head struct {
			_       struct{} `cbor:",toarray"`
			Version uint8
			Epoch   uint64
			Sealed  []byte
			Box     []byte
		}
		if err := codec.Unmarshal(heads[key], &head); err != nil {
			return nil, fmt.Errorf("%s is torn: %w", key, err)
		}
		if _, err := sealer.Unseal(ctx, head.Epoch, head.Sealed); err == nil {
			list = append(list, key)
		}
	}
	return list, nil
}
