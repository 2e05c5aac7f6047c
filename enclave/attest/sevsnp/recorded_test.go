package sevsnp

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"testing"
	"time"

	"github.com/google/go-sev-guest/abi"
	"github.com/google/go-sev-guest/verify/testdata"
	"github.com/google/go-sev-guest/verify/trust"

	"volar/enclave/attest"
)

var long = flag.Bool("long", false, "flip every bit of a recorded report, not every 29th")

// recorded is a report that a real Milan chip signed, with the certificate
// that AMD gave for it. They come with go-sev-guest.
func recorded(t testing.TB) []byte {
	return encode(t, body{version, testdata.AttestationBytes[:abi.ReportSize], testdata.VcekBytes})
}

// then is a time at which the recorded certificate is valid.
var then = time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)

// The roots come with go-sev-guest, and are those of AMD's key distribution
// service (also in confidential-containers/trustee); a new version of the
// module cannot change them unseen.
func TestRoots(t *testing.T) {
	for line, want := range map[string]string{
		"Milan": "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd",
		"Genoa": "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1",
	} {
		got := sha256.Sum256(trust.DefaultRootCerts[line].ProductCerts.Ark.Raw)
		if hex.EncodeToString(got[:]) != want {
			t.Errorf("%s: root %x, want %s", line, got, want)
		}
	}
}

// What the recorded report is about is another's, and a guest in debug mode:
// its signature is good, and it is refused.
func TestRecorded(t *testing.T) {
	b := recorded(t)
	s, err := open(b, nil, then)
	if err != nil {
		t.Fatal(err)
	}
	if s.line != "Milan" {
		t.Errorf("line %q", s.line)
	}
	own := attest.SNP{Images: [][48]byte{[48]byte(s.report.GetMeasurement())}, TCB: []attest.SNPTCB{{Product: "Milan"}}, SMT: true}
	if _, err := (Verifier{}).Verify(attest.Evidence{Body: b}, events, attest.Policy{SNP: &own}, data, then); !errors.Is(err, attest.ErrDebug) {
		t.Errorf("with a policy for its own image: %v", err)
	}
	if err := s.judge(&own, [64]byte(s.report.GetReportData())); !errors.Is(err, attest.ErrDebug) {
		t.Errorf("with its own data as well: %v", err)
	}
	if _, err := open(b, nil, then.AddDate(-5, 0, 0)); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("before its certificate: %v", err)
	}
	// The other rules, on what a real chip wrote: the bit is cleared behind the signature check.
	const debug = 1 << 19
	s.report.Policy &^= debug
	if err := s.judge(&own, [64]byte(s.report.GetReportData())); err != nil {
		t.Errorf("without debug: %v", err)
	}
	if err := s.judge(&own, field); !errors.Is(err, attest.ErrBinding) {
		t.Errorf("with our data: %v", err)
	}
	if err := s.judge(policy().SNP, field); !errors.Is(err, attest.ErrOutdated) && !errors.Is(err, attest.ErrPlatform) {
		t.Errorf("with a policy for another machine: %v", err)
	}
}

// No single bit of a real report or of its certificate can change.
func TestEveryBitCounts(t *testing.T) {
	good := recorded(t)
	step := 29
	if *long {
		step = 1
	}
	flips := 0
	for bit := 0; bit < 8*len(good); bit += step {
		b := bytes.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		flips++
		if _, err := open(b, nil, then); err == nil {
			t.Errorf("accepted with bit %d flipped", bit)
		}
	}
	if want := 8 * len(good) / step; flips < want {
		t.Errorf("%d bits were flipped, want %d", flips, want)
	}
}

// No report that a stranger can write opens, and none makes the parser fail badly.
func FuzzOpen(f *testing.F) {
	good := recorded(f)
	f.Add(good[:100])
	a := newAMD(f)
	f.Add(a.sign(a.report()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := open(b, nil, then); err == nil && !bytes.Equal(b, good) {
			t.Fatalf("opened %x", b)
		}
	})
}
