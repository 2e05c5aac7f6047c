package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// every section of a policy; N96 stands for 96 hex digits.
const policyTOML = `
tenant = "acme"
version = 3
generation = 1
floor = 5
not_before = 2026-11-22T00:00:00Z
not_after = 2027-02-20T00:00:00Z
development = true
[[vaults]]
measurement = "1111111111111111111111111111111111111111111111111111111111111111"
release = 5
[tpm]
certifiers = ["2222222222222222222222222222222222222222222222222222222222222222"]
boot = ["3333333333333333333333333333333333333333333333333333333333333333"]
[nitro]
[[nitro.images]]
pcr0 = "N96"
pcr1 = "N96"
pcr2 = "N96"
[sev-snp]
images = ["N96"]
smt = true
[[sev-snp.tcb]]
product = "Milan"
bootloader = 3
snp = 8
microcode = 115
[tdx]
tcb = "03000400000000000000000000000000"
cpu = "00000000000000000000000000000000"
qe = 4
pce = 11
[[tdx.images]]
mrtd = "N96"
rtmr = ["N96", "N96", "N96", "N96"]
[simulated]
keys = ["4444444444444444444444444444444444444444444444444444444444444444"]
`

func form() string { return strings.ReplaceAll(policyTOML, "N96", strings.Repeat("5", 96)) }

type desk struct {
	t        *testing.T
	dir      string
	operator string
}

