package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"volar/enclave/attest"
	"volar/firmware/provision/rehearsal"
	"volar/wire/link"
	"volar/wire/prov"
)

const unitSerial = "REHEARSAL-1"

// shop is a bench with a plan for one unit.
type shop struct {
	t    *testing.T
	dir  string
	plan *plan
	key  *link.Key
}

func newShop(t *testing.T) *shop {
	t.Helper()
	key, err := link.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{t: t, dir: t.TempDir(), key: key}
	pcr := rehearsal.NewChip(new(rehearsal.Fuse)).PCR
	s.plan = &plan{dir: s.dir, operator: operator, key: key, firmware: [][32]byte{pcr}}
	p := attest.Policy{Tenant: "acme", Version: 1, NotBefore: 1, NotAfter: 4_000_000_000, Development: true,
		Vaults: []attest.Vault{{Measurement: measured, Release: 1}}, Simulated: &attest.Simulated{Keys: [][32]byte{{1}}}}
	if s.plan.policy, err = attest.SignPolicy(p, operator); err != nil {
		t.Fatal(err)
	}
	s.plan.planFile = planFile{Site: "Dock 7", Tenant: "acme", Gateway: "10.0.2.2:7000", Days: 365, Tickets: "tickets", Report: "report",
		Calibration: "design", Development: true}
	s.plan.Units = append(s.plan.Units, struct {
		Serial  string `toml:"serial"`
		Name    string `toml:"name"`
		Network string `toml:"network"`
	}{unitSerial, "door-1", ""})
	if err := os.Mkdir(filepath.Join(s.dir, "tickets"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.sign(unitSerial, 1000, prov.MayProvision)
	return s
}

// sign lays a ticket into the plan's folder.
func (s *shop) sign(serial string, number uint64, rights prov.Rights) []byte {
	s.t.Helper()
	b, err := prov.SignTicket(prov.Ticket{Serial: serial, Technician: "Ada", Key: s.key.Public(), Rights: rights, Number: number, NotAfter: 4_000_000_000,
		Tenant: "acme", Operator: [32]byte(operator.Public().(ed25519.PublicKey))}, rehearsal.Authority)
	if err == nil {
		err = os.WriteFile(filepath.Join(s.dir, "tickets", serial+".ticket"), b, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// attempt provisions a unit over one cable, until it is done or that breaks.
// It must run in a bubble of synctest.
func (s *shop) attempt(u *rehearsal.Unit, c *rehearsal.Cable) (*bench, error) {
	ctx, end := context.WithTimeout(context.Background(), 30*time.Minute)
	served := make(chan error, 1)
	go func() { served <- u.Serve(ctx, c.Unit) }()
	b := &bench{plan: s.plan, client: prov.NewClient(ctx, c.Bench, nil), report: new(report), now: time.Now, pause: time.Second,
		tell: func(stepEvent) {}, say: func(string) {}, ask: func(string) bool { return true }}
	err := b.run(ctx)
	c.Pull()
	end()
	<-served
	synctest.Wait()
	return b, err
}

// whole tells what is wrong with a unit that should be provisioned.
func (s *shop) whole(u *rehearsal.Unit) error {
	got, _ := u.Applied()
	spent, err := u.Chip.Spent()
	switch {
	case err != nil:
		return err
	case got.State != prov.Sealed || got.Settings == nil:
		return fmt.Errorf("the unit is %v", got.State)
	case got.Settings.Name != "door-1" || got.Settings.Gateway != s.plan.Gateway || !bytes.Equal(got.Settings.Policy, s.plan.policy):
		return fmt.Errorf("other settings: %v", got.Settings)
	case spent != 1000:
		return fmt.Errorf("the spent ticket is %d", spent)
	}
	for _, k := range u.Store.Keys() {
		if k != "provision" {
			return fmt.Errorf("%s was left behind", k)
		}
	}
	return nil
}

// TestProvision: a unit is provisioned in one go, and a second run changes
// nothing.
func TestProvision(t *testing.T) {
	s := newShop(t)
	synctest.Test(t, func(t *testing.T) {
		u := rehearsal.NewUnit(unitSerial)
		b, err := s.attempt(u, rehearsal.NewCable(1, rehearsal.Faults{Rate: 115200}))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.whole(u); err != nil {
			t.Fatal(err)
		}
		b.report.end(s.plan, b.status, time.Now())
		if _, err := b.report.html(); err != nil || !b.report.Sealed || len(b.report.Tests) != 6 || b.report.Label == "" {
			t.Errorf("report %+v, %v", b.report, err)
		}
		if _, err := s.attempt(u, rehearsal.NewCable(2, rehearsal.Faults{})); !errors.Is(err, errSealed) {
			t.Errorf("a second run: %v", err)
		}
	})
}

// TestProvisionOverBadLines: bytes are dropped, flipped, doubled, and text
// comes in between; the unit is provisioned all the same. So it is over a
// line of 9,600 bits a second.
func TestProvisionOverBadLines(t *testing.T) {
	s := newShop(t)
	for name, f := range map[string]rehearsal.Faults{
		"drops":   {Rate: 115200, Drop: 900},
		"flips":   {Rate: 115200, Flip: 900},
		"doubles": {Rate: 115200, Double: 900},
		"text":    {Rate: 115200, Text: 400},
		"all":     {Rate: 115200, Drop: 3000, Flip: 3000, Double: 3000, Text: 2000},
		"slow":    {Rate: 9600},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := rehearsal.NewUnit(unitSerial)
				began := time.Now()
				passed := 0
				for try := 0; ; try++ {
					c := rehearsal.NewCable(uint64(len(name)+100*try), f)
					_, err := s.attempt(u, c)
					passed += c.Passed()
					if err == nil || errors.Is(err, errSealed) {
						break
					}
					if try == 10 || !broken(err) {
						t.Fatalf("try %d: %v", try, err)
					}
				}
				if err := s.whole(u); err != nil {
					t.Error(err)
				}
				t.Logf("%d bytes in %v of the line's time", passed, time.Since(began).Round(time.Second))
			})
		})
	}
}

// TestInterruptions: the cable is pulled, or the power is cut, at a random
// place of every try. Every unit ends provisioned, by running the same
// command again, and what is refused is refused in words.
func TestInterruptions(t *testing.T) {
	const want = 1000
	s := newShop(t)
	pulled, cut, units, refused := 0, 0, 0, map[string]int{}
	rng := rand.New(rand.NewPCG(11, 12))
	for pulled+cut < want {
		units++
		synctest.Test(t, func(t *testing.T) {
			u := rehearsal.NewUnit(unitSerial)
			for try := 0; ; try++ {
				f := rehearsal.Faults{CutAfter: 1 + rng.IntN(24000)}
				power := rng.IntN(2) == 0
				if power {
					f.CutAfter = 0
					u.Fuse.Arm(1+rng.IntN(16), rng.IntN(2) == 0)
				}
				if try > 40 {
					f.CutAfter, power = 0, false
					u.Fuse.Arm(0, false)
				}
				_, err := s.attempt(u, rehearsal.NewCable(rng.Uint64(), f))
				u.Fuse.Arm(0, false)
				if err == nil || errors.Is(err, errSealed) {
					break
				}
				var said *prov.Failure
				switch {
				case errors.As(err, &said):
					refused[said.Why]++
				case !broken(err):
					t.Fatalf("unit %d, try %d: %v", units, try, err)
				}
				if power {
					cut++
				} else {
					pulled++
				}
			}
			if _, err := s.attempt(u, rehearsal.NewCable(0, rehearsal.Faults{})); !errors.Is(err, errSealed) { // it starts again, too
				t.Fatalf("unit %d after it was sealed: %v", units, err)
			}
			if err := s.whole(u); err != nil {
				t.Fatalf("unit %d: %v", units, err)
			}
		})
	}
	t.Logf("%d units: the cable was pulled %d times, the power cut %d times; refusals %v", units, pulled, cut, refused)
}

// TestPowerCutAtEveryWrite: at each write of a unit, before it and after it.
func TestPowerCutAtEveryWrite(t *testing.T) {
	s := newShop(t)
	for at := 1; ; at++ {
		blown := false
		for _, late := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				u := rehearsal.NewUnit(unitSerial)
				u.Fuse.Arm(at, late)
				_, err := s.attempt(u, rehearsal.NewCable(1, rehearsal.Faults{}))
				blown = u.Fuse.Blown()
				u.Fuse.Arm(0, false)
				if !blown && err != nil {
					t.Fatal(err)
				}
				if _, err = s.attempt(u, rehearsal.NewCable(2, rehearsal.Faults{})); err != nil && !errors.Is(err, errSealed) {
					t.Fatalf("power cut at write %d (late %v): %v", at, late, err)
				}
				if err := s.whole(u); err != nil {
					t.Errorf("power cut at write %d (late %v): %v", at, late, err)
				}
			})
		}
		if !blown {
			if at < 10 {
				t.Errorf("only %d writes", at-1)
			}
			t.Logf("%d writes", at-1)
			return
		}
	}
}

// planOnDisk writes the plan and all of its files, for the command itself.
func (s *shop) planOnDisk(key []byte, more string) string {
	s.t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(operator)
	if err != nil {
		s.t.Fatal(err)
	}
	laid(s.t, s.dir, "operator.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	laid(s.t, s.dir, "policy", s.plan.policy)
	laid(s.t, s.dir, "technician.pem", key)
	pcr := s.plan.firmware[0]
	return laid(s.t, s.dir, "plan.toml", []byte(fmt.Sprintf(`site = "Dock 7"
tenant = "acme"
gateway = "10.0.2.2:7000"
policy = "policy"
operator_key = "operator.pem"
certificate_days = 365
technician_key = "technician.pem"
tickets = "tickets"
firmware = [%q]
calibration = "design"
report = "report"
development = true
%s
[[units]]
serial = %q
name = "door-1"
`, hex.EncodeToString(pcr[:]), more, unitSerial)))
}
