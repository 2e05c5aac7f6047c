package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"volar/enclave/attest/tpm"
	"volar/enclave/attest/tpm/chip"
)

const (
	maxRoots  = 1 << 20
	maxAnswer = 64 << 10
	maxDays   = 3650
)

// certify is what the flags of its command say.
type certify struct {
	key, roots, release, out string
	days                     int
}

func newPlatformCertifyCommand() *cobra.Command {
	var o certify
	c := &cobra.Command{
		Use:   "certify --key FILE --roots FILE --release KEY --out FILE -- COMMAND...",
		Short: "Certify the attestation key of a machine whose TPM a maker certified",
		Long: `certify speaks with 'palmlaunch -activate' on the machine, which COMMAND starts, for example

  palmctl platform certify --key operator.pem --roots makers.pem --release 8f… --out ak-certificate \
      -- ssh machine palmlaunch -state /var/lib/volar -activate

It checks that one of the makers in --roots (PEM) certified the TPM's endorsement key, sends a secret that
only this TPM can open and only while it holds the machine's attestation key (credential activation), and
when the secret comes back signs that key's certificate with the operator's key. The certificate goes into
the machine's state folder as ak-certificate; devices accept it where their policy lists the operator's
key under [tpm] certifiers. --release is the release key that the machine's secrets must be sealed to.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(errors.New("no command that reaches the machine"), "give it after --, see '%s --help'", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	c.Flags().StringVar(&o.key, "key", "", "`file` with the operator's private key: Ed25519, PKCS #8, PEM")
	c.Flags().StringVar(&o.roots, "roots", "", "`file` with the certificates of TPM makers, PEM")
	c.Flags().StringVar(&o.release, "release", "", "public release `key`, 128 hex digits, as approve prints it")
	c.Flags().StringVar(&o.out, "out", "", "`file` to write; must not exist")
	c.Flags().IntVar(&o.days, "days", 365, "how many `days` it holds")
	required(c, "key", "roots", "release", "out")
	return c
}

func (o certify) run(c *cobra.Command, command []string) error {
	key, err := operatorKey(o.key)
	if err != nil {
		return err
	}
	release, err := hex.DecodeString(o.release)
	if err != nil || len(release) != len(tpm.PublicKey{}) {
		return usage(fmt.Errorf("release key: %q is not 128 hex digits", o.release), "palmctl platform approve prints it")
	}
	if o.days < 1 || o.days > maxDays {
		return usage(fmt.Errorf("--days %d, 1 to %d", o.days, maxDays), "a certificate is renewed by certifying again")
	}
	roots, others, err := readRoots(o.roots)
	if err != nil {
		return err
	}
	m, err := visit(c.Context(), command, c.ErrOrStderr(), roots, others, tpm.PublicKey(release))
	if err != nil {
		return err
	}
	now := time.Now()
	certificate, err := tpm.Certify(key, tpm.Certificate{Key: m.key, Endorsement: m.endorsement,
		NotBefore: now.Add(-time.Hour).Unix(), NotAfter: now.AddDate(0, 0, o.days).Unix()})
	if err == nil {
		err = writeFile(o.out, certificate, 0o644)
	}
	if err != nil {
		return err
	}
	made := struct {
		File      string `json:"file"`
		Key       string `json:"key"`
		Certifier string `json:"certifier"`
		NotAfter  string `json:"not_after"`
	}{o.out, hex.EncodeToString(m.key[:]), hex.EncodeToString(key.Public().(ed25519.PublicKey)), now.AddDate(0, 0, o.days).UTC().Format(time.RFC3339)}
	return show(c, made, func(w io.Writer) {
		fmt.Fprintf(w, "%s: attestation key %s, until %s\nPut it into the machine's state folder as ak-certificate. A policy accepts it with certifiers = [%q]\n",
			made.File, made.Key, made.NotAfter, made.Certifier)
	})
}

// readRoots reads makers' certificates: those that sign themselves are roots,
// the others lead to one.
func readRoots(path string) (roots, others *x509.CertPool, err error) {
	b, err := readFile("makers' certificates", path, maxRoots)
	if err != nil {
		return nil, nil, err
	}
	roots, others = x509.NewCertPool(), x509.NewCertPool()
	found := false
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, usage(fmt.Errorf("makers' certificates: %s: %w", path, err), "give certificates in PEM, as the TPM's maker publishes them")
		}
		if bytes.Equal(cert.RawIssuer, cert.RawSubject) {
			roots.AddCert(cert)
			found = true
		} else {
			others.AddCert(cert)
		}
	}
	if !found {
		return nil, nil, usage(fmt.Errorf("makers' certificates: %s has no root", path), "give certificates in PEM, as the TPM's maker publishes them")
	}
	return roots, others, nil
}

// machine is what a visit found.
type machine struct {
	key, endorsement [32]byte // SHA-256 of the key's public area, and of the TPM's certificate
}

// visit talks with palmlaunch -activate: one line of JSON each way at a time.
func visit(ctx context.Context, command []string, log io.Writer, roots, others *x509.CertPool, release tpm.PublicKey) (machine, error) {
	const next = "run the command by hand: it must print one line of JSON and wait"
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = log
	in, err := cmd.StdinPipe()
	if err != nil {
		return machine{}, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return machine{}, err
	}
	if err := cmd.Start(); err != nil {
		return machine{}, usage(fmt.Errorf("reach the machine: %w", err), next)
	}
	m, err := converse(in, bufio.NewReader(io.LimitReader(out, maxAnswer)), roots, others, release)
	in.Close()
	if err != nil {
		_ = cmd.Process.Kill() // it may wait for more
	}
	if ended := cmd.Wait(); err == nil {
		err = ended
	}
	if err != nil {
		return machine{}, hint(fmt.Errorf("certify: %w", err), next)
	}
	return m, nil
}

func converse(in io.Writer, out *bufio.Reader, roots, others *x509.CertPool, release tpm.PublicKey) (m machine, err error) {
	var who struct{ Key, Release, Endorsement []byte }
	if err := readLine(out, &who); err != nil {
		return m, err
	}
	if len(who.Key) != len(tpm.PublicKey{}) || !bytes.Equal(who.Release, release[:]) {
		return m, errors.New("the machine's secrets are sealed to another release key")
	}
	endorsement, err := chip.CheckEndorsement(who.Endorsement, roots, others, time.Now())
	if err != nil {
		return m, err
	}
	key := tpm.PublicKey(who.Key)
	c, err := chip.NewChallenge(endorsement, key, release)
	if err != nil {
		return m, err
	}
	if err := json.NewEncoder(in).Encode(struct {
		Credential []byte `json:"credential"`
		Secret     []byte `json:"secret"`
	}{c.Credential, c.Secret}); err != nil {
		return m, err
	}
	var said struct{ Answer []byte }
	if err := readLine(out, &said); err != nil {
		return m, err
	}
	if err := c.Check(said.Answer); err != nil {
		return m, err
	}
	return machine{key.Attestation(release).Name().Hash(), sha256.Sum256(who.Endorsement)}, nil
}

func readLine(r *bufio.Reader, v any) error {
	line, err := r.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the machine says no more: %w", err)
	}
	return json.Unmarshal(line, v)
}
