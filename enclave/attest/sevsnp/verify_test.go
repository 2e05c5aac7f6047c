package sevsnp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-sev-guest/abi"
	"github.com/google/go-sev-guest/proto/sevsnp"

	"volar/enclave/attest"
	"volar/enclave/attest/tsm"
)

func TestVerify(t *testing.T) {
	a := newAMD(t)
	v := Verifier{Roots: a.roots}
	check := func(b []byte, p attest.Policy) error {
		_, err := v.Verify(attest.Evidence{Kind: attest.KindSNP, Body: b}, events, p, data, now)
		return err
	}
	if err := check(a.sign(a.report()), policy()); err != nil {
		t.Fatal(err)
	}
	vlek := a.report()
	binary.LittleEndian.PutUint32(vlek[atSigner:], abi.ComposeSignerInfo(abi.SignerInfo{SigningKey: abi.VlekReportSigner}))
	if err := check(a.sign(vlek), policy()); err != nil {
		t.Errorf("signed with a cloud's key: %v", err)
	}
	for name, want := range map[sevsnp.SevProduct_SevProductName]error{
		sevsnp.SevProduct_SEV_PRODUCT_MILAN: nil,
		sevsnp.SevProduct_SEV_PRODUCT_GENOA: attest.ErrSignature, // no such roots here
		sevsnp.SevProduct_SEV_PRODUCT_TURIN: attest.ErrSignature,
	} {
		v3 := a.report()
		v3[0] = 3
		v3[0x188], v3[0x189], v3[0x18a] = abi.FmsFromCpuid1Eax(abi.MaskedCpuid1EaxFromSevProduct(&sevsnp.SevProduct{Name: name}))
		if err := check(a.sign(v3), policy()); !errors.Is(err, want) {
			t.Errorf("report of version 3, %v: %v, want %v", name, err, want)
		}
	}
	guest := func(p abi.SnpPolicy) func([]byte) {
		return func(r []byte) { put(r, atPolicy, abi.SnpPolicyToBytes(p)) }
	}
	for name, c := range map[string]struct {
		change func(report []byte)
		want   error
	}{
		"debug":              {guest(abi.SnpPolicy{SMT: true, Debug: true}), attest.ErrDebug},
		"migration agent":    {guest(abi.SnpPolicy{SMT: true, MigrateMA: true}), attest.ErrPlatform},
		"other image":        {func(r []byte) { r[atImage+47] = 1 }, attest.ErrPlatform},
		"other data":         {func(r []byte) { r[atData]++ }, attest.ErrBinding},
		"data not bound":     {func(r []byte) { copy(r[atData:], data[:]) }, attest.ErrBinding},
		"old microcode":      {func(r []byte) { r[atCurrent+7]-- }, attest.ErrOutdated},
		"old SNP, committed": {func(r []byte) { r[atCommitted+6]-- }, attest.ErrOutdated},
		"old bootloader":     {func(r []byte) { r[atReported]-- }, attest.ErrOutdated},
		"launched when old":  {func(r []byte) { r[atLaunch]-- }, attest.ErrOutdated},
		"newer than its key": {func(r []byte) { r[atReported]++; r[atCurrent]++; r[atCommitted]++ }, attest.ErrPlatform},
		"other chip":         {func(r []byte) { r[atChip]++ }, attest.ErrPlatform},
		"from VMPL 1":        {func(r []byte) { r[atVMPL] = 1 }, attest.ErrPlatform},
		"version 1":          {func(r []byte) { r[0] = 1 }, attest.ErrSignature},
		"reserved bytes":     {func(r []byte) { r[0x4c] = 1 }, attest.ErrMalformed},
	} {
		r := a.report()
		c.change(r)
		if err := check(a.sign(r), policy()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for name, c := range map[string]struct {
		change func(*attest.SNP)
		want   error
	}{
		"no images":         {func(p *attest.SNP) { p.Images = nil }, attest.ErrPlatform},
		"other images":      {func(p *attest.SNP) { p.Images = p.Images[:1] }, attest.ErrPlatform},
		"no products":       {func(p *attest.SNP) { p.TCB = nil }, attest.ErrPlatform},
		"other products":    {func(p *attest.SNP) { p.TCB = p.TCB[:1] }, attest.ErrPlatform},
		"higher bootloader": {func(p *attest.SNP) { p.TCB[1].Bootloader++ }, attest.ErrOutdated},
		"higher TEE":        {func(p *attest.SNP) { p.TCB[1].TEE = 2 }, attest.ErrOutdated},
		"higher SNP":        {func(p *attest.SNP) { p.TCB[1].SNP++ }, attest.ErrOutdated},
		"higher microcode":  {func(p *attest.SNP) { p.TCB[1].Microcode++ }, attest.ErrOutdated},
		"no multithreading": {func(p *attest.SNP) { p.SMT = false }, attest.ErrPlatform},
	} {
		p := policy()
		c.change(p.SNP)
		if err := check(a.sign(a.report()), p); !errors.Is(err, c.want) {
			t.Errorf("policy with %s: %v, want %v", name, err, c.want)
		}
	}
	p := policy()
	p.SNP = nil
	if err := check(a.sign(a.report()), p); !errors.Is(err, attest.ErrKind) {
		t.Errorf("without a policy: %v", err)
	}
	if _, err := (Verifier{}).Verify(attest.Evidence{Body: a.sign(a.report())}, events, policy(), data, now); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("AMD did not sign this: %v", err)
	}
}

func TestBody(t *testing.T) {
	a := newAMD(t)
	good := a.sign(a.report())
	f, err := parse(good)
	if err != nil {
		t.Fatal(err)
	}
	other := func(change func(*body)) []byte {
		g := f
		change(&g)
		return encode(t, g)
	}
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"nothing":          {nil, attest.ErrMalformed},
		"version 2":        {other(func(f *body) { f.Version = 2 }), attest.ErrMalformed},
		"short report":     {other(func(f *body) { f.Report = f.Report[1:] }), attest.ErrMalformed},
		"long report":      {other(func(f *body) { f.Report = append(bytes.Clone(f.Report), 0) }), attest.ErrMalformed},
		"no certificate":   {other(func(f *body) { f.Key = nil }), attest.ErrMalformed},
		"no DER":           {other(func(f *body) { f.Key = []byte{1} }), attest.ErrMalformed},
		"certificate of a": {other(func(f *body) { f.Key = a.signer.Ask.Raw }), attest.ErrMalformed},
		"endless":          {other(func(f *body) { f.Key = make([]byte, maxDER+1) }), attest.ErrMalformed},
		"trailing byte":    {append(bytes.Clone(good), 0), attest.ErrMalformed},
		"not signed":       {encode(t, body{version, a.report(), f.Key}), attest.ErrSignature},
		"cloud's key":      {other(func(f *body) { f.Key = a.signer.Vlek.Raw }), attest.ErrMalformed},
	} {
		if _, err := open(c.b, a.roots, now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := open(good, a.roots, now.AddDate(20, 0, 0)); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("twenty years later: %v", err)
	}
}

// The attester and the verifier agree, through the kernel's interface.
func TestAttester(t *testing.T) {
	a := newAMD(t)
	table, err := a.signer.CertTableBytes()
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := attest.NewLedger(program)
	if err != nil {
		t.Fatal(err)
	}
	at := NewAttester(ledger)
	at.Ask = func(in [64]byte) (tsm.Report, error) {
		r := a.report()
		copy(r[atData:], in[:])
		a.sign(r)
		return tsm.Report{Out: r, Aux: table}, nil
	}
	if _, err := at.Evidence(context.Background(), data); !errors.Is(err, attest.ErrNotBound) {
		t.Errorf("before a key is bound: %v", err)
	}
	if err := ledger.Bind(vault); err != nil {
		t.Fatal(err)
	}
	e, err := at.Evidence(context.Background(), data)
	if err != nil {
		t.Fatal(err)
	}
	e.Epoch = 4
	b, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if c, err := attest.Verify(b, policy(), nonce, now, Verifier{Roots: a.roots}); err != nil || c.VaultKey != vault || c.Kind != attest.KindSNP {
		t.Errorf("%+v, %v", c, err)
	}
	for name, r := range map[string]tsm.Report{
		"no certificates": {Out: a.report()},
		"bad table":       {Out: a.report(), Aux: []byte{1}},
		"short report":    {Out: []byte{1}, Aux: table},
		"empty table":     {Out: a.report(), Aux: make([]byte, 24)},
	} {
		at.Ask = func([64]byte) (tsm.Report, error) { return r, nil }
		if _, err := at.Evidence(context.Background(), data); err == nil {
			t.Errorf("%s: evidence", name)
		}
	}
}
