package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/BurntSushi/toml"

	"volar/enclave/attest"
)

// formOf is the policy as people write it, so that what is shown can be
// edited and made into the next one.
func formOf(p attest.Policy) (f policyFile) {
	f = policyFile{
		Tenant: p.Tenant, Version: p.Version, Generation: p.Generation, Floor: p.Floor,
		NotBefore: time.Unix(p.NotBefore, 0).UTC(), NotAfter: time.Unix(p.NotAfter, 0).UTC(), Development: p.Development,
	}
	for _, v := range p.Vaults {
		f.Vaults = append(f.Vaults, vaultFile{hex.EncodeToString(v.Measurement[:]), v.Release})
	}
	if s := p.TPM; s != nil {
		f.TPM = &tpmFile{texts(s.Keys), texts(s.Certifiers), texts(s.Boot)}
	}
	if p.Nitro != nil {
		f.Nitro = formOfNitro(p.Nitro)
	}
	if p.SNP != nil {
		f.SNP = formOfSNP(p.SNP)
	}
	if p.TDX != nil {
		f.TDX = formOfTDX(p.TDX)
	}
	if s := p.Simulated; s != nil {
		f.Simulated = &simulatedFile{texts(s.Keys)}
	}
	return f
}

func texts(list [][32]byte) (out []string) {
	for _, b := range list {
		out = append(out, hex.EncodeToString(b[:]))
	}
	return out
}

// grow adds an element to a list and gives it to fill.
func grow[T any](list *[]T) *T {
	var zero T
	*list = append(*list, zero)
	return &(*list)[len(*list)-1]
}

func formOfNitro(s *attest.Nitro) *nitroFile {
	f := new(nitroFile)
	for _, i := range s.Images {
		to := grow(&f.Images)
		to.PCR0, to.PCR1, to.PCR2 = hex.EncodeToString(i.PCR0[:]), hex.EncodeToString(i.PCR1[:]), hex.EncodeToString(i.PCR2[:])
	}
	return f
}

func formOfSNP(s *attest.SNP) *snpFile {
	f := &snpFile{SMT: s.SMT}
	for _, i := range s.Images {
		f.Images = append(f.Images, hex.EncodeToString(i[:]))
	}
	for _, t := range s.TCB {
		to := grow(&f.TCB)
		to.Product, to.Bootloader, to.TEE, to.SNP, to.Microcode = t.Product, t.Bootloader, t.TEE, t.SNP, t.Microcode
	}
	return f
}

func formOfTDX(s *attest.TDX) *tdxFile {
	f := &tdxFile{TCB: hex.EncodeToString(s.TCB[:]), CPU: hex.EncodeToString(s.CPU[:]), QE: s.QE, PCE: s.PCE}
	for _, i := range s.Images {
		to := grow(&f.Images)
		to.MRTD = hex.EncodeToString(i.MRTD[:])
		for _, r := range i.RTMR {
			to.RTMR = append(to.RTMR, hex.EncodeToString(r[:]))
		}
	}
	return f
}

func (f policyFile) text(w io.Writer) {
	if f.Development {
		fmt.Fprintln(w, "# FOR DEVELOPMENT: accepts vaults that prove nothing about their machine")
	}
	e := toml.NewEncoder(w)
	e.Indent = ""
	_ = e.Encode(f) // the form is one that this program also reads
}
