package vm

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"volar/cmd/internal/stack"
	"volar/wire/link"
)

// house is where units belong: a host with its vault, the operator, and a
// technician's bench.
type house struct {
	*stack.Stack
	lab        *lab
	dir        string
	operator   ed25519.PublicKey
	technician string // public key, hex
	plans      int
}

// newHouse starts the host, and makes the keys of operator and technician.
func (l *lab) newHouse(t *testing.T, makers []byte, updates string) *house {
	t.Helper()
	h := &house{lab: l, dir: filepath.Join(l.dir, "house")}
	vault := filepath.Join(h.dir, "vault")
	if err := os.MkdirAll(vault, 0o700); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(h.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	if h.Stack, err = stack.Start(t.Context(), stack.Options{Bin: l.bin, Dir: vault, Log: log, Updates: updates}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close(); log.Close() })
	key, err := link.GenerateKey()
	if err == nil {
		_, err = h.Unit("bench", key.Public()) // writes the policy
	}
	if err != nil {
		t.Fatal(err)
	}
	seed, err := os.ReadFile(filepath.Join(vault, "operator.key"))
	if err != nil {
		t.Fatal(err)
	}
	private := ed25519.NewKeyFromSeed(seed)
	h.operator = private.Public().(ed25519.PublicKey)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	h.write(t, "operator.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	h.write(t, "makers.pem", makers)
	var made struct{ Key string }
	h.json(t, &made, "ticket", "key", "--out", h.path("technician.pem"))
	h.technician = made.Key
	return h
}

func (h *house) path(name string) string { return filepath.Join(h.dir, name) }

func (h *house) write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(h.path(name)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.path(name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// json runs palmctl and reads what it prints.
func (h *house) json(t *testing.T, v any, args ...string) {
	t.Helper()
	out := h.lab.palmctl(t, append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		t.Fatalf("palmctl %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// outside is an address of this machine as the unit sees it.
func outside(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return net.JoinHostPort("10.0.2.2", port)
}

// ticket has the authority sign what the technician may do, and returns the
// file.
func (h *house) ticket(t *testing.T, serial string, rights ...string) string {
	t.Helper()
	h.plans++
	out := h.path(fmt.Sprintf("tickets-%d/%s.ticket", h.plans, serial))
	if err := os.MkdirAll(filepath.Dir(out), 0o700); err != nil {
		t.Fatal(err)
	}
	h.lab.palmctl(t, "ticket", "sign", "--authority", filepath.Join(h.lab.keys, "authority.pem"), "--unit", serial, "--technician", "Kim",
		"--key", h.technician, "--tenant", stack.Tenant, "--operator", hex.EncodeToString(h.operator), "--rights", strings.Join(rights, ","), "--out", out)
	return out
}

// plan writes a plan for one unit whose image is that of build.
func (h *house) plan(t *testing.T, serial, build string) string {
	t.Helper()
	ticket := h.ticket(t, serial, "provision")
	updates := ""
	if h.Updates != "" {
		updates = fmt.Sprintf("updates = \"http://%s/\"\n", outside(h.Updates))
	}
	name := fmt.Sprintf("plan-%d.toml", h.plans)
	h.write(t, name, fmt.Appendf(nil, `site = "bench"
tenant = %q
gateway = %q
policy = "vault/policy"
operator_key = "operator.pem"
certificate_days = 1
technician_key = "technician.pem"
tickets = %q
makers = "makers.pem"
images = [%q]
release_key = %q
calibration = "design"
report = "report-%d"
development = true
%s
[[units]]
serial = %q
name = "door-1"
`, stack.Tenant, outside(h.Address), filepath.Dir(ticket), build, filepath.Join(h.lab.keys, "public.pem"), h.plans, updates, serial))
	return h.path(name)
}

// status is what palmctl says of the unit at a port.
type status struct {
	Serial string `json:"serial"`
	State  string `json:"state"`
	Slot   string `json:"slot"`
}

func (h *house) status(t *testing.T, port string) (s status) {
	t.Helper()
	h.json(t, &s, "status", "--port", port, "--rate", "115200", "--wait", "60s")
	return s
}

// provision runs palmctl provision on a port until it is done or fails.
func (h *house) provision(ctx context.Context, plan, port string) error {
	_, err := h.lab.tryPalmctl(ctx, "provision", plan, "--port", port, "--rate", "115200", "--yes", "--json")
	return err
}

// connect plugs the bench's cable in, for good.
func connect(t *testing.T, m *Machine) (*Cable, string) {
	t.Helper()
	c, err := m.Connect()
	if err != nil {
		t.Fatal(err)
	}
	port, err := c.Plug(-1)
	if err != nil {
		t.Fatal(err)
	}
	return c, port
}

// provisioned takes the unit from blank to sealed, over its serial port.
func (l *lab) provisioned(t *testing.T, h *house, u Unit, s *stage, build string) (total int64) {
	ok := l.note.run(t, "provisioning", func(t *testing.T) string {
		m := l.start(t, u)
		up(t, m)
		c, port := connect(t, m)
		serial := h.status(t, port).Serial
		plan := h.plan(t, serial, build)
		start := time.Now()
		ctx, stop := context.WithTimeout(t.Context(), patience)
		defer stop()
		s.arrive()
		if err := h.provision(ctx, plan, port); err != nil {
			t.Fatalf("%v\n%s", err, m.Console.Tail(20))
		}
		s.leave()
		l.note.since("provisioning, end to end", start)
		total = c.Passed()
		l.note.measure("over the cable", float64(total)/1e3, "kB")
		if s := h.status(t, port); s.State != "sealed" {
			t.Fatalf("the unit says that it is %q", s.State)
		}
		await(t, m, "provisioned.*state=sealed")
		m.Cut()
		return "slot a, sealed"
	})
	if !ok {
		t.FailNow()
	}
	return total
}

// cutProvisioning freezes a unit at every step of its provisioning, as a power
// cut would, and takes each of them on from there.
func (l *lab) cutProvisioning(t *testing.T, h *house, blank Unit, build string) {
	var frozen []Unit
	var plan string
	ok := l.note.run(t, "provisioning, frozen at each step", func(t *testing.T) string {
		u := l.clone(t, blank)
		u.Stage = newBench(t).socket
		m := l.start(t, u)
		up(t, m)
		_, port := connect(t, m)
		plan = h.plan(t, h.status(t, port).Serial, build)
		done := make(chan error, 1)
		go func() { done <- h.provision(t.Context(), plan, port) }()
		for {
			found := await(t, m, `msg=provisioned state=(\S+)`)
			f, err := m.Freeze(filepath.Join(l.dir, "frozen", fmt.Sprintf("step-%d", len(frozen))))
			if err != nil {
				t.Fatal(err)
			}
			if frozen = append(frozen, f); found[1] == "sealed" {
				break
			}
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		m.Cut()
		return fmt.Sprintf("sealed; %d copies", len(frozen))
	})
	if !ok {
		return
	}
	for i, u := range frozen {
		l.note.beside(t, fmt.Sprintf("power cut in provisioning, step %d", i+1), func(t *testing.T) string {
			defer os.RemoveAll(u.Dir)
			u.Stage = newBench(t).socket
			m := l.start(t, u)
			up(t, m)
			_, port := connect(t, m)
			before := h.status(t, port).State
			if before != "sealed" {
				ctx, stop := context.WithTimeout(t.Context(), patience)
				defer stop()
				if err := h.provision(ctx, plan, port); err != nil {
					t.Fatalf("%v\n%s", err, m.Console.Tail(20))
				}
			}
			if s := h.status(t, port); s.State != "sealed" {
				t.Fatalf("the unit says that it is %q", s.State)
			}
			m.Cut()
			return fmt.Sprintf("%s when it came up again, then sealed", before)
		})
	}
}

// pullCable pulls the cable out again and again, each time further into
// provisioning, until it is through.
func (l *lab) pullCable(t *testing.T, h *house, blank Unit, build string, total int64) {
	l.note.beside(t, "cable pulled in each step of provisioning", func(t *testing.T) string {
		u := l.clone(t, blank)
		u.Stage = newBench(t).socket
		m := l.start(t, u)
		up(t, m)
		c, port := connect(t, m)
		plan := h.plan(t, h.status(t, port).Serial, build)
		c.Pull()
		for pulled := 0; ; pulled++ {
			if pulled > 40 {
				t.Fatal("it does not get on")
			}
			port, err := c.Plug(total * int64(pulled+1) / 12)
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithTimeout(t.Context(), patience)
			pulledOut := c.Pulled()
			go func() { // a bench may wait for its cable; the technician does not
				<-pulledOut
				time.Sleep(10 * time.Second)
				stop()
			}()
			err = h.provision(ctx, plan, port)
			if err != nil {
				<-c.Pulled() // nothing else may have stopped it
				continue
			}
			c.Pull()
			if port, err = c.Plug(-1); err != nil {
				t.Fatal(err)
			}
			if s := h.status(t, port); s.State != "sealed" {
				t.Fatalf("the unit says that it is %q", s.State)
			}
			m.Cut()
			return fmt.Sprintf("sealed, after %d times", pulled)
		}
	})
}

// reset makes a unit that was in service blank again.
func (l *lab) reset(t *testing.T, h *house, sealed Unit) {
	l.note.beside(t, "factory reset, and power cut in it", func(t *testing.T) string {
		u := l.clone(t, sealed)
		u.Stage = newBench(t).socket
		m := l.start(t, u)
		up(t, m)
		_, port := connect(t, m)
		serial := h.status(t, port).Serial
		l.palmctl(t, "reset", "--ticket", h.ticket(t, serial, "reset"), "--technician-key", h.path("technician.pem"), "--unit", serial, "--port", port, "--rate", "115200")
		await(t, m, "the key in the TPM is gone")
		cut, err := m.Freeze(folder(t))
		if err != nil {
			t.Fatal(err)
		}
		await(t, m, "volar: a new unit")
		up(t, m)
		if s := h.status(t, port); s.State != "blank" {
			t.Fatalf("the unit says that it is %q", s.State)
		}
		m.Cut()
		m = l.start(t, cut)
		await(t, m, "volar: a new unit")
		up(t, m)
		m.Cut()
		return "blank, with a new key"
	})
}
