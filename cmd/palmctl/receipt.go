package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"volar/enclave/attest"
	"volar/enclave/attest/nitro"
	"volar/enclave/attest/sevsnp"
	"volar/enclave/attest/simulated"
	"volar/enclave/attest/tdx"
	"volar/enclave/attest/tpm"
	"volar/enclave/receipt"
	"volar/wire"
	"volar/wire/signed"
)

// verifiers are the kinds of evidence that palmctl can check. Which of them
// count is for the policy to say.
var verifiers = []attest.Verifier{tpm.Verifier{}, nitro.Verifier{}, sevsnp.Verifier{}, tdx.Verifier{}, simulated.Verifier{}}

func newReceiptCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "receipt",
		Short: "Check receipts of deletions",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newReceiptVerifyCommand(), newReceiptExportCommand())
	return c
}

// trust is what a check rests on: the operator's key and the policy that it signed.
type trust struct {
	operator string
	policy   string
	at       string
}

func (t *trust) flags(c *cobra.Command) {
	c.Flags().StringVar(&t.operator, "operator", "", "public key of the tenant's operator, 64 hex `digits`")
	c.Flags().StringVar(&t.policy, "policy", "", "`file` with the policy that the operator signed")
	c.Flags().StringVar(&t.at, "at", "", "judge policy and certificates at this `time` (RFC 3339) instead of now")
	for _, name := range []string{"operator", "policy"} {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is declared above
		}
	}
}

// load reads and checks what the flags name.
func (t *trust) load() (operator [32]byte, p attest.Policy, now time.Time, err error) {
	if operator, err = hexKey("operator", t.operator); err != nil {
		return operator, p, now, err
	}
	b, err := readFile("policy", t.policy, attest.MaxPolicy)
	if err != nil {
		return operator, p, now, err
	}
	if p, err = attest.OpenPolicy(b, operator[:]); err != nil {
		return operator, p, now, usage(err, "the policy must be the one that this operator signed for the tenant")
	}
	now = time.Now()
	if t.at != "" {
		if now, err = time.Parse(time.RFC3339, t.at); err != nil {
			return operator, p, now, usage(fmt.Errorf("--at: %w", err), "for example 2026-11-22T10:00:00Z")
		}
	}
	return operator, p, now, nil
}

type receiptCheck struct {
	trust
	voucher string
	person  string
	absence string
}

func newReceiptVerifyCommand() *cobra.Command {
	o := receiptCheck{}
	c := &cobra.Command{
		Use:   "verify RECEIPT --voucher FILE --operator KEY --policy FILE",
		Short: "Check, offline, that a vault has destroyed somebody's record",
		Long: `verify checks a receipt with nothing but files: that the policy is the operator's, that a vault
which the policy accepts vouches for the key of the receipt, that this key signed the receipt, and
that the program which made the deletion is on the policy's list.

With --person it also checks whose receipt it is, with --absence that the tenant's tree of that
epoch lacks the person.

What a receipt proves is an order, by epochs of the vault's counter. Its time is the host's word.

Exit codes: 0 the receipt holds, 1 it does not, 2 wrong usage or files.`,
		Example: `  palmctl receipt verify 3f…9a.receipt --voucher 77…01.voucher --operator 8f…1f --policy acme.policy --person 00112233445566778899aabbccddeeff`,
		Args:    exactly(1, "the file with the receipt"),
		RunE:    func(c *cobra.Command, args []string) error { return o.run(c, args[0]) },
	}
	o.trust.flags(c)
	c.Flags().StringVar(&o.voucher, "voucher", "", "`file` with the voucher of the tenant's receipt key")
	c.Flags().StringVar(&o.person, "person", "", "pseudonym of the person, 32 hex `digits`")
	c.Flags().StringVar(&o.absence, "absence", "", "`file` with the proof of absence")
	if err := c.MarkFlagRequired("voucher"); err != nil {
		panic(err) // the flag is declared above
	}
	return c
}

// verdict is what verify says.
type verdict struct {
	Tenant      string `json:"tenant"`
	Handle      string `json:"handle"`
	Person      string `json:"person,omitempty"`
	Before      uint64 `json:"epoch_before"`
	After       uint64 `json:"epoch_after"`
	Root        string `json:"root"`
	Absent      bool   `json:"absence_proved"`
	Time        string `json:"time"`
	Clock       string `json:"clock"`
	Measurement string `json:"measurement"`
	Kind        string `json:"kind"`
	Notice      string `json:"notice,omitempty"`
}

