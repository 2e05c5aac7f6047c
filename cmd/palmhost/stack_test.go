package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"volar/cmd/internal/stack"
	"volar/hal"
	"volar/liveness/living"
	"volar/wire"
	"volar/wire/link"
)

// device opens a tenant's sessions with the stack's vault.
func device(s *stack.Stack, tenant string) (func(context.Context) (*link.Session, error), error) {
	key, err := link.GenerateKey()
	if err != nil {
		return nil, err
	}
	unit, err := s.UnitOf(tenant, "test", key.Public())
	if err != nil {
		return nil, err
	}
	return unit.Dialer(key, memory{}, nil)
}

// memory is a store that lasts as long as the test.
type memory map[string][]byte

func (m memory) Get(key string) ([]byte, error) {
	if b, ok := m[key]; ok {
		return b, nil
	}
	return nil, hal.ErrNotFound
}
func (m memory) Put(key string, val []byte) error { m[key] = val; return nil }
func (m memory) Delete(key string) error          { delete(m, key); return nil }

// show runs one wave.
func show(ctx context.Context, s *link.Session, p wire.Purpose, who wire.Person, hand wire.Hand, palm uint64) (wire.Answer, error) {
	m, err := s.Call(ctx, wire.Begin{Purpose: p, Person: who})
	if err != nil {
		return wire.Answer{}, err
	}
	c, ok := m.(wire.Challenge)
	if !ok {
		return wire.Answer{}, fmt.Errorf("begin was answered by %T", m)
	}
	m, err = s.Call(ctx, living.Sample(c.Nonce, hand, palm*2+uint64(hand), uint64(c.Nonce[0])))
	if err != nil {
		return wire.Answer{}, err
	}
	a, ok := m.(wire.Answer)
	if !ok {
		return wire.Answer{}, fmt.Errorf("a sample was answered by %T", m)
	}
	return a, nil
}

// enrol shows both hands until the vault has enough.
func enrol(ctx context.Context, s *link.Session, palm uint64) (wire.Person, error) {
	hand := wire.Left
	for range 20 {
		a, err := show(ctx, s, wire.Enrol, wire.Person{}, hand, palm)
		switch {
		case err != nil:
			return wire.Person{}, err
		case a.Status == wire.Accepted:
			return a.Person, nil
		case a.Status == wire.More:
			hand = a.Hand
		default:
			return wire.Person{}, fmt.Errorf("enrolment was answered %v", a.Status)
		}
	}
	return wire.Person{}, fmt.Errorf("enrolment has no end")
}

// TestStackSurvivesItsVault runs palmhost over the real launcher and vault:
// devices enrol and are recognised at once, the vault is killed among their
// waves, and what it had accepted is still there.
func TestStackSurvivesItsVault(t *testing.T) {
	bin := os.Getenv("VOLAR_BIN")
	if bin == "" {
		t.Skip("VOLAR_BIN does not name the folder of the built programs; make test sets it")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var said strings.Builder
	var mu sync.Mutex
	s, err := stack.Start(ctx, stack.Options{Bin: bin, Dir: t.TempDir(), Log: writerFunc(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return said.Write(b)
	})})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	dial, err := device(s, stack.Tenant)
	if err != nil {
		t.Fatal(err)
	}

	const people = 6
	var persons [people]wire.Person
	session, err := dial(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range persons {
		if persons[i], err = enrol(ctx, session, uint64(i)); err != nil {
			t.Fatalf("person %d: %v", i, err)
		}
	}
	session.Close()
	recogniseAll(ctx, t, s, persons[:])

	// Devices go on while the vault dies under them; none may get a wrong answer.
	vault := descendant(t, s.Host(), "palmvault")
	stop := make(chan struct{})
	var devices sync.WaitGroup
	for i := range persons {
		devices.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if a, err := identifyOnce(ctx, s, stack.Tenant, uint64(i)); err == nil && (a.Status != wire.Accepted || a.Person != persons[i]) {
					t.Errorf("person %d was answered %v", i, a.Status)
					return
				}
			}
		})
	}
	time.Sleep(200 * time.Millisecond)
	if err := syscall.Kill(vault, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	close(stop)
	devices.Wait()
	recogniseAll(ctx, t, s, persons[:])
	if again := descendant(t, s.Host(), "palmvault"); again == vault {
		t.Error("the vault was not started again")
	}
	metrics := fetch(t, s.Metrics)
	if !strings.Contains(metrics, "palmhost_vault_restarts_total 1") {
		t.Errorf("not one restart:\n%s", metrics)
	}
	began := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	t.Logf("ended %v after SIGTERM", time.Since(began).Round(time.Millisecond))
	mu.Lock()
	defer mu.Unlock()
	for i, p := range persons {
		for _, where := range []string{said.String(), metrics} {
			if strings.Contains(where, fmt.Sprintf("%x", p[:])) || strings.Contains(where, stack.Tenant) {
				t.Errorf("person %d or the tenant is in the log or the metrics", i)
			}
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// identifyOnce is a device that comes, shows a palm, and goes.
func identifyOnce(ctx context.Context, s *stack.Stack, tenant string, palm uint64) (wire.Answer, error) {
	dial, err := device(s, tenant)
	if err != nil {
		return wire.Answer{}, err
	}
	session, err := dial(ctx)
	if err != nil {
		return wire.Answer{}, err
	}
	defer session.Close()
	return show(ctx, session, wire.Identify, wire.Person{}, wire.Left, palm)
}

// recogniseAll shows everybody's palm at the same time, and strangers'.
func recogniseAll(ctx context.Context, t *testing.T, s *stack.Stack, persons []wire.Person) {
	t.Helper()
	var devices sync.WaitGroup
	for i := range 2 * len(persons) {
		devices.Go(func() {
			a, err := identifyOnce(ctx, s, stack.Tenant, uint64(i))
			for err != nil && ctx.Err() == nil { // while the vault is being started
				time.Sleep(50 * time.Millisecond)
				a, err = identifyOnce(ctx, s, stack.Tenant, uint64(i))
			}
			want := wire.Answer{}
			if i < len(persons) {
				want = wire.Answer{Status: wire.Accepted, Person: persons[i]}
			}
			if err != nil || a != want {
				t.Errorf("palm %d: %v, %v; want %v", i, a.Status, err, want.Status)
			}
		})
	}
	devices.Wait()
}

// descendant finds a process of palmhost's by its name.
func descendant(t *testing.T, of int, name string) int {
	t.Helper()
	folders, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	parent, names := map[int]int{}, map[int]string{}
	for _, f := range folders {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // gone meanwhile
		}
		head, rest, ok := strings.Cut(string(b), ") ")
		fields := strings.Fields(rest)
		number, comm, ok2 := strings.Cut(head, " (")
		if !ok || !ok2 || len(fields) < 2 {
			continue
		}
		pid, _ := strconv.Atoi(number)
		parent[pid], _ = strconv.Atoi(fields[1])
		names[pid] = comm
		if link, err := os.Readlink(filepath.Join(filepath.Dir(f), "exe")); err == nil {
			names[pid] += " " + link
		}
	}
	for pid := range parent {
		for up := pid; up > 1; up = parent[up] {
			if up == of && strings.Contains(names[pid], name) && pid != of && !strings.Contains(names[pid], "palmlaunch") {
				return pid
			}
		}
	}
	out, _ := exec.Command("ps", "-ef").Output()
	t.Fatalf("no process %s of %d\n%s", name, of, out)
	return 0
}

func fetch(t *testing.T, addr string) string {
	t.Helper()
	r, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
