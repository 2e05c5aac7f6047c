package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/BurntSushi/toml"

	"volar/enclave/attest"
)

// policyFile is a policy as people write it, in TOML, and as programs read it, in JSON.
type policyFile struct {
	Tenant      string         `toml:"tenant" json:"tenant"`
	Version     uint64         `toml:"version" json:"version"`
	Generation  uint64         `toml:"generation" json:"generation"`
	Floor       uint64         `toml:"floor" json:"floor"`
	NotBefore   time.Time      `toml:"not_before" json:"not_before"`
	NotAfter    time.Time      `toml:"not_after" json:"not_after"`
	Development bool           `toml:"development" json:"development"`
	Vaults      []vaultFile    `toml:"vaults" json:"vaults"`
	TPM         *tpmFile       `toml:"tpm,omitempty" json:"tpm,omitempty"`
	Nitro       *nitroFile     `toml:"nitro,omitempty" json:"nitro,omitempty"`
	SNP         *snpFile       `toml:"sev-snp,omitempty" json:"sev-snp,omitempty"`
	TDX         *tdxFile       `toml:"tdx,omitempty" json:"tdx,omitempty"`
	Simulated   *simulatedFile `toml:"simulated,omitempty" json:"simulated,omitempty"`
}

type vaultFile struct {
	Measurement string `toml:"measurement" json:"measurement"`
	Release     uint64 `toml:"release" json:"release"`
}

type tpmFile struct {
	Keys       []string `toml:"keys,omitempty" json:"keys,omitempty"`
	Certifiers []string `toml:"certifiers,omitempty" json:"certifiers,omitempty"`
	Boot       []string `toml:"boot" json:"boot"`
}

type nitroFile struct {
	Images []struct {
		PCR0 string `toml:"pcr0" json:"pcr0"`
		PCR1 string `toml:"pcr1" json:"pcr1"`
		PCR2 string `toml:"pcr2" json:"pcr2"`
	} `toml:"images" json:"images"`
}

type snpFile struct {
	Images []string `toml:"images" json:"images"`
	SMT    bool     `toml:"smt" json:"smt"`
	TCB    []struct {
		Product    string `toml:"product" json:"product"`
		Bootloader uint8  `toml:"bootloader" json:"bootloader"`
		TEE        uint8  `toml:"tee" json:"tee"`
		SNP        uint8  `toml:"snp" json:"snp"`
		Microcode  uint8  `toml:"microcode" json:"microcode"`
	} `toml:"tcb" json:"tcb"`
}

type tdxFile struct {
	TCB    string `toml:"tcb" json:"tcb"`
	CPU    string `toml:"cpu" json:"cpu"`
	QE     uint16 `toml:"qe" json:"qe"`
	PCE    uint16 `toml:"pce" json:"pce"`
	Images []struct {
		MRTD string   `toml:"mrtd" json:"mrtd"`
		RTMR []string `toml:"rtmr" json:"rtmr"`
	} `toml:"images" json:"images"`
}

type simulatedFile struct {
	Keys []string `toml:"keys" json:"keys"`
}

// parsePolicyFile reads a policy in TOML; a key that it does not know is an error.
func parsePolicyFile(b []byte) (attest.Policy, error) {
	var f policyFile
	meta, err := toml.NewDecoder(bytes.NewReader(b)).Decode(&f)
	if err != nil {
		return attest.Policy{}, err
	}
	if extra := meta.Undecoded(); len(extra) > 0 {
		return attest.Policy{}, fmt.Errorf("unknown key %q", extra[0].String())
	}
	p, err := f.policy()
	if err != nil {
		return attest.Policy{}, err
	}
	return p, p.Check()
}

// hexes decodes fields and keeps the first error.
type hexes struct{ err error }

// into fills to from exactly so many bytes of hex.
func (h *hexes) into(to []byte, name, text string) {
	b, err := hex.DecodeString(text)
	if h.err == nil && (err != nil || len(b) != len(to)) {
		h.err = fmt.Errorf("%s: %.100q is not %d hex digits", name, text, 2*len(to))
	}
	copy(to, b)
}

func (h *hexes) list32(name string, texts []string) (list [][32]byte) {
	for _, t := range texts {
		list = append(list, [32]byte{})
		h.into(list[len(list)-1][:], name, t)
	}
	return list
}

func (f *policyFile) policy() (attest.Policy, error) {
	var h hexes
	p := attest.Policy{
		Tenant: f.Tenant, Version: f.Version, Generation: f.Generation, Floor: f.Floor,
		NotBefore: f.NotBefore.Unix(), NotAfter: f.NotAfter.Unix(), Development: f.Development,
	}
	for _, v := range f.Vaults {
		p.Vaults = append(p.Vaults, attest.Vault{Release: v.Release})
		h.into(p.Vaults[len(p.Vaults)-1].Measurement[:], "vaults.measurement", v.Measurement)
	}
	if f.TPM != nil {
		p.TPM = &attest.TPM{
			Keys:       h.list32("tpm.keys", f.TPM.Keys),
			Certifiers: h.list32("tpm.certifiers", f.TPM.Certifiers),
			Boot:       h.list32("tpm.boot", f.TPM.Boot),
		}
	}
	if f.Nitro != nil {
		p.Nitro = f.Nitro.section(&h)
	}
	if f.SNP != nil {
		p.SNP = f.SNP.section(&h)
	}
	if f.TDX != nil {
		p.TDX = f.TDX.section(&h)
	}
	if f.Simulated != nil {
		p.Simulated = &attest.Simulated{Keys: h.list32("simulated.keys", f.Simulated.Keys)}
	}
	return p, h.err
}

func (f *nitroFile) section(h *hexes) *attest.Nitro {
	s := new(attest.Nitro)
	for _, i := range f.Images {
		var image attest.NitroImage
		h.into(image.PCR0[:], "nitro.images.pcr0", i.PCR0)
		h.into(image.PCR1[:], "nitro.images.pcr1", i.PCR1)
		h.into(image.PCR2[:], "nitro.images.pcr2", i.PCR2)
		s.Images = append(s.Images, image)
	}
	return s
}

func (f *snpFile) section(h *hexes) *attest.SNP {
	s := &attest.SNP{SMT: f.SMT}
	for _, i := range f.Images {
		var image [48]byte
		h.into(image[:], "sev-snp.images", i)
		s.Images = append(s.Images, image)
	}
	for _, t := range f.TCB {
		s.TCB = append(s.TCB, attest.SNPTCB{Product: t.Product, Bootloader: t.Bootloader, TEE: t.TEE, SNP: t.SNP, Microcode: t.Microcode})
	}
	return s
}

func (f *tdxFile) section(h *hexes) *attest.TDX {
	s := &attest.TDX{QE: f.QE, PCE: f.PCE}
	h.into(s.TCB[:], "tdx.tcb", f.TCB)
	h.into(s.CPU[:], "tdx.cpu", f.CPU)
	for _, i := range f.Images {
		var image attest.TDXImage
		h.into(image.MRTD[:], "tdx.images.mrtd", i.MRTD)
		if len(i.RTMR) != len(image.RTMR) && h.err == nil {
			h.err = fmt.Errorf("tdx.images.rtmr: %d registers, want %d", len(i.RTMR), len(image.RTMR))
		}
		for n := range min(len(i.RTMR), len(image.RTMR)) {
			h.into(image.RTMR[n][:], "tdx.images.rtmr", i.RTMR[n])
		}
		s.Images = append(s.Images, image)
	}
	return s
}
