package attest_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"

	"volar/enclave/attest"
)

var operator = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))

// full is a policy that uses every field.
func full() attest.Policy {
	p := policy()
	p.Generation = 2
	p.TPM = &attest.TPM{Keys: [][32]byte{{1}}, Certifiers: [][32]byte{{2}}, Boot: [][32]byte{{3}}}
	p.Nitro = &attest.Nitro{Images: []attest.NitroImage{{PCR0: [48]byte{1}, PCR1: [48]byte{2}, PCR2: [48]byte{3}}}}
	p.SNP = &attest.SNP{Images: [][48]byte{{1}}, TCB: []attest.SNPTCB{{Product: "Milan", Bootloader: 3, SNP: 8, Microcode: 115}, {Product: "Genoa"}}, SMT: true}
	p.TDX = &attest.TDX{Images: []attest.TDXImage{{MRTD: [48]byte{1}, RTMR: [4][48]byte{{2}}}}, TCB: [16]byte{3, 0, 4}, CPU: [16]byte{1}, QE: 4, PCE: 11}
	return p
}

func signPolicy(t testing.TB, p attest.Policy) []byte {
	t.Helper()
	b, err := attest.SignPolicy(p, operator)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(b []byte) (attest.Policy, error) {
	return attest.OpenPolicy(b, operator.Public().(ed25519.PublicKey))
}

func TestSignPolicy(t *testing.T) {
	b := signPolicy(t, full())
	p, err := open(b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(signPolicy(t, p), b) {
		t.Errorf("%+v came back as %+v", full(), p)
	}
	if got := strings.Join(p.Kinds(), " "); got != "tpm nitro sev-snp tdx simulated" {
		t.Errorf("kinds %s", got)
	}
	stranger := ed25519.NewKeyFromSeed(make([]byte, 32))
	if _, err := attest.OpenPolicy(b, stranger.Public().(ed25519.PublicKey)); !errors.Is(err, attest.ErrPolicySignature) {
		t.Errorf("under another operator: %v", err)
	}
	if _, err := attest.OpenPolicy(b, nil); !errors.Is(err, attest.ErrPolicySignature) {
		t.Errorf("without an operator: %v", err)
	}
	for name, b := range map[string][]byte{"nothing": nil, "cut": b[:len(b)-1], "trailing": append(bytes.Clone(b), 0), "long": make([]byte, attest.MaxPolicy+1)} {
		if _, err := open(b); !errors.Is(err, attest.ErrPolicyForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The encoding of a policy is fixed: devices in the field read it.
func TestPolicyGolden(t *testing.T) {
	want, err := os.ReadFile("testdata/policy.hex")
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(signPolicy(t, full())); got != strings.TrimSpace(string(want)) {
		t.Errorf("policy\n%s, want\n%s", got, want)
	}
}

func TestPolicyCheck(t *testing.T) {
	if err := full().Check(); err != nil {
		t.Fatal(err)
	}
	if err := (attest.Policy{}).Check(); err == nil {
		t.Error("the zero policy is one")
	}
	for name, change := range map[string]func(*attest.Policy){
		"no tenant":                  func(p *attest.Policy) { p.Tenant = "" },
		"bad tenant":                 func(p *attest.Policy) { p.Tenant = "A B" },
		"version 0":                  func(p *attest.Policy) { p.Version = 0 },
		"no time":                    func(p *attest.Policy) { p.NotBefore, p.NotAfter = 0, 0 },
		"backwards":                  func(p *attest.Policy) { p.NotBefore = p.NotAfter },
		"no vaults":                  func(p *attest.Policy) { p.Vaults = nil },
		"too many vaults":            func(p *attest.Policy) { p.Vaults = make([]attest.Vault, 33) },
		"vault zero":                 func(p *attest.Policy) { p.Vaults[0].Measurement = [32]byte{} },
		"vault twice":                func(p *attest.Policy) { p.Vaults[0] = p.Vaults[1] },
		"vault below the floor":      func(p *attest.Policy) { p.Vaults[0].Release = 3 },
		"simulated in service":       func(p *attest.Policy) { p.Development = false },
		"no kind":                    func(p *attest.Policy) { p.TPM, p.Nitro, p.SNP, p.TDX, p.Simulated = nil, nil, nil, nil, nil },
		"TPM without keys":           func(p *attest.Policy) { p.TPM.Keys, p.TPM.Certifiers = nil, nil },
		"TPM without boot":           func(p *attest.Policy) { p.TPM.Boot = nil },
		"TPM with key zero":          func(p *attest.Policy) { p.TPM.Keys = [][32]byte{{}} },
		"TPM with boot twice":        func(p *attest.Policy) { p.TPM.Boot = [][32]byte{{3}, {3}} },
		"Nitro without images":       func(p *attest.Policy) { p.Nitro.Images = nil },
		"Nitro in debug mode":        func(p *attest.Policy) { p.Nitro.Images[0].PCR1 = [48]byte{} },
		"SNP without images":         func(p *attest.Policy) { p.SNP.Images = nil },
		"SNP with image zero":        func(p *attest.Policy) { p.SNP.Images[0] = [48]byte{} },
		"SNP without products":       func(p *attest.Policy) { p.SNP.TCB = nil },
		"SNP with unknown product":   func(p *attest.Policy) { p.SNP.TCB[0].Product = "Rome" },
		"SNP with product twice":     func(p *attest.Policy) { p.SNP.TCB[1].Product = "Milan" },
		"TDX without images":         func(p *attest.Policy) { p.TDX.Images = nil },
		"TDX with MRTD zero":         func(p *attest.Policy) { p.TDX.Images[0].MRTD = [48]byte{} },
		"simulated without keys":     func(p *attest.Policy) { p.Simulated.Keys = nil },
		"too many simulated keys":    func(p *attest.Policy) { p.Simulated.Keys = make([][32]byte, 65) },
		"simulated with a key twice": func(p *attest.Policy) { p.Simulated.Keys[0] = p.Simulated.Keys[1] },
	} {
		p := full()
		change(&p)
		if err := p.Check(); err == nil {
			t.Errorf("%s: passes", name)
		}
		if _, err := attest.SignPolicy(p, operator); err == nil {
			t.Errorf("%s: is signed", name)
		}
	}
}

// No single bit of a signed policy can change.
func TestEveryBitOfAPolicyCounts(t *testing.T) {
	good := signPolicy(t, full())
	for i := range good {
		for bit := range 8 {
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			if _, err := open(b); err == nil {
				t.Errorf("opened with bit %d of byte %d flipped", bit, i)
			}
		}
	}
}
