package nitro

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"volar/enclave/attest"
)

// Verifier checks documents of Nitro enclaves. The zero Verifier trusts AWS.
type Verifier struct {
	Root *x509.Certificate // instead of AWS's, for tests
}

var _ attest.Verifier = Verifier{}

// Kind implements attest.Verifier.
func (Verifier) Kind() string { return attest.KindNitro }

// Verify implements attest.Verifier: signature and chain at the document's
// time, no debug mode, that time against now, then an accepted image and the
// vault's own data.
func (v Verifier) Verify(e attest.Evidence, events attest.Events, p attest.Policy, reportData [64]byte, now time.Time) (notice string, err error) {
	root := v.Root
	if root == nil {
		root = awsRoot
	}
	d, err := open(e.Body, root)
	if err == nil {
		err = d.judge(events, p.Nitro, reportData, now)
	}
	if err != nil {
		return "", fmt.Errorf("nitro: verify: %w", err)
	}
	return "", nil
}

// judge holds a genuine document against a policy.
func (d *document) judge(events attest.Events, p *attest.Nitro, reportData [64]byte, now time.Time) error {
	if p == nil {
		return fmt.Errorf("%w: nitro", attest.ErrKind)
	}
	image, err := d.image()
	if err != nil {
		return err
	}
	if age := now.Sub(d.time()); age.Abs() > attest.MaxAge {
		return fmt.Errorf("%w: %v old", attest.ErrStale, age.Round(time.Second))
	}
	if !slices.Contains(p.Images, image) {
		return fmt.Errorf("%w: PCR0 %x", attest.ErrPlatform, image.PCR0[:8])
	}
	want := attest.Bound(reportData, events.Register())
	if !bytes.Equal(d.UserData, want[:]) || len(d.PublicKey) > 0 || len(d.Nonce) > 0 {
		return attest.ErrBinding
	}
	return nil
}

// image is what was loaded. An enclave in debug mode, whose console and
// memory its host can read, has zeros here and is signed all the same.
func (d *document) image() (i attest.NitroImage, err error) {
	for n, to := range []*[pcrSize]byte{&i.PCR0, &i.PCR1, &i.PCR2} {
		v, ok := d.PCRs[uint64(n)]
		if !ok {
			return i, fmt.Errorf("%w: no PCR%d", attest.ErrMalformed, n)
		}
		if *to = [pcrSize]byte(v); *to == [pcrSize]byte{} {
			return i, fmt.Errorf("%w: PCR%d is zero", attest.ErrDebug, n)
		}
	}
	return i, nil
}
