package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"volar/enclave/attest/simulated"
	"volar/enclave/attest/tpm"
	"volar/enclave/attest/tpm/chip"
	"volar/enclave/attest/tpm/swtpm"
	"volar/enclave/host/store"
	"volar/enclave/vault/gallery"
	"volar/wire"
)

// platform is what a gallery is sealed to: started for one gallery at a time.
type platform struct {
	name  string
	start func(dir string) (s gallery.Sealer, stop func(), err error)
}

// sealed measures what the vault's promises cost: a start, changes until they
// are acknowledged (on disk, synced, and committed by the counter), and the
// sealed session around a sample. By the clock: it is disks and chips that are waited for.
func sealed(b *bench) error {
	if err := sealedChanges(b, platform{"simulated", startSimulated}); err != nil {
		return err
	}
	if swtpm.Missing() == nil {
		tpm, err := softwareTPM()
		if err != nil {
			return err
		}
		if err := sealedChanges(b, tpm); err != nil {
			return err
		}
	}
	return sealedSession(b)
}

const sealedPeople = 1000

// sealedChanges measures a gallery on a real store.
func sealedChanges(b *bench, p platform) error {
	dir, err := os.MkdirTemp("", "bench") // short: a TPM's socket lies in it
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	open := func() (*gallery.Gallery, func(), error) {
		s, stop, err := p.start(dir)
		if err != nil {
			return nil, nil, err
		}
		return openGallery(dir, s, stop)
	}
	g, done, err := open()
	if err != nil {
		return err
	}
	fill := clocked(func() error { return enrolAll(g, sealedPeople) })
	enrol, err := repeated(30, func(i int) error { return g.Put(context.Background(), "acme", someone(sealedPeople+i)) })
	if err != nil {
		return err
	}
	remove, err := repeated(30, func(i int) error {
		_, err := g.Delete(context.Background(), "acme", someone(sealedPeople+i).Person)
		return err
	})
	if err != nil {
		return err
	}
	done()
	start := clocked(func() error {
		if g, done, err = open(); err != nil {
			return err
		}
		done()
		return nil
	})
	if fill.err != nil || start.err != nil {
		return errors.Join(fill.err, start.err)
	}
	b.add(p.name+": enrolment acknowledged", ms(enrol), "ms", "median of 30, one at a time, 1,000 people")
	b.add(p.name+": deletion acknowledged, with its receipt", ms(remove), "ms", "median of 30")
	b.add(p.name+": enrolment acknowledged, many at once", ms(fill.took)/sealedPeople, "ms a person", "32 share an epoch")
	b.add(p.name+": platform and gallery of 1,000 people from start to ready", ms(start.took), "ms", "without the program's own start")
	return nil
}

type blobs struct{ *store.Store }

func (b blobs) List(ctx context.Context, prefix, after string) ([]string, bool, error) {
	return b.Store.List(ctx, prefix, after, wire.MaxKeys)
}

func openGallery(dir string, s gallery.Sealer, stop func()) (*gallery.Gallery, func(), error) {
	ctx := context.Background()
	db, err := store.Open(ctx, filepath.Join(dir, "blobs.db"))
	if err != nil {
		return nil, nil, err
	}
	done := func() { db.Close(); stop() }
	acme := gallery.Tenant{Name: "acme", Operator: [32]byte{1}}
	g, err := gallery.Open(ctx, s, blobs{db}, gallery.Options{Tenants: []gallery.Tenant{acme}, Load: func(string, *gallery.Record) error { return nil }})
	if err == nil {
		err = g.Certify(ctx, [32]byte{1}, func(_ gallery.Tenant, key ed25519.PublicKey) ([]byte, error) { return key, nil })
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	return g, done, nil
}

// someone is a record of the size that an enrolment makes.
func someone(i int) *gallery.Record {
	r := &gallery.Record{Person: wire.Person{byte(i), byte(i >> 8), 1}}
	for range 3 {
		r.Left = append(r.Left, bytes.Repeat([]byte{byte(i)}, 3000))
		r.Right = append(r.Right, bytes.Repeat([]byte{byte(i)}, 3000))
	}
	return r
}

// enrolAll enrols n people as fast as 64 devices would.
func enrolAll(g *gallery.Gallery, n int) error {
	var all sync.WaitGroup
	errs := make([]error, n)
	turn := make(chan struct{}, 64)
	for i := range n {
		turn <- struct{}{}
		all.Go(func() {
			errs[i] = g.Put(context.Background(), "acme", someone(i))
			<-turn
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

type timed struct {
	took time.Duration
	err  error
}

func clocked(f func() error) timed {
	began := time.Now()
	err := f()
	return timed{time.Since(began), err}
}

// repeated is the median time of n calls.
func repeated(n int, f func(i int) error) (time.Duration, error) {
	var list []time.Duration
	for i := range n {
		t := clocked(func() error { return f(i) })
		if t.err != nil {
			return 0, t.err
		}
		list = append(list, t.took)
	}
	slices.Sort(list)
	return list[n/2], nil
}

func ms(d time.Duration) float64 { return 1e3 * d.Seconds() }

// startSimulated is a platform of software, whose counter is a file.
func startSimulated(dir string) (gallery.Sealer, func(), error) {
	path := filepath.Join(dir, "counter")
	var epoch uint64
	if b, err := os.ReadFile(path); err == nil {
		if _, err := fmt.Sscan(string(b), &epoch); err != nil {
			return nil, nil, err
		}
	}
	p, err := simulated.New(simulated.Config{Key: ed25519.NewKeyFromSeed(make([]byte, 32)), Sealing: [32]byte{1}, Measurement: [32]byte{1}, Epoch: epoch,
		Persist: func(n uint64) error { return synced(path, fmt.Sprint(n)) }})
	return p, func() {}, err
}

// synced writes a file and waits until it is on the disk.
func synced(path, text string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// softwareTPM is a TPM made of software. A chip is slower by ten to a hundred times.
func softwareTPM() (platform, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return platform{}, err
	}
	release, err := tpm.KeyOf(&key.PublicKey)
	if err != nil {
		return platform{}, err
	}
	var state []byte
	start := func(dir string) (gallery.Sealer, func(), error) {
		t, err := swtpm.Start(dir)
		if err != nil {
			return nil, nil, err
		}
		c, err := chip.Open(swtpm.Socket(dir))
		if err == nil && state == nil {
			err = c.SetUp(release, func(b []byte) error { state = b; return nil })
		}
		var p *chip.Platform
		if err == nil {
			var boot tpm.Boot
			if boot, err = c.Boot(); err == nil {
				var a tpm.Approval
				if a, err = tpm.Approve(key, [32]byte{1}, boot.Programs()); err == nil {
					p, err = c.Start(chip.Launch{State: state, Measurement: [32]byte{1}, Approval: a})
				}
			}
		}
		if err != nil {
			t.Kill()
			return nil, nil, err
		}
		return p, func() { c.Close(); t.Kill() }, nil
	}
	return platform{"swtpm", start}, nil
}
