package main

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"volar/cmd/internal/stack"
	"volar/enclave/receipt"
	"volar/wire"
)

// neighbour is a tenant of the same vault that nothing is ordered for.
const neighbour = "bloom"

// TestRenewalByOperator goes the way of enclave/renewal/README.md with the real programs: what palmctl renew prints goes into the
// configuration, the vault is started again, and palmctl verifies the receipts that it leaves in the store.
func TestRenewalByOperator(t *testing.T) {
	m := newSite(t)
	operator := m.keyFile("operator.pem", m.operator)
	stranger := m.keyFile("stranger.pem", ed25519.NewKeyFromSeed([]byte("somebody else who has no tenants")))
	var who, beside wire.Person
	m.up("", func(s *stack.Stack) {
		who, beside = m.enrol(s, stack.Tenant), m.enrol(s, neighbour)
		m.knows(s, stack.Tenant, who)
	})
	for _, generation := range []string{"1", "2"} {
		order := m.palmctl("renew", "--tenant", stack.Tenant, "--operator-key", operator, "--generation", generation)
		gone := who
		m.up(order, func(s *stack.Stack) {
			m.knows(s, stack.Tenant, wire.Person{})
			m.knows(s, neighbour, beside)
			who = m.enrol(s, stack.Tenant)
			m.knows(s, stack.Tenant, who)
		})
		m.forgot(gone)
		for _, again := range []string{order, ""} {
			m.up(again, func(s *stack.Stack) {
				m.knows(s, stack.Tenant, who)
				m.knows(s, neighbour, beside)
			})
		}
	}
	for _, c := range []struct{ tenant, key, generation, want string }{
		{stack.Tenant, operator, "1", "generation 1, the codes are of 2"},
		{neighbour, operator, "3", "tenant bloom"},
		{stack.Tenant, stranger, "3", "not signed with this key"},
	} {
		order := m.palmctl("renew", "--tenant", c.tenant, "--operator-key", c.key, "--generation", c.generation)
		if said := m.refuses(order); strings.Count(said, "\n") != 1 || !strings.Contains(said, "tenant demo: the order to renew") || !strings.Contains(said, c.want) {
			t.Errorf("the vault should name %q in a line, and says %q", c.want, said)
		}
	}
	m.up("", func(s *stack.Stack) { m.knows(s, stack.Tenant, who) })
}

// A site is a machine whose vault has two tenants of one operator.
type site struct {
	*testing.T
	ctx      context.Context
	bin, dir string
	operator ed25519.PrivateKey
}

func newSite(t *testing.T) *site {
	bin := os.Getenv("VOLAR_BIN")
	if bin == "" {
		t.Skip("VOLAR_BIN does not name the folder of the built programs; make test sets it")
	}
	if _, err := os.Stat(filepath.Join(bin, "palmctl")); err != nil { // also for go test, as in stack.Start
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	m := &site{T: t, ctx: ctx, bin: bin, dir: t.TempDir(), operator: ed25519.NewKeyFromSeed([]byte("the operator of demo and bloom.."))}
	m.write("operator.key", m.operator.Seed()) // where the stack keeps its operator's
	return m
}

func (m *site) write(name string, b []byte) (path string) {
	m.Helper()
	path = filepath.Join(m.dir, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		m.Fatal(err)
	}
	return path
}

func (m *site) keyFile(name string, key ed25519.PrivateKey) (path string) {
	m.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		m.Fatal(err)
	}
	return m.write(name, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// start starts the vault with an order for the first tenant, or none.
func (m *site) start(ctx context.Context, order string, log writerFunc) (*stack.Stack, error) {
	config := fmt.Sprintf("%s[[tenants]]\nname = %q\noperator = \"%x\"\n", order, neighbour, m.operator.Public())
	return stack.Start(ctx, stack.Options{Bin: m.bin, Dir: m.dir, Log: log, Config: config})
}

// up is a run of the vault, from its start until devices have done what they do.
func (m *site) up(order string, devices func(*stack.Stack)) {
	m.Helper()
	s, err := m.start(m.ctx, order, m.Output().Write)
	if err != nil {
		m.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			m.Error(err)
		}
	}()
	devices(s)
}

// refuses starts a vault that ends by itself, and gives what it says until the host would start it again.
func (m *site) refuses(order string) string {
	m.Helper()
	ctx, cancel := context.WithCancel(m.ctx)
	defer cancel()
	var mu sync.Mutex
	var said strings.Builder
	s, err := m.start(ctx, order, func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		for line := range strings.Lines(string(b)) {
			switch {
			case ctx.Err() != nil: // the next start
			case strings.HasPrefix(line, "palmvault:"):
				said.WriteString(line)
			case strings.Contains(line, "vault is gone"):
				cancel()
			}
		}
		return len(b), nil
	})
	if err == nil {
		m.Error("the vault serves")
		err = s.Close()
	}
	mu.Lock()
	defer mu.Unlock()
	if said.Len() == 0 {
		m.Errorf("the vault says nothing: %v", err)
	}
	return said.String()
}

// shown is the palm that everybody shows: at each tenant it is somebody else, or nobody.
const shown = 1

func (m *site) enrol(s *stack.Stack, tenant string) wire.Person {
	m.Helper()
	dial, err := device(s, tenant)
	if err != nil {
		m.Fatal(err)
	}
	session, err := dial(m.ctx)
	if err != nil {
		m.Fatal(err)
	}
	defer session.Close()
	who, err := enrol(m.ctx, session, shown)
	if err != nil {
		m.Fatal(err)
	}
	return who
}

// knows checks whom a tenant takes the palm for: nobody where want is zero.
func (m *site) knows(s *stack.Stack, tenant string, want wire.Person) {
	m.Helper()
	if a, err := identifyOnce(m.ctx, s, tenant, shown); err != nil || a.Person != want {
		m.Errorf("at %s the palm is %v, %x, %v; want %x", tenant, a.Status, a.Person, err, want)
	}
}

func (m *site) palmctl(args ...string) string {
	m.Helper()
	out, err := exec.CommandContext(m.ctx, filepath.Join(m.bin, "palmctl"), args...).CombinedOutput()
	if err != nil {
		m.Fatalf("palmctl %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// forgot verifies, with files alone, the receipt of somebody who was deleted.
func (m *site) forgot(who wire.Person) {
	m.Helper()
	papers := filepath.Join(m.dir, "receipts")
	m.palmctl("receipt", "export", "--db", filepath.Join(m.dir, "blobs.sqlite"), "--out", papers)
	operator := [32]byte(m.operator.Public().(ed25519.PublicKey))
	paper := filepath.Join(papers, fmt.Sprintf("%x", receipt.Handle(stack.Tenant, operator, who)))
	m.palmctl("receipt", "verify", paper+".receipt", "--voucher", m.voucher(papers), "--operator", fmt.Sprintf("%x", operator),
		"--policy", filepath.Join(m.dir, stack.Tenant+".policy"), "--person", fmt.Sprintf("%x", who[:]), "--absence", paper+".absence")
}

// voucher finds the one of the first tenant's receipt key.
func (m *site) voucher(papers string) string {
	m.Helper()
	files, err := filepath.Glob(filepath.Join(papers, "*.voucher"))
	if err != nil {
		m.Fatal(err)
	}
	i := slices.IndexFunc(files, func(name string) bool {
		b, err := os.ReadFile(name)
		if err != nil {
			m.Fatal(err)
		}
		v, err := receipt.ParseVoucher(b)
		return err == nil && v.Tenant == stack.Tenant
	})
	if i < 0 {
		m.Fatalf("none of %v is the tenant's", files)
	}
	return files[i]
}