// newDesk is an operator's folder with a key.
func newDesk(t *testing.T) desk {
	t.Helper()
	d := desk{t: t, dir: t.TempDir()}
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	d.operator = hex.EncodeToString(key.Public().(ed25519.PublicKey))
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	d.write("operator.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	return d
}

func (d desk) path(name string) string { return filepath.Join(d.dir, name) }

func (d desk) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(d.path(name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// run runs palmctl; "@name" is a file of the folder.
func (d desk) run(want int, args ...string) (out, errs string) {
	d.t.Helper()
	for i, a := range args {
		if name, ok := strings.CutPrefix(a, "@"); ok {
			args[i] = d.path(name)
		}
	}
	var o, e bytes.Buffer
	if code := run(context.Background(), args, &o, &e); code != want {
		d.t.Errorf("%q: code %d, want %d: %s%s", args, code, want, o.String(), e.String())
	}
	if want != exitDone && !strings.Contains(e.String(), "hint") {
		d.t.Errorf("%q: no hint: %s", args, e.String())
	}
	return o.String(), e.String()
}

// A policy that was made is shown in the form that makes the same one again.
func TestPolicy(t *testing.T) {
	d := newDesk(t)
	d.write("policy.toml", form())
	out, _ := d.run(exitDone, "policy", "make", "@policy.toml", "--key", "@operator.pem", "--out", "@policy")
	if !strings.Contains(out, d.operator) || !strings.Contains(out, "tpm, nitro, sev-snp, tdx, simulated") {
		t.Errorf("make says %s", out)
	}
	shown, _ := d.run(exitDone, "policy", "show", "@policy", "--operator", d.operator)
	if !strings.Contains(shown, "FOR DEVELOPMENT") {
		t.Errorf("show says\n%s", shown)
	}
	d.write("again.toml", shown)
	d.run(exitDone, "policy", "make", "@again.toml", "--key", "@operator.pem", "--out", "@again")
	one, err1 := os.ReadFile(d.path("policy"))
	two, err2 := os.ReadFile(d.path("again"))
	if err1 != nil || err2 != nil || !bytes.Equal(one, two) {
		t.Errorf("%v, %v; what was shown makes another policy:\n%s", err1, err2, shown)
	}
	asJSON, _ := d.run(exitDone, "policy", "show", "@policy", "--operator", d.operator, "--json")
	var f policyFile
	if err := json.Unmarshal([]byte(asJSON), &f); err != nil || f.Version != 3 || f.TDX == nil || f.TDX.QE != 4 || f.SNP.TCB[0].Microcode != 115 {
		t.Errorf("as JSON: %v, %s", err, asJSON)
	}
	d.run(exitUsage, "policy", "make", "@policy.toml", "--key", "@operator.pem", "--out", "@policy") // never written over
}

func TestPolicyVerify(t *testing.T) {
	d := newDesk(t)
	sign := func(name string, edits ...string) {
		d.write(name+".toml", strings.NewReplacer(edits...).Replace(form()))
		d.run(exitDone, "policy", "make", "@"+name+".toml", "--key", "@operator.pem", "--out", "@"+name)
	}
	sign("three")
	sign("four", "version = 3", "version = 4")
	sign("lower", "version = 3", "version = 5", "floor = 5", "floor = 4")
	const at = "2026-12-01T00:00:00Z"
	verify := func(want int, file string, more ...string) string {
		t.Helper()
		out, errs := d.run(want, append([]string{"policy", "verify", file, "--operator", d.operator, "--json"}, more...)...)
		return out + errs
	}
	if out := verify(exitDone, "@three", "--at", at); !strings.Contains(out, `"usable": true`) {
		t.Error(out)
	}
	verify(exitDone, "@four", "--at", at, "--after", "@three")
	if out := verify(exitWrong, "@three", "--at", at, "--after", "@four"); !strings.Contains(out, "older than one that this device has already used") {
		t.Error(out)
	}
	verify(exitWrong, "@lower", "--at", at, "--after", "@four")
	if out := verify(exitWrong, "@three", "--at", "2027-03-01T00:00:00Z"); !strings.Contains(out, "not valid at this time") {
		t.Error(out)
	}
	verify(exitUsage, "@three", "--at", "tomorrow")
	d.operator = strings.Repeat("6", 64)
	if out := verify(exitWrong, "@three", "--at", at); !strings.Contains(out, "not signed by this tenant's operator") {
		t.Error(out)
	}
	d.operator = "6"
	verify(exitUsage, "@three")
}

func TestPolicyMakeRefuses(t *testing.T) {
	d := newDesk(t)
	for name, edit := range map[string][2]string{
		"a misspelt key":        {"generation", "generaton"},
		"a short measurement":   {"1111111111", "11"},
		"simulated in service":  {"development = true", "development = false"},
		"a vault below floor":   {"release = 5", "release = 4"},
		"unknown product":       {"Milan", "Rome"},
		"a register too few":    {`rtmr = ["` + strings.Repeat("5", 96) + `", `, "rtmr = ["},
		"a register that is no": {`tcb = "0300`, `tcb = "zz00`},
		"no TOML":               {"tenant =", "tenant"},
		"no end":                {"not_after = 2027-02-20T00:00:00Z", ""},
	} {
		text := strings.Replace(form(), edit[0], edit[1], 1)
		if text == form() {
			t.Fatalf("%s: nothing was edited", name)
		}
		d.write("bad.toml", text)
		d.run(exitUsage, "policy", "make", "@bad.toml", "--key", "@operator.pem", "--out", "@bad")
		if _, err := os.Stat(d.path("bad")); err == nil {
			t.Fatalf("%s: a policy was written", name)
		}
	}
	d.write("policy.toml", form())
	d.run(exitUsage, "policy", "make", "@policy.toml", "--key", "@policy.toml", "--out", "@p")
	d.run(exitUsage, "policy", "make", "@none.toml", "--key", "@operator.pem", "--out", "@p")
	d.run(exitUsage, "policy", "make")
	d.run(exitUsage, "policy", "show", "@policy.toml")
}

// What make reads, and can sign, it can show and read again.
func FuzzParsePolicyFile(f *testing.F) {
	f.Add([]byte(form()))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePolicyFile(b)
		if err != nil || len(b) > maxPolicyFile {
			return
		}
		var text bytes.Buffer
		formOf(p).text(&text)
		again, err := parsePolicyFile(text.Bytes())
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Fatalf("%s was shown as %s: %v", b, text.String(), err)
		}
	})
}
