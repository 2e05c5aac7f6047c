package main

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"volar/enclave/attest/tpm"
	"volar/enclave/attest/tpm/firmware"
)

func newPlatformCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "platform",
		Short: "Approve vaults for machines with a TPM, and certify such machines",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newPlatformApproveCommand(), newPlatformCertifyCommand(), newPlatformBootCommand())
	return c
}

const maxFacts = 16 << 10

// facts are what palmlaunch -print says of a machine with a TPM.
type facts struct {
	Measurement [32]byte
	Boot        tpm.Boot
}

// readFacts reads what palmlaunch -print wrote.
func readFacts(path string) (f facts, err error) {
	const next = "give what 'palmlaunch -vault PROGRAM -state DIR -print' wrote on the machine"
	b, err := readFile("facts", path, maxFacts)
	if err != nil {
		return f, err
	}
	var said struct {
		Platform, Measurement string
		Boot                  []string
	}
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&said); err != nil {
		return f, usage(fmt.Errorf("facts: %s: %w", path, err), next)
	}
	if said.Platform != "tpm" || len(said.Boot) != len(f.Boot) {
		return f, usage(fmt.Errorf("facts: %s: platform %q with %d boot registers, want tpm with %d", path, said.Platform, len(said.Boot), len(f.Boot)), next)
	}
	for i, s := range append([]string{said.Measurement}, said.Boot...) {
		b, err := hex.DecodeString(s)
		if err != nil || len(b) != 32 {
			return f, usage(fmt.Errorf("facts: %s: %q is not 64 hex digits", path, s), next)
		}
		if i == 0 {
			f.Measurement = [32]byte(b)
		} else {
			f.Boot[i-1] = [32]byte(b)
		}
	}
	return f, nil
}

func newPlatformApproveCommand() *cobra.Command {
	var key, out string
	c := &cobra.Command{
		Use:   "approve FACTS --key FILE --out FILE",
		Short: "Sign with the release key that machines open their galleries to a vault",
		Long: `approve signs the vault program and what must have been booted under it (PCR 4, 8 and 9), as
'palmlaunch -print' says them on a machine that runs the release. A TPM opens what older vaults of
the same release key sealed to an approved vault only: this is how a release is installed, and
whoever has the release key can make a program that reads galleries.`,
		Args: exactly(1, "what palmlaunch -print wrote"),
		RunE: func(c *cobra.Command, args []string) error { return approvePlatform(c, args[0], key, out) },
	}
	c.Flags().StringVar(&key, "key", "", "`file` with the release key: P-256, PKCS #8, PEM")
	c.Flags().StringVar(&out, "out", "", "`file` to write; must not exist")
	required(c, "key", "out")
	return c
}

// required marks flags that the caller has declared.
func required(c *cobra.Command, names ...string) {
	for _, name := range names {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // the caller declared it
		}
	}
}

func approvePlatform(c *cobra.Command, path, keyPath, out string) error {
	f, err := readFacts(path)
	if err != nil {
		return err
	}
	key, err := releaseKey(keyPath)
	if err != nil {
		return err
	}
	a, err := tpm.Approve(key, f.Measurement, f.Boot.Programs())
	if err != nil {
		return err
	}
	b, err := a.Marshal()
	if err == nil {
		err = writeFile(out, b, 0o644)
	}
	if err != nil {
		return err
	}
	made := struct {
		File        string `json:"file"`
		Measurement string `json:"measurement"`
		Release     string `json:"release"`
	}{out, hex.EncodeToString(f.Measurement[:]), hex.EncodeToString(a.Release[:])}
	return show(c, made, func(w io.Writer) {
		fmt.Fprintf(w, "%s: approves vault %s\nby the release key %s\n", out, made.Measurement, made.Release)
		if !f.Boot.Measured() {
			fmt.Fprintln(w, "The machine measured nothing of its boot, so the approval holds on any that does not either: for development.")
		}
	})
}

// releaseKey reads a release key.
func releaseKey(path string) (*ecdsa.PrivateKey, error) {
	const next = "make one with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out release.pem"
	key, err := privateKey[*ecdsa.PrivateKey]("release key", path, "P-256", next)
	if err != nil {
		return nil, err
	}
	if _, err := tpm.KeyOf(&key.PublicKey); err != nil {
		return nil, usage(fmt.Errorf("release key: %s: %w", path, err), next)
	}
	return key, nil
}

func newPlatformBootCommand() *cobra.Command {
	var log string
	c := &cobra.Command{
		Use:   "boot FACTS [--log FILE]",
		Short: "Say what a policy lists for how a machine boots, and what that was",
		Long: `boot prints the digest that stands under [tpm] boot in a policy: SHA-256 of PCR 0 to 9. With the
firmware's event log of the same start, /sys/kernel/security/tpm0/binary_bios_measurements, it
replays the log, refuses one that does not give the machine's registers, and lists its events.

Only digests are covered by the registers: what an event calls itself is the firmware's word.`,
		Args: exactly(1, "what palmlaunch -print wrote"),
		RunE: func(c *cobra.Command, args []string) error { return showBoot(c, args[0], log) },
	}
	c.Flags().StringVar(&log, "log", "", "`file` with the firmware's event log")
	return c
}

func showBoot(c *cobra.Command, path, logPath string) error {
	f, err := readFacts(path)
	if err != nil {
		return err
	}
	digest := f.Boot.Digest()
	type event struct {
		PCR    int    `json:"pcr"`
		Type   string `json:"type"`
		Digest string `json:"digest"`
	}
	said := struct {
		Boot     string  `json:"boot"`
		Measured bool    `json:"measured"`
		Events   []event `json:"events,omitempty"`
	}{Boot: hex.EncodeToString(digest[:]), Measured: f.Boot.Measured()}
	if logPath != "" {
		b, err := readFile("event log", logPath, firmware.MaxLog)
		if err != nil {
			return err
		}
		events, err := firmware.Replay(b, f.Boot)
		if err != nil {
			return hint(err, "take the log and the facts from the same start of the same machine")
		}
		for _, e := range events {
			said.Events = append(said.Events, event{e.PCR, e.Type, hex.EncodeToString(e.Digest[:])})
		}
	}
	return show(c, said, func(w io.Writer) {
		fmt.Fprintf(w, "boot = [%q]\n", said.Boot)
		for _, e := range said.Events {
			fmt.Fprintf(w, "PCR %d  %s  %s\n", e.PCR, e.Digest, e.Type)
		}
		if !said.Measured {
			fmt.Fprintln(w, "The machine measured nothing of its boot: for development.")
		}
	})
}
