package tdx

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"testing"
	"time"

	"volar/enclave/attest"
)

var long = flag.Bool("long", false, "flip every bit of a recorded quote, not every 23rd")

// then is a time at which the recorded certificates are valid.
var then = time.Date(2023, 7, 1, 1, 0, 0, 0, time.UTC)

// Intel's certification practice statement names the root; its fingerprint is well known.
func TestRoot(t *testing.T) {
	got := sha256.Sum256(intelRoot.Raw)
	if want := "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3"; hex.EncodeToString(got[:]) != want {
		t.Errorf("root %x, want %s", got, want)
	}
}

// Another processor's quote, from a cloud.
func TestRecordedAtACloud(t *testing.T) {
	b, err := os.ReadFile("testdata/cos-113-tdx-quote.bin")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2024, 8, 1, 0, 0, 0, 0, time.UTC)
	s, err := open(b, intelRoot, at)
	if err != nil {
		t.Fatal(err)
	}
	own := attest.TDX{Images: []attest.TDXImage{s.image()}, TCB: [16]byte(s.body.GetTeeTcbSvn())}
	if err := s.judge(&own, [64]byte(s.body.GetReportData())); err != nil {
		t.Errorf("with a policy for its own image and its own data: %v", err)
	}
	if err := s.judge(policy(t).TDX, [64]byte(s.body.GetReportData())); !errors.Is(err, attest.ErrPlatform) && !errors.Is(err, attest.ErrOutdated) {
		t.Errorf("with a policy for another trust domain: %v", err)
	}
	if _, err := (Verifier{}).Verify(attest.Evidence{Body: b}, events, attest.Policy{TDX: &own}, data, at); !errors.Is(err, attest.ErrBinding) {
		t.Errorf("as a whole: %v", err)
	}
}

// What the recorded quote is about is another's, so the policy's part is judged apart.
func TestRecorded(t *testing.T) {
	b := recorded(t)
	s, err := open(b, intelRoot, then)
	if err != nil {
		t.Fatal(err)
	}
	p := policy(t).TDX
	if err := s.judge(p, [64]byte(s.body.GetReportData())); err != nil {
		t.Errorf("with a policy for its own image and its own data: %v", err)
	}
	if err := s.judge(p, field); !errors.Is(err, attest.ErrBinding) {
		t.Errorf("with our data: %v", err)
	}
	p.Images = p.Images[:1]
	if err := s.judge(p, field); !errors.Is(err, attest.ErrPlatform) {
		t.Errorf("with a policy for another image: %v", err)
	}
	if _, err := (Verifier{}).Verify(attest.Evidence{Body: b}, events, policy(t), data, then); !errors.Is(err, attest.ErrBinding) {
		t.Errorf("as a whole: %v", err)
	}
	if _, err := open(b, intelRoot, then.AddDate(20, 0, 0)); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("twenty years later: %v", err)
	}
}

// No single bit of a real quote or of its certificates can change.
func TestEveryBitCounts(t *testing.T) {
	good := recorded(t)
	step := 23
	if *long {
		step = 1
	}
	flips := 0
	for bit := 0; bit < 8*len(good); bit += step {
		b := bytes.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		flips++
		if _, err := open(b, intelRoot, then); err == nil {
			t.Errorf("accepted with bit %d of byte %#x flipped", bit%8, bit/8)
		}
	}
	if want := 8 * len(good) / step; flips < want {
		t.Errorf("%d bits were flipped, want %d", flips, want)
	}
}

// No quote that a stranger can write opens, and none makes the parser fail badly.
func FuzzOpen(f *testing.F) {
	good := recorded(f)
	f.Add(good[:700])
	i := newIntel(f)
	f.Add(i.assemble(i.parts()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := open(b, intelRoot, then); err == nil && !bytes.Equal(b, good) {
			t.Fatalf("opened %x", b)
		}
	})
}