func (o *receiptCheck) run(c *cobra.Command, path string) error {
	operator, policy, now, err := o.load()
	if err != nil {
		return err
	}
	signedReceipt, err := readFile("receipt", path, wire.MaxReceipt)
	if err != nil {
		return err
	}
	voucher, err := readFile("voucher", o.voucher, receipt.MaxVoucher)
	if err != nil {
		return err
	}
	checked, err := receipt.Check(signedReceipt, voucher, operator, policy, now, verifiers...)
	if err != nil {
		return hint(err, "%s", nextFor(err))
	}
	v := verdict{Tenant: policy.Tenant, Handle: hex.EncodeToString(checked.Handle[:]), Before: checked.Before, After: checked.After,
		Root: hex.EncodeToString(checked.Root[:]), Time: time.Unix(checked.Time, 0).UTC().Format(time.RFC3339),
		Clock: "the host's: nothing proves it", Measurement: hex.EncodeToString(checked.Measurement[:]),
		Kind: checked.Vault.Kind, Notice: checked.Vault.Notice}
	if err := o.checkPerson(&v, operator, checked); err != nil {
		return err
	}
	if err := o.checkAbsence(&v, checked); err != nil {
		return err
	}
	return show(c, v, v.text)
}

// nextFor is what to do about a receipt that does not hold.
func nextFor(err error) string {
	switch {
	case errors.Is(err, signed.ErrSignature):
		return "the receipt, or the policy, was changed, or the voucher is of another key: ask for each of them again"
	case errors.Is(err, receipt.ErrTenant):
		return "take the voucher, the operator's key and the policy of one and the same tenant"
	case errors.Is(err, attest.ErrMeasurement):
		return "the policy does not list this vault; take the policy that was in force at the deletion, with --at"
	}
	return "do not rely on this receipt; palmctl receipt export gets the host's copies"
}

func (o *receiptCheck) checkPerson(v *verdict, operator [32]byte, checked receipt.Checked) error {
	if o.person == "" {
		return nil
	}
	id, err := hex.DecodeString(o.person)
	if err != nil || len(id) != 16 {
		return usage(fmt.Errorf("--person: %q is not 32 hex digits", o.person), "give the pseudonym that the enrolment was answered with")
	}
	if receipt.Handle(v.Tenant, operator, [16]byte(id)) != checked.Handle {
		return hint(errors.New("the receipt is of somebody else"), "leave --person out to see what it says")
	}
	v.Person = o.person
	return nil
}

func (o *receiptCheck) checkAbsence(v *verdict, checked receipt.Checked) error {
	if o.absence == "" {
		return nil
	}
	b, err := readFile("proof of absence", o.absence, receipt.MaxProof)
	if err != nil {
		return err
	}
	p, err := receipt.ParseProof(b)
	if err == nil {
		err = p.Absent(checked.Root, checked.Handle)
	}
	if err != nil {
		return hint(err, "the proof must be the one that was made with this receipt")
	}
	v.Absent = true
	return nil
}

func (v verdict) text(w io.Writer) {
	fmt.Fprintf(w, "The receipt holds: tenant %s forgot %s.\n", v.Tenant, v.Handle)
	if v.Person != "" {
		fmt.Fprintf(w, "person       %s\n", v.Person)
	}
	fmt.Fprintf(w, "epochs       the key of %d is destroyed, %d is without the person\n", v.Before, v.After)
	fmt.Fprintf(w, "root         %s\n", v.Root)
	if v.Absent {
		fmt.Fprintf(w, "absence      proved under this root\n")
	}
	fmt.Fprintf(w, "time         %s (%s)\n", v.Time, v.Clock)
	fmt.Fprintf(w, "vault        %s, on %s\n", v.Measurement, v.Kind)
	if v.Notice != "" {
		fmt.Fprintf(w, "note         %s\n", v.Notice)
	}
}

// exactly asks for n arguments.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return usage(fmt.Errorf("%d arguments, want %d", len(args), n), "give %s; see '%s --help'", what, c.CommandPath())
		}
		return nil
	}
}
