package main

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"volar/enclave/attest/tpm/swtpm"
	"volar/firmware/provision/rehearsal"
	"volar/hal/linux/tpm"
	"volar/wire/link"
	"volar/wire/prov"
)

// chipOfAMaker is a real TPM 2.0 made of software, with its maker's roots.
func chipOfAMaker(t *testing.T) (*tpm.TPM, []byte) {
	t.Helper()
	if err := swtpm.Missing(); err != nil {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("", "tpm") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	roots, err := swtpm.Manufacture(dir, t.TempDir())
	if err != nil {
		t.Skip(err)
	}
	soft, err := swtpm.Start(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(soft.Kill)
	chip, err := tpm.Open(swtpm.Socket(dir))
	if err != nil {
		t.Fatal(err)
	}
	return chip, roots
}

// technician makes a key as 'palmctl ticket key' does.
func technician(t *testing.T) (*link.Key, []byte) {
	t.Helper()
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := link.NewKey([32]byte(k.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return private, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// TestProvisionOverAPTY: the command itself, over a pty, against a unit with
// a TPM whose maker vouches for it; then status, logs, and a reset.
func TestProvisionOverAPTY(t *testing.T) {
	chip, roots := chipOfAMaker(t)
	master, path := terminal(t)
	s := newShop(t)
	key, keyPEM := technician(t)
	s.key = key
	s.plan.firmware = [][32]byte{{}} // a TPM without firmware has measured nothing
	laid(t, s.dir, "makers.pem", roots)
	plan := s.planOnDisk(keyPEM, `makers = "makers.pem"`)
	s.sign(unitSerial, 1000, prov.MayProvision)

	u := rehearsal.NewUnit(unitSerial)
	u.TPM = chip
	ctx, end := context.WithTimeout(t.Context(), time.Minute)
	defer end()
	go func() { _ = u.Serve(ctx, master) }()

	out, _ := palmctl(t, exitDone, "provision", plan, "--port", path, "--yes")
	for _, want := range []string{"8/8 seal", "✓ REHEARSAL-1, board rehearsal", "TPM with its maker's certificate", "door-1 (REHEARSAL-1) is sealed", "▀"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if strings.Contains(out, "✗") {
		t.Error(out)
	}
	var r report
	b, err := os.ReadFile(filepath.Join(s.dir, "report", unitSerial+".json"))
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil || !r.Sealed || r.Endorsement == "" || len(r.Tests) != 6 {
		t.Errorf("report %+v, %v", r, err)
	}
	page, err := os.ReadFile(filepath.Join(s.dir, "report", unitSerial+".html"))
	if err != nil || !bytes.Contains(page, []byte("<svg")) || bytes.Contains(page, []byte("http")) {
		t.Errorf("page: %v", err)
	}
	out, _ = palmctl(t, exitDone, "status", "--port", path, "--json")
	var st statusView
	decode(t, out, &st)
	if st.State != "sealed" || st.Name != "door-1" {
		t.Errorf("%+v", st)
	}
	if _, errs := palmctl(t, exitWrong, "logs", "--port", path); !strings.Contains(errs, "--ticket") {
		t.Errorf("logs of a sealed unit: %s", errs)
	}
}

// TestResetOverAPTY: a unit that is sealed reads its log to a ticket that
// allows it, once, and forgets everything to one that allows that.
func TestResetOverAPTY(t *testing.T) {
	master, path := terminal(t)
	s := newShop(t)
	key, keyPEM := technician(t)
	s.key = key
	plan := s.planOnDisk(keyPEM, "")
	s.sign(unitSerial, 1000, prov.MayProvision)
	u := rehearsal.NewUnit(unitSerial)
	ctx, end := context.WithTimeout(t.Context(), time.Minute)
	defer end()
	go func() { _ = u.Serve(ctx, master) }()
	if out, _ := palmctl(t, exitDone, "logs", "--port", path); !strings.Contains(out, "a line of the log") {
		t.Errorf("the log of a blank unit: %s", out)
	}
	if _, errs := palmctl(t, exitWrong, "crash", "--port", path); !strings.Contains(errs, "there is none") {
		t.Errorf("a crash that was none: %s", errs)
	}
	palmctl(t, exitDone, "provision", plan, "--port", path, "--yes", "--json", "--series")

	with := func(number uint64, rights prov.Rights) []string {
		s.sign(unitSerial, number, rights)
		return []string{"--port", path, "--ticket", filepath.Join(s.dir, "tickets", unitSerial+".ticket"), "--technician-key", filepath.Join(s.dir, "technician.pem")}
	}
	logs := with(1001, prov.MayReadLogs)
	if out, _ := palmctl(t, exitDone, append([]string{"logs"}, logs...)...); strings.Count(out, "a line of the log") != 200 {
		t.Errorf("%d lines", strings.Count(out, "\n"))
	}
	if _, errs := palmctl(t, exitWrong, append([]string{"logs"}, logs...)...); !strings.Contains(errs, "spent") {
		t.Errorf("the ticket again: %s", errs)
	}
	time.Sleep(2100 * time.Millisecond) // after a refusal the unit waits
	reset := with(1002, prov.MayReset)
	palmctl(t, exitUsage, append([]string{"reset", "--unit", "another"}, reset...)...)
	palmctl(t, exitDone, append([]string{"reset", "--unit", unitSerial}, reset...)...)
	if !u.Chip.Wiped() {
		t.Error("the chip has its key still")
	}
	if out, _ := palmctl(t, exitDone, "status", "--port", path); !strings.Contains(out, "blank") {
		t.Error(out)
	}
}

// TestTicketCommands: a technician's key, a ticket for it, and what it says.
func TestTicketCommands(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	out, _ := palmctl(t, exitDone, "ticket", "key", "--out", in("tech.pem"), "--json")
	var made struct{ Key string }
	decode(t, out, &made)
	authority := keyFile(t, dir) // the operator's key of this package serves
	args := []string{"ticket", "sign", "--authority", authority, "--unit", "U1", "--technician", "Ada", "--key", made.Key, "--tenant", "acme", "--operator", owner}
	palmctl(t, exitDone, append(args, "--out", in("t"), "--rights", "provision,logs")...)
	palmctl(t, exitUsage, append(args, "--out", in("u"), "--rights", "everything")...)
	palmctl(t, exitUsage, append(args, "--out", in("u"), "--days", "0")...)
	out, _ = palmctl(t, exitDone, "ticket", "show", in("t"), "--authority", hex.EncodeToString(operator.Public().(ed25519.PublicKey)))
	for _, want := range []string{"Ada", "provision, logs", "U1", "acme"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	palmctl(t, exitWrong, "ticket", "show", in("t"), "--authority", strings.Repeat("ab", 32))
	key, err := technicianKey(in("tech.pem"))
	if public := key.Public(); err != nil || hex.EncodeToString(public[:]) != made.Key {
		t.Errorf("%v", err)
	}
}

// TestPlans: what is wrong with a plan is said before a cable is needed.
func TestPlans(t *testing.T) {
	s := newShop(t)
	_, keyPEM := technician(t)
	good := s.planOnDisk(keyPEM, "")
	if _, err := readPlan(good); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string][2]string{
		"a misspelt key":     {"gateway =", "gatewy ="},
		"no tenant":          {`tenant = "acme"`, ""},
		"another tenant":     {`tenant = "acme"`, `tenant = "other"`},
		"no calibration":     {`"design"`, `"none"`},
		"no makers":          {"development = true", "development = false"},
		"a test that is not": {"development = true", "development = true\nwaive = [\"smell\"]"},
		"no key":             {`"technician.pem"`, `"nobody.pem"`},
		"a serial number":    {unitSerial, "a b"},
	} {
		bad := strings.Replace(string(text), edit[0], edit[1], 1)
		path := laid(t, s.dir, "bad.toml", []byte(bad))
		if _, err := readPlan(path); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
