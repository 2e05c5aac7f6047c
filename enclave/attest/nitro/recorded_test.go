package nitro

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/veraison/go-cose"

	"volar/enclave/attest"
)

var long = flag.Bool("long", false, "flip every bit of a recorded document, not every 61st (minutes)")

func recorded(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".bin")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// AWS publishes the fingerprint beside its documentation of the root.
func TestRoot(t *testing.T) {
	got := sha256.Sum256(awsRoot.Raw)
	if want := "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"; hex.EncodeToString(got[:]) != want {
		t.Errorf("root %x, AWS publishes %s", got, want)
	}
}

// Documents that real hypervisors signed. What they are about is other
// people's, so the policy's part is judged apart.
func TestRecorded(t *testing.T) {
	pass := 0
	for _, c := range []struct {
		name string
		open error // of signature and chain
		own  error // with a policy for its own image
	}{
		{"nitro_attestation", nil, attest.ErrBinding},
		{"nitro_attestation_debug", nil, attest.ErrDebug},
		{"selfsigned_attestation", attest.ErrMalformed, attest.ErrMalformed},
	} {
		b := recorded(t, c.name)
		d, err := open(b, awsRoot)
		if !errors.Is(err, c.open) {
			t.Errorf("%s: %v, want %v", c.name, err, c.open)
			continue
		}
		pass++
		at, p := now, policy()
		if d != nil {
			at = d.time()
			own := attest.NitroImage{PCR0: [48]byte(d.PCRs[0]), PCR1: [48]byte(d.PCRs[1]), PCR2: [48]byte(d.PCRs[2])}
			p.Nitro.Images = []attest.NitroImage{own}
		}
		if _, err := (Verifier{}).Verify(attest.Evidence{Body: b}, events, p, data, at); !errors.Is(err, c.own) {
			t.Errorf("%s with a policy for its own image: %v, want %v", c.name, err, c.own)
		}
		if d == nil || c.own == attest.ErrDebug {
			continue
		}
		if _, err := (Verifier{}).Verify(attest.Evidence{Body: b}, events, policy(), data, at); !errors.Is(err, attest.ErrPlatform) {
			t.Errorf("%s with a policy for another image: %v", c.name, err)
		}
		if _, err := (Verifier{}).Verify(attest.Evidence{Body: b}, events, p, data, at.Add(3*time.Hour)); !errors.Is(err, attest.ErrStale) {
			t.Errorf("%s three hours later: %v", c.name, err)
		}
	}
	if pass != 3 {
		t.Errorf("%d of 3 recorded documents are what they were recorded as", pass)
	}
}

// The self-signed document has null for its unprotected header, which RFC
// 9052 does not allow. Put right, which no signature covers, it is refused
// for its bundle, which is empty; its own certificate did sign it.
func TestSelfSigned(t *testing.T) {
	b := recorded(t, "selfsigned_attestation")
	if b[6] != 0xf6 {
		t.Fatalf("byte 6 is %x", b[6])
	}
	b[6] = 0xa0
	if _, err := open(b, awsRoot); !errors.Is(err, attest.ErrMalformed) {
		t.Errorf("without a bundle: %v", err)
	}
	var m cose.UntaggedSign1Message
	var d document
	if err := errors.Join(m.UnmarshalCBOR(b), codec.Unmarshal(m.Payload, &d)); err != nil {
		t.Fatal(err)
	}
	own, err := x509.ParseCertificate(d.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	v, err := cose.NewVerifier(cose.AlgorithmES384, own.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Verify(nil, v); err != nil {
		t.Errorf("under its own certificate: %v", err)
	}
	d.CABundle = [][]byte{own.Raw}
	if _, err := d.signer(awsRoot); err == nil {
		t.Error("it leads to AWS's root")
	}
}

// No single bit of a real document can change.
func TestEveryBitCounts(t *testing.T) {
	good := recorded(t, "nitro_attestation")
	step := 61
	if *long {
		step = 1
	}
	flips := 0
	for bit := 0; bit < 8*len(good); bit += step {
		b := bytes.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		flips++
		if _, err := open(b, awsRoot); err == nil {
			t.Errorf("accepted with bit %d flipped", bit)
		}
	}
	if want := 8 * len(good) / step; flips < want {
		t.Errorf("%d bits were flipped, want %d", flips, want)
	}
}

// No document that a stranger can write opens, and none makes the parser fail badly.
func FuzzOpen(f *testing.F) {
	good := recorded(f, "nitro_attestation")
	f.Add(good[:200])
	f.Add(recorded(f, "selfsigned_attestation"))
	a := newAWS(f)
	f.Add(a.sign(a.document()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := open(b, awsRoot); err == nil && !bytes.Equal(b, good) {
			t.Fatalf("opened %x", b)
		}
	})
}
