package tpm

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"volar/enclave/attest"
)

func FuzzParseBody(f *testing.F) {
	b := body(f, goodQuote(), chipKey)
	b.Certificate = []byte{1, 2, 3}
	raw, err := b.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte{0x87, 1})
	f.Fuzz(func(t *testing.T, in []byte) {
		b, err := ParseBody(in)
		if err != nil {
			return
		}
		if out, err := b.Marshal(); err != nil || !bytes.Equal(in, out) {
			t.Errorf("two encodings of one body: %v", err)
		}
	})
}

// FuzzQuote looks for a quote that passes and is not the one.
func FuzzQuote(f *testing.F) {
	good := goodQuote().bytes()
	want := Nonce(attest.ReportData(vault, nonce, 0, "acme"))
	f.Add(good)
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) != attestSize {
			return
		}
		if checkQuote([attestSize]byte(in), boot, events.Register(), want) != nil {
			return
		}
		for i := range in {
			open := i >= signerAt && i < signerAt+signerSize || i >= clockAt && i < clockAt+clockSize || i >= firmwareAt && i < firmwareAt+firmwareSize
			if !open && in[i] != good[i] {
				t.Errorf("byte %d is another and passes", i)
			}
		}
	})
}

func FuzzParseApproval(f *testing.F) {
	a, err := Approve(release, program, boot.Programs())
	if err != nil {
		f.Fatal(err)
	}
	raw, err := a.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, in []byte) {
		a, err := ParseApproval(in)
		if err != nil {
			return
		}
		if out, err := a.Marshal(); err != nil || !bytes.Equal(in, out) {
			t.Errorf("two encodings of one approval: %v", err)
		}
	})
}

func FuzzOpenCertificate(f *testing.F) {
	good, err := Certify(certifier, Certificate{Key: [32]byte{1}, NotBefore: 1, NotAfter: now.Unix()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, err := OpenCertificate(certifier.Public().(ed25519.PublicKey), in, now); err == nil && !bytes.Equal(in, good) {
			t.Error("other bytes are a certificate too")
		}
	})
}
