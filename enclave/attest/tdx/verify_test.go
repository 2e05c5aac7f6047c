package tdx

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"volar/enclave/attest"
	"volar/enclave/attest/tsm"
)

func TestVerify(t *testing.T) {
	i := newIntel(t)
	v := Verifier{Root: i.root}
	check := func(b []byte, p attest.Policy) error {
		_, err := v.Verify(attest.Evidence{Kind: attest.KindTDX, Body: b}, events, p, data, now)
		return err
	}
	if err := check(i.assemble(i.parts()), policy(t)); err != nil {
		t.Fatal(err)
	}
	zeroByte := i.parts()
	zeroByte.chain = append(bytes.Clone(zeroByte.chain), 0)
	if err := check(i.assemble(zeroByte), policy(t)); err != nil {
		t.Errorf("with a zero byte behind the chain: %v", err)
	}
	stranger := newIntel(t)
	for name, c := range map[string]struct {
		change func(*parts)
		want   error
	}{
		"debug":                 {func(p *parts) { p.signed[atAttributes] |= 1 }, attest.ErrDebug},
		"debug of another kind": {func(p *parts) { p.signed[atAttributes] |= 0x80 }, attest.ErrDebug},
		"debuggable module":     {func(p *parts) { p.signed[atSeamAttr] = 1 }, attest.ErrDebug},
		"migratable":            {func(p *parts) { p.signed[atAttributes+3] |= 0x20 }, attest.ErrPlatform},
		"performance counters":  {func(p *parts) { p.signed[atAttributes+7] |= 0x80 }, attest.ErrPlatform},
		"module of others":      {func(p *parts) { p.signed[atSeamSigner] = 1 }, attest.ErrPlatform},
		"old module":            {func(p *parts) { p.signed[atTCB]-- }, attest.ErrOutdated},
		"other firmware":        {func(p *parts) { p.signed[atMRTD]++ }, attest.ErrPlatform},
		"other kernel":          {func(p *parts) { p.signed[atRTMR+48]++ }, attest.ErrPlatform},
		"something measured":    {func(p *parts) { p.signed[atRTMR+3*48+47] = 1 }, attest.ErrPlatform},
		"other data":            {func(p *parts) { p.signed[atData]++ }, attest.ErrBinding},
		"data not bound":        {func(p *parts) { copy(p.signed[atData:], data[:]) }, attest.ErrBinding},
		"version 5":             {func(p *parts) { p.signed[0] = 5 }, attest.ErrMalformed},
		"SGX":                   {func(p *parts) { p.signed[4] = 0 }, attest.ErrMalformed},
		"another enclave":       {func(p *parts) { p.qe[0x80]++ }, attest.ErrSignature},
		"another product":       {func(p *parts) { p.qe[0x100] = 1 }, attest.ErrSignature},
		"debug enclave":         {func(p *parts) { p.qe[0x30] |= 2 }, attest.ErrSignature},
		"old quoting enclave":   {func(p *parts) { p.qe[0x102] = 3 }, attest.ErrOutdated},
		"another processor":     {func(p *parts) { p.pck = newKey(t) }, attest.ErrSignature},
		"stranger's chain":      {func(p *parts) { p.chain, p.pck = stranger.chain, stranger.pck }, attest.ErrSignature},
		"twin of the root":      {func(p *parts) { p.chain = i.twin }, attest.ErrSignature},
		"no chain":              {func(p *parts) { p.chain = []byte("-----BEGIN") }, attest.ErrSignature},
		"text before the chain": {func(p *parts) { p.chain = append([]byte("x\n"), p.chain...) }, attest.ErrSignature},
		"text behind the chain": {func(p *parts) { p.chain = append(bytes.Clone(p.chain), '\n') }, attest.ErrSignature},
	} {
		p := i.parts()
		c.change(&p)
		if err := check(i.assemble(p), policy(t)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for name, c := range map[string]struct {
		change func(*attest.TDX)
		want   error
	}{
		"no images":         {func(p *attest.TDX) { p.Images = nil }, attest.ErrPlatform},
		"other images":      {func(p *attest.TDX) { p.Images = p.Images[:1] }, attest.ErrPlatform},
		"newer module":      {func(p *attest.TDX) { p.TCB[2] = 5 }, attest.ErrOutdated},
		"newer processor":   {func(p *attest.TDX) { p.CPU[0] = 255 }, attest.ErrOutdated},
		"newer quoting":     {func(p *attest.TDX) { p.QE = 5 }, attest.ErrOutdated},
		"newer provisioner": {func(p *attest.TDX) { p.PCE = 65535 }, attest.ErrOutdated},
	} {
		p := policy(t)
		c.change(p.TDX)
		if err := check(i.assemble(i.parts()), p); !errors.Is(err, c.want) {
			t.Errorf("policy with %s: %v, want %v", name, err, c.want)
		}
	}
	good := i.assemble(i.parts())
	for name, b := range map[string][]byte{"nothing": nil, "cut": good[:len(good)-1], "behind": append(bytes.Clone(good), 0), "endless": make([]byte, maxQuote+1)} {
		if err := check(b, policy(t)); !errors.Is(err, attest.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := policy(t)
	p.TDX = nil
	if err := check(good, p); !errors.Is(err, attest.ErrKind) {
		t.Errorf("without a policy: %v", err)
	}
	if _, err := v.Verify(attest.Evidence{Body: good}, events, policy(t), data, now.Add(2*time.Hour)); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("after its certificates: %v", err)
	}
	if _, err := (Verifier{}).Verify(attest.Evidence{Body: good}, events, policy(t), data, now); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("Intel did not sign this: %v", err)
	}
}

// The attester and the verifier agree, through the kernel's interface.
func TestAttester(t *testing.T) {
	i := newIntel(t)
	ledger, err := attest.NewLedger(program)
	if err != nil {
		t.Fatal(err)
	}
	at := NewAttester(ledger)
	at.Ask = func(in [64]byte) (tsm.Report, error) {
		p := i.parts()
		copy(p.signed[atData:], in[:])
		return tsm.Report{Out: append(i.assemble(p), "left behind"...)}, nil
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
	if c, err := attest.Verify(b, policy(t), nonce, now, Verifier{Root: i.root}); err != nil || c.VaultKey != vault || c.Kind != attest.KindTDX {
		t.Errorf("%+v, %v", c, err)
	}
	for name, out := range map[string][]byte{"short": make([]byte, signedData-1), "cut": i.assemble(i.parts())[:2000], "no quote": make([]byte, 3000)} {
		at.Ask = func([64]byte) (tsm.Report, error) { return tsm.Report{Out: out}, nil }
		if _, err := at.Evidence(context.Background(), data); err == nil {
			t.Errorf("%s: evidence", name)
		}
	}
}

// Lengths inside a quote are the host's to choose.
func TestLengths(t *testing.T) {
	good := recorded(t)
	const outer, inner, auth, text = bodyEnd, signedData + 130, signedData + 134 + 448, signedData + 134 + 448 + 2 + 32 + 2
	for _, at := range []int{outer, inner, auth, text} {
		for _, v := range []byte{0, 1, 0x7f, 0xff} {
			for i := range 2 {
				b := bytes.Clone(good)
				if b[at+i] ^= v; v == 0 {
					b[at+i] = 0
				}
				if bytes.Equal(b, good) {
					continue
				}
				if _, err := parse(b); err == nil {
					t.Errorf("length at %#x: byte %d is %#x: parsed", at, i, b[at+i])
				}
			}
		}
	}
	for n := range good {
		if _, err := parse(good[:n]); err == nil {
			t.Errorf("cut to %d bytes: parsed", n)
		}
	}
}
