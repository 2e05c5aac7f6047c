package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"volar/enclave/attest"
)

const maxPolicyFile = 64 << 10

func newPolicyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "policy",
		Short: "Say which vaults a tenant's devices accept",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newPolicyMakeCommand(), newPolicyShowCommand(), newPolicyVerifyCommand())
	return c
}

func newPolicyMakeCommand() *cobra.Command {
	var key, out string
	c := &cobra.Command{
		Use:   "make POLICY.toml --key FILE --out FILE",
		Short: "Sign a policy",
		Long: `make reads a policy in TOML and signs it with the operator's key.

  tenant = "acme"
  version = 3                        # 1 and up; devices refuse one that is older than they have seen
  floor = 5                          # the least release; never lower than in an older version
  not_before = 2026-11-22T00:00:00Z
  not_after = 2027-02-20T00:00:00Z
  [[vaults]]
  measurement = "…"                  # 64 hex digits, as palmctl measure prints them
  release = 5
  [tpm]                              # a kind of machine that has no section is refused
  certifiers = ["…"]                 # or keys = ["…"]
  boot = ["…"]

The sections nitro, sev-snp, tdx and simulated, and generation and development, are explained in
enclave/attest/README.md.`,
		Args: exactly(1, "the file with the policy in TOML"),
		RunE: func(c *cobra.Command, args []string) error { return makePolicy(c, args[0], key, out) },
	}
	c.Flags().StringVar(&key, "key", "", "`file` with the operator's private key: Ed25519, PKCS #8, PEM")
	c.Flags().StringVar(&out, "out", "", "`file` to write; must not exist")
	for _, name := range []string{"key", "out"} {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is declared above
		}
	}
	return c
}

func makePolicy(c *cobra.Command, path, keyPath, out string) error {
	b, err := readFile("policy", path, maxPolicyFile)
	if err != nil {
		return err
	}
	p, err := parsePolicyFile(b)
	if err != nil {
		return usage(fmt.Errorf("policy: %s: %w", path, err), "see 'palmctl policy make --help' for the form")
	}
	key, err := operatorKey(keyPath)
	if err != nil {
		return err
	}
	if b, err = attest.SignPolicy(p, key); err != nil {
		return err
	}
	if err := writeFile(out, b, 0o644); err != nil {
		return err
	}
	operator := hex.EncodeToString(key.Public().(ed25519.PublicKey))
	made := struct {
		File     string `json:"file"`
		Operator string `json:"operator"`
		Tenant   string `json:"tenant"`
		Version  uint64 `json:"version"`
	}{out, operator, p.Tenant, p.Version}
	return show(c, made, func(w io.Writer) {
		fmt.Fprintf(w, "%s: policy %d of tenant %s, accepts %s\nA unit's configuration names it: operator = %q, policy = %q\n",
			out, p.Version, p.Tenant, strings.Join(p.Kinds(), ", "), operator, out)
	})
}

func newPolicyShowCommand() *cobra.Command {
	var operator string
	c := &cobra.Command{
		Use:   "show FILE --operator KEY",
		Short: "Check a policy's signature and show it, in the form that make reads",
		Args:  exactly(1, "the file with the signed policy"),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := openPolicy(args[0], operator)
			if err != nil {
				return err
			}
			f := formOf(p)
			return show(c, f, f.text)
		},
	}
	operatorFlag(c, &operator)
	return c
}

func operatorFlag(c *cobra.Command, operator *string) {
	c.Flags().StringVar(operator, "operator", "", "public key of the tenant's operator, 64 hex `digits`")
	if err := c.MarkFlagRequired("operator"); err != nil {
		panic(err) // the flag is declared above
	}
}

// openPolicy reads a signed policy; an error says why a device would refuse it.
func openPolicy(path, operator string) (attest.Policy, error) {
	key, err := hexKey("operator", operator)
	if err != nil {
		return attest.Policy{}, err
	}
	b, err := readFile("policy", path, attest.MaxPolicy)
	if err != nil {
		return attest.Policy{}, err
	}
	p, err := attest.OpenPolicy(b, key[:])
	if r, ok := attest.Why(err); ok {
		return p, hint(err, "%s %s", r.Text, r.Hint)
	}
	return p, err
}

func newPolicyVerifyCommand() *cobra.Command {
	var operator, at, after string
	c := &cobra.Command{
		Use:   "verify FILE --operator KEY",
		Short: "Tell whether devices would use a policy now",
		Long: `verify checks a policy as a device does: signature, form and time; with --after also that a
device which has used an older policy goes on with this one.

Exit codes: 0 devices use it, 1 they refuse it, 2 wrong usage or files.`,
		Args: exactly(1, "the file with the signed policy"),
		RunE: func(c *cobra.Command, args []string) error { return verifyPolicy(c, args[0], operator, at, after) },
	}
	operatorFlag(c, &operator)
	c.Flags().StringVar(&at, "at", "", "judge the policy at this `time` (RFC 3339) instead of now")
	c.Flags().StringVar(&after, "after", "", "`file` with the policy that devices use so far")
	return c
}

func verifyPolicy(c *cobra.Command, path, operator, at, after string) error {
	p, err := openPolicy(path, operator)
	if err != nil {
		return err
	}
	now := time.Now()
	if at != "" {
		if now, err = time.Parse(time.RFC3339, at); err != nil {
			return usage(fmt.Errorf("--at: %w", err), "for example 2026-11-22T10:00:00Z")
		}
	}
	var seen attest.Seen
	if after != "" {
		old, err := openPolicy(after, operator)
		if err != nil {
			return err
		}
		seen = attest.Seen{Version: old.Version, Floor: old.Floor, Generation: old.Generation}
	}
	if err := p.Usable(seen, now); err != nil {
		r, _ := attest.Why(err)
		return hint(err, "%s %s", r.Text, r.Hint)
	}
	type answer struct {
		Usable   bool      `json:"usable"`
		Tenant   string    `json:"tenant"`
		Version  uint64    `json:"version"`
		NotAfter time.Time `json:"not_after"`
		Kinds    []string  `json:"kinds"`
	}
	a := answer{true, p.Tenant, p.Version, time.Unix(p.NotAfter, 0).UTC(), p.Kinds()}
	return show(c, a, func(w io.Writer) {
		fmt.Fprintf(w, "Devices of tenant %s use policy %d until %s; it accepts %s.\n", a.Tenant, a.Version, a.NotAfter.Format(time.RFC3339), strings.Join(a.Kinds, ", "))
	})
}
