package vm

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"volar/cmd/internal/stack"
	"volar/wire/link"
	"volar/wire/prov"
)

// house is where units belong: a host with its vault, the operator, and a
// technician's bench.
type house struct {
	*stack.Stack
	lab        *lab
	dir        string
	operator   ed25519.PublicKey
	technician string       // public key, hex
	papers     atomic.Int64 // tickets and plans
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
	out := h.path(fmt.Sprintf("tickets-%d/%s.ticket", h.papers.Add(1), serial))
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
	number := h.papers.Add(1)
	name := fmt.Sprintf("plan-%d.toml", number)
	h.write(t, name, fmt.Appendf(nil, `site = "bench"
tenant = %q
gateway = %q
policy = "vault/demo.policy"
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
`, stack.Tenant, outside(h.Address), filepath.Dir(ticket), build, filepath.Join(h.lab.keys, "public.pem"), number, updates, serial))
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

// progress is a line of palmctl provision: a step begins, or how it ended.
type progress struct {
	Number int    `json:"number"`
	Step   string `json:"step"`
	Result string `json:"result"`
}

// provision runs palmctl provision on a port until it is done or fails. What
// it says of its steps goes to each, which may be nil.
func (h *house) provision(ctx context.Context, plan, port string, each func(progress)) error {
	cmd := exec.CommandContext(ctx, h.lab.ctl, "provision", plan, "--port", port, "--rate", "115200", "--yes", "--json")
	cmd.Dir = h.lab.root
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var p progress
		if json.Unmarshal(lines.Bytes(), &p) == nil && p.Number > 0 && each != nil {
			each(p)
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("palmctl provision: %w: %s", err, tail(said.String()))
	}
	return nil
}

// connect plugs the bench's cable in.
func connect(t *testing.T, m *Machine) (*Cable, string) {
	t.Helper()
	c, err := m.Connect()
	if err != nil {
		t.Fatal(err)
	}
	port, err := c.Plug()
	if err != nil {
		t.Fatal(err)
	}
	return c, port
}

// passage is a step of provisioning, and how many bytes went over the cable in
// it.
type passage struct {
	step  string
	bytes int64
}

// provisioned takes the unit from blank to sealed, over its serial port, and
// looks at the port afterwards.
func (l *lab) provisioned(t *testing.T, h *house, u Unit, s *stage, build string) (steps []passage) {
	var m *Machine
	var port, serial string
	ok := l.note.run(t, "provisioning", func(sub *testing.T) string {
		m = l.start(t, u)
		up(sub, m)
		var c *Cable
		c, port = connect(sub, m)
		serial = h.status(sub, port).Serial
		plan := h.plan(sub, serial, build)
		start := time.Now()
		ctx, stop := context.WithTimeout(sub.Context(), patience)
		defer stop()
		s.arrive()
		began := c.Passed()
		if err := h.provision(ctx, plan, port, func(p progress) {
			if p.Result != "begins" {
				steps = append(steps, passage{p.Step, c.Passed() - began})
			}
			began = c.Passed()
		}); err != nil {
			sub.Fatalf("%v\n%s", err, m.Console.Tail(20))
		}
		s.leave()
		l.note.since("provisioning, end to end", start)
		l.note.measure("over the cable", float64(c.Passed())/1e3, "kB")
		if s := h.status(sub, port); s.State != "sealed" {
			sub.Fatalf("the unit says that it is %q", s.State)
		}
		await(sub, m, "provisioned.*state=sealed")
		return "slot a, sealed"
	})
	if !ok || m == nil {
		t.FailNow()
	}
	l.statusOnly(t, h, m, port, serial)
	m.Cut()
	return steps
}

// statusOnly asks a sealed unit for everything that its port could give.
func (l *lab) statusOnly(t *testing.T, h *house, m *Machine, port, serial string) {
	l.note.run(t, "the port of a sealed unit", func(t *testing.T) string {
		line, err := os.OpenFile(port, os.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer line.Close()
		ctx, stop := context.WithTimeout(t.Context(), patience)
		defer stop()
		text := make(chan string, 64)
		client := prov.NewClient(ctx, line, func(s string) { text <- s })
		before, err := client.Status(ctx)
		if err != nil || before.State != prov.Sealed || before.Serial != serial {
			t.Fatalf("%+v, %v", before, err)
		}
		if _, err := client.Log(ctx, prov.Fetch{What: prov.ValueLog}); refusal(err) != prov.CodeDenied {
			t.Errorf("its log: %v", err)
		}
		if err := client.Reset(ctx); refusal(err) != prov.CodeDenied {
			t.Errorf("a restart: %v", err)
		}
		ticket, err := os.ReadFile(h.ticket(t, serial, "provision"))
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Open(ctx, serial, h.technicianKey(t), ticket); err != nil {
			t.Fatal(err)
		}
		asked := 0
		for v := prov.Prove; v.String() != "no verb"; v++ {
			if _, err := client.Do(ctx, v, bodies[v]); refusal(err) != prov.CodeState && refusal(err) != prov.CodeDenied {
				t.Errorf("with a ticket to provision, %v: %v", v, err)
			}
			asked++
		}
		for len(text) > 0 {
			<-text
		}
		if _, err := line.WriteString("help\r\n\x03login\r\nroot\r\nstatus\r\n"); err != nil {
			t.Fatal(err)
		}
		select {
		case said := <-text:
			if !strings.HasPrefix(said, "palm unit") {
				t.Errorf("it says %q to who types", said)
			}
		case <-ctx.Done():
			t.Fatal("it says nothing to who types status")
		}
		after, err := client.Status(ctx)
		if err != nil || after.State != prov.Sealed || after.Serial != serial {
			t.Errorf("afterwards: %+v, %v", after, err)
		}
		return fmt.Sprintf("sealed, as before; log, restart and %d verbs refused", asked)
	})
}

// technicianKey is the private half of the technician's key.
func (h *house) technicianKey(t *testing.T) *link.Key {
	t.Helper()
	b, err := os.ReadFile(h.path("technician.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		t.Fatalf("no key in %q", b)
	}
	read, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	key, err := link.NewKey([32]byte(read.(*ecdh.PrivateKey).Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// bodies are what verbs need to be understood, and then refused.
var bodies = map[prov.Verb]any{
	prov.Stage:      prov.Block{Part: prov.PartSettings, Total: 3, Data: []byte("abc"), Digest: sha256.Sum256([]byte("abc"))},
	prov.FetchValue: prov.Fetch{What: prov.ValueSettings},
	prov.Forget:     prov.Part{Name: "reset"},
}

// refusal is the code with which a unit refused.
func refusal(err error) prov.Code {
	var f *prov.Failure
	if errors.As(err, &f) {
		return f.Code
	}
	return 0
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
		ctx, stop := context.WithTimeout(t.Context(), patience)
		defer stop()
		ctx, fail := context.WithCancelCause(ctx)
		done := make(chan error, 1)
		go func() {
			err := h.provision(ctx, plan, port, nil)
			if err != nil {
				fail(err) // nothing more is to come
			}
			done <- err
		}()
		for {
			found, err := m.Console.Wait(ctx, `msg=provisioned state=(\S+)`)
			if err != nil {
				t.Fatal(err)
			}
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
				if err := h.provision(ctx, plan, port, nil); err != nil {
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

// silent is the step in which nothing goes over the cable where the plan says
// that the cameras are as designed.
const silent = "calibrate the cameras"

// pullCable pulls the cable out in the middle of each step of provisioning. A
// pull that came too late for a short step is made up for on another unit, and
// earlier: steps holds what was said again, too, where the machine was busy.
func (l *lab) pullCable(t *testing.T, h *house, blank Unit, build string, steps []passage) {
	l.note.beside(t, "cable pulled in each step of provisioning", func(t *testing.T) string {
		left := map[string]int64{} // steps to come, and after how many bytes of them
		for _, s := range steps {
			if s.step != silent {
				left[s.step] = max(s.bytes/2, 30)
			}
		}
		var pulled []string
		for unit := 0; len(left) > 0; unit++ {
			if unit == 3 {
				t.Fatalf("the cable was pulled in %q, and not in %v", pulled, left)
			}
			for _, s := range l.pulls(t, h, blank, build, left) {
				pulled = append(pulled, s)
				delete(left, s)
			}
			for s := range left {
				left[s] = max(left[s]/2, 30)
			}
		}
		return fmt.Sprintf("sealed, after %d times: %s (nothing passes in: %s)", len(pulled), strings.Join(pulled, "; "), silent)
	})
}

// pulls takes a unit from blank to sealed, pulls the cable after so many bytes
// of each of these steps, and returns the steps that this broke off. The bench
// waits for its cable, which comes back after a second; when it has lost
// patience the technician types the same command again.
func (l *lab) pulls(t *testing.T, h *house, blank Unit, build string, in map[string]int64) (broken []string) {
	u := l.clone(t, blank)
	u.Stage = newBench(t).socket
	u.Clock = "2000-01-01T00:00:00" // the step that sets it has something to do
	m := l.start(t, u)
	up(t, m)
	c, port := connect(t, m)
	plan := h.plan(t, h.status(t, port).Serial, build)
	begun := map[string]bool{}
	each := func(p progress) {
		switch {
		case p.Result == "begins" && in[p.Step] > 0 && !begun[p.Step]:
			begun[p.Step] = true
			c.PullAfter(in[p.Step])
		case p.Result == "failed":
			select {
			case <-c.Pulled():
			default:
				t.Errorf("%s failed while the cable was in", p.Step)
			}
			if in[p.Step] > 0 && !slices.Contains(broken, p.Step) {
				broken = append(broken, p.Step)
			}
			time.Sleep(time.Second)
			if _, err := c.Plug(); err != nil {
				t.Error(err)
			}
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	for try := 0; ; try++ {
		err := h.provision(ctx, plan, port, each)
		if err == nil {
			break
		}
		if try == 8 || ctx.Err() != nil || t.Failed() {
			t.Fatalf("it does not get on, after the cable was pulled in %q: %v", broken, err)
		}
	}
	if s := h.status(t, port); s.State != "sealed" {
		t.Fatalf("the unit says that it is %q", s.State)
	}
	m.Cut()
	return broken
}

// reset makes a unit that was in service blank again.
func (l *lab) reset(t *testing.T, h *house, served Unit) {
	l.note.beside(t, "factory reset, and power cut in it", func(t *testing.T) string {
		u := l.clone(t, served)
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
