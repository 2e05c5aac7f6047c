package nitro

import (
	"bytes"
	"context"
	"crypto/elliptic"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/veraison/go-cose"
	"golang.org/x/sys/unix"

	"volar/enclave/attest"
)

func TestVerify(t *testing.T) {
	a := newAWS(t)
	v := Verifier{Root: a.root}
	check := func(b []byte, p attest.Policy) error {
		_, err := v.Verify(attest.Evidence{Kind: attest.KindNitro, Body: b}, events, p, data, now)
		return err
	}
	if err := check(a.sign(a.document()), policy()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*document)
		want   error
	}{
		"debug":                {func(d *document) { d.PCRs[0] = make([]byte, 48) }, attest.ErrDebug},
		"PCR2 zero":            {func(d *document) { d.PCRs[2] = make([]byte, 48) }, attest.ErrDebug},
		"no PCR1":              {func(d *document) { delete(d.PCRs, 1) }, attest.ErrMalformed},
		"other image":          {func(d *document) { d.PCRs[0][47] = 1 }, attest.ErrPlatform},
		"other kernel":         {func(d *document) { d.PCRs[1][0]++ }, attest.ErrPlatform},
		"mixed images":         {func(d *document) { d.PCRs[2] = append([]byte{1}, make([]byte, 47)...) }, attest.ErrPlatform},
		"short PCR":            {func(d *document) { d.PCRs[7] = make([]byte, 32) }, attest.ErrMalformed},
		"PCR 32":               {func(d *document) { d.PCRs[32] = make([]byte, 48) }, attest.ErrMalformed},
		"no PCRs":              {func(d *document) { d.PCRs = nil }, attest.ErrMalformed},
		"SHA256":               {func(d *document) { d.Digest = "SHA256" }, attest.ErrMalformed},
		"no module":            {func(d *document) { d.ModuleID = "" }, attest.ErrMalformed},
		"no time":              {func(d *document) { d.Timestamp = 0 }, attest.ErrMalformed},
		"time of no calendar":  {func(d *document) { d.Timestamp = 1 << 63 }, attest.ErrMalformed},
		"before certificate":   {func(d *document) { d.Timestamp -= 3601e3 }, attest.ErrSignature},
		"after certificate":    {func(d *document) { d.Timestamp += 7201e3 }, attest.ErrSignature},
		"from the future":      {func(d *document) { d.Timestamp += 3601e3 }, attest.ErrStale},
		"other data":           {func(d *document) { d.UserData = make([]byte, 64) }, attest.ErrBinding},
		"data not bound":       {func(d *document) { d.UserData = data[:] }, attest.ErrBinding},
		"no data":              {func(d *document) { d.UserData = nil }, attest.ErrBinding},
		"data and more":        {func(d *document) { d.UserData = append(bytes.Clone(field[:]), 0) }, attest.ErrBinding},
		"data in other field":  {func(d *document) { d.UserData, d.Nonce = nil, field[:] }, attest.ErrBinding},
		"a key as well":        {func(d *document) { d.PublicKey = []byte{1} }, attest.ErrBinding},
		"long data":            {func(d *document) { d.UserData = make([]byte, maxField+1) }, attest.ErrMalformed},
		"no bundle":            {func(d *document) { d.CABundle = nil }, attest.ErrMalformed},
		"endless bundle":       {func(d *document) { d.CABundle = append(d.CABundle, make([][]byte, 8)...) }, attest.ErrMalformed},
		"no intermediate":      {func(d *document) { d.CABundle = d.CABundle[:1] }, attest.ErrSignature},
		"root not first":       {func(d *document) { d.CABundle[0], d.CABundle[1] = d.CABundle[1], d.CABundle[0] }, attest.ErrSignature},
		"another root first":   {func(d *document) { d.CABundle[0] = newAWS(t).root.Raw }, attest.ErrSignature},
		"certificate no DER":   {func(d *document) { d.Certificate = []byte{1} }, attest.ErrSignature},
		"intermediate no DER":  {func(d *document) { d.CABundle[1] = []byte{1} }, attest.ErrSignature},
		"empty certificate":    {func(d *document) { d.Certificate = nil }, attest.ErrMalformed},
		"certificate of a CA":  {func(d *document) { d.Certificate = a.between.Raw }, attest.ErrSignature},
		"stranger's documents": {func(d *document) { *d = *newAWS(t).document() }, attest.ErrSignature},
	} {
		d := a.document()
		c.change(d)
		if err := check(a.sign(d), policy()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}

	good := a.sign(a.document())
	payload, err := encoder.Marshal(a.document())
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"nothing":       nil,
		"tagged":        append([]byte{0xd2}, good...),
		"trailing byte": append(bytes.Clone(good), 0),
		"cut":           good[:len(good)-1],
		"too long":      make([]byte, maxDocument+1),
		"ES256":         a.signBytes(payload, newKey(t, elliptic.P256()), cose.AlgorithmES256),
		"unknown field": a.signBytes(append([]byte{payload[0] + 1, 0x61, 'x', 0}, payload[1:]...), a.key, cose.AlgorithmES384),
	} {
		if err := check(b, policy()); !errors.Is(err, attest.ErrMalformed) {
			t.Errorf("%s: %v, want %v", name, err, attest.ErrMalformed)
		}
	}
	if err := check(a.signBytes(payload, newKey(t, elliptic.P384()), cose.AlgorithmES384), policy()); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("other key: %v", err)
	}
	p := policy()
	p.Nitro = nil
	if err := check(good, p); !errors.Is(err, attest.ErrKind) {
		t.Errorf("without a policy: %v", err)
	}
	for name, at := range map[string]time.Time{"an hour later": now.Add(time.Hour + time.Second), "an hour before": now.Add(-time.Hour - time.Second)} {
		if _, err := v.Verify(attest.Evidence{Body: good}, events, policy(), data, at); !errors.Is(err, attest.ErrStale) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (Verifier{}).Verify(attest.Evidence{Body: good}, events, policy(), data, now); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("AWS did not sign this: %v", err)
	}
}

// A key of another curve cannot sign, whoever certifies it.
func TestLeafCurve(t *testing.T) {
	a := newAWS(t)
	k := newKey(t, elliptic.P256())
	d := a.document()
	root := newKey(t, elliptic.P384())
	a.root = certify(t, "root", &root.PublicKey, nil, root, now.Add(-time.Hour), now.Add(time.Hour))
	d.CABundle = [][]byte{a.root.Raw}
	d.Certificate = certify(t, "leaf", &k.PublicKey, a.root, root, now.Add(-time.Hour), now.Add(time.Hour)).Raw
	if _, err := open(a.sign(d), a.root); !errors.Is(err, attest.ErrSignature) || !strings.Contains(err.Error(), "P-384") {
		t.Error(err)
	}
}

// The attester and the verifier agree, through the module's interface.
func TestAttester(t *testing.T) {
	a := newAWS(t)
	ledger, err := attest.NewLedger(program)
	if err != nil {
		t.Fatal(err)
	}
	answer := func(user []byte) []byte {
		d := a.document()
		d.UserData = user
		r := reply{}
		r.Attestation.Document = a.sign(d)
		b, err := encoder.Marshal(map[string]any{"Attestation": r.Attestation})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	at := &Attester{ledger, func(b []byte) ([]byte, error) {
		var q request
		if err := codec.Unmarshal(b, &q); err != nil || q.Attestation.Nonce != nil || q.Attestation.PublicKey != nil || len(q.Attestation.UserData) != 64 {
			t.Fatalf("request %x: %v", b, err)
		}
		return answer(q.Attestation.UserData), nil
	}}
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
	if c, err := attest.Verify(b, policy(), nonce, now, Verifier{Root: a.root}); err != nil || c.VaultKey != vault || c.Kind != attest.KindNitro {
		t.Errorf("%+v, %v", c, err)
	}
	for name, r := range map[string][]byte{"error": []byte("\xa1\x65Error\x6dInputTooLarge"), "no reply": nil, "other reply": []byte("\xa1\x64Lock\xa0"), "empty": {0xa0}} {
		at.ask = func([]byte) ([]byte, error) { return r, nil }
		if _, err := at.Evidence(context.Background(), data); err == nil {
			t.Errorf("%s: evidence", name)
		}
	}
}

// What is no secure module says so.
func TestTransact(t *testing.T) {
	if nsmRaw != 0xc0200a00 {
		t.Errorf("ioctl %#x", nsmRaw)
	}
	// An emulator of processors knows no such call and says so before the device can.
	if _, err := transact("/dev/null", []byte{1}); !errors.Is(err, unix.ENOTTY) && !errors.Is(err, unix.ENOSYS) {
		t.Errorf("/dev/null: %v", err)
	}
	if _, err := transact("/nonexistent", []byte{1}); !errors.Is(err, unix.ENOENT) {
		t.Errorf("/nonexistent: %v", err)
	}
}

// Whatever the module, or who stands in for it, replies: a document or an error.
func FuzzReply(f *testing.F) {
	f.Add([]byte("\xa1\x65Error\x6dInputTooLarge"))
	f.Add([]byte("\xa1\x6bAttestation\xa1\x68document\x43abc"))
	ledger, err := attest.NewLedger(program)
	if err == nil {
		err = ledger.Bind(vault)
	}
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a := &Attester{ledger, func([]byte) ([]byte, error) { return b, nil }}
		if e, err := a.Evidence(context.Background(), data); err == nil && (len(e.Body) == 0 || len(e.Body) > len(b)) {
			t.Fatalf("evidence %x", e.Body)
		}
	})
}
