package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"volar/enclave/attest"
	"volar/enclave/host/store"
	"volar/enclave/receipt"
	"volar/enclave/recovery"
	"volar/wire"
)

type recoveryRestore struct {
	trust
	db       string
	receipts string
}

func newRecoveryRestoreCommand() *cobra.Command {
	o := recoveryRestore{}
	c := &cobra.Command{
		Use:   "restore --db FILE --operator KEY --policy FILE [--receipts FOLDER] SHARE...",
		Short: "Hand a gallery to the vault of another platform",
		Long: `restore is the holders' part of a recovery. In all:

 1. Copy the store (palmhost's -db) to the new machine. Put "restore = true" into its vault's
    configuration and start palmhost: the vault finds a gallery that another platform sealed, writes
    a request into the store, and ends. Stop palmhost.
 2. Run restore with the shares, on a machine that the holders trust. It checks that the request is
    of a vault that the policy accepts, and seals the way to the records to that vault. Templates are
    not read: the holders hand over keys, and only to that vault.
 3. Start palmhost again: the vault takes the gallery over. Take "restore = true" out.

Everybody for whom a receipt of deletion is found, in the store or in --receipts, is left out: give
all the receipts that you have, because a store that is older than a deletion still holds the record.

Exit codes: 0 granted, 1 refused, 2 wrong usage or files.`,
		Example: `  palmctl recovery restore --db blobs.sqlite --operator 8f…1f --policy acme.policy --receipts receipts share-1.pem share-2.pem share-5.pem`,
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(errors.New("no shares are given"), "see '%s --help'", c.CommandPath())
			}
			return o.run(c, args)
		},
	}
	o.trust.flags(c)
	c.Flags().StringVar(&o.db, "db", "", "the copy of the host's store, a `file`")
	c.Flags().StringVar(&o.receipts, "receipts", "", "`folder` with receipts and vouchers, as palmctl receipt export writes them")
	if err := c.MarkFlagRequired("db"); err != nil {
		panic(err) // the flag is declared above
	}
	return c
}

// granted is what restore says.
type granted struct {
	Tenant    string `json:"tenant"`
	Epoch     uint64 `json:"epoch"`
	People    uint64 `json:"people"`
	Root      string `json:"root"`
	Forgotten int    `json:"receipts"`
	Newer     int    `json:"receipts_newer_than_the_store"`
	Doubtful  int    `json:"receipts_in_the_store_not_believed"`
	Vault     string `json:"vault"`
	Kind      string `json:"kind"`
	Notice    string `json:"notice,omitempty"`
}

func (o *recoveryRestore) run(c *cobra.Command, shares []string) (err error) {
	operator, policy, now, err := o.load()
	if err != nil {
		return err
	}
	about, secret, err := readShares(shares)
	if err != nil {
		return err
	}
	if about.Tenant != policy.Tenant {
		return usage(fmt.Errorf("the shares are of tenant %s, the policy of %s", about.Tenant, policy.Tenant), "take shares and policy of one tenant")
	}
	s, err := openStore(c.Context(), o.db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	request, claims, err := o.request(c.Context(), s, policy, now)
	if err != nil {
		return err
	}
	escrow, err := newest(c.Context(), s, secret, policy.Tenant)
	if err != nil {
		return err
	}
	defer escrow.Wipe()
	if escrow.Operator != operator {
		return hint(errors.New("the gallery belongs to another operator"), "the store is of another tenant with the same name")
	}
	forget, newer, doubtful, err := o.deletions(c.Context(), s, escrow.Epoch, checker{operator, policy, now})
	if err != nil {
		return err
	}
	sealed, err := recovery.Grant{Escrow: escrow, Forget: forget}.Seal(request.Import)
	if err != nil {
		return err
	}
	if err := s.Apply(c.Context(), []wire.Blob{{Key: recovery.GrantName(policy.Tenant), Value: sealed}}, nil); err != nil {
		return err
	}
	g := granted{policy.Tenant, escrow.Epoch, escrow.People, hex.EncodeToString(escrow.Root[:]), len(forget), newer, doubtful,
		hex.EncodeToString(claims.Measurement[:]), claims.Kind, claims.Notice}
	return show(c, g, g.text)
}

// request is what the new vault asked for, if it is one that the policy accepts.
func (o *recoveryRestore) request(ctx context.Context, s *store.Store, p attest.Policy, now time.Time) (recovery.Request, attest.Claims, error) {
	const next = "start palmhost with restore = true in the vault's configuration, then stop it"
	b, found, err := s.Get(ctx, recovery.RequestName(p.Tenant))
	if err != nil {
		return recovery.Request{}, attest.Claims{}, err
	}
	if !found {
		return recovery.Request{}, attest.Claims{}, hint(errors.New("no vault has asked for this gallery"), next)
	}
	r, err := recovery.ParseRequest(b)
	if err != nil {
		return recovery.Request{}, attest.Claims{}, hint(err, next)
	}
	claims, err := attest.VerifyKey(r.Evidence, p, attest.UseRestore, r.Import, now, verifiers...)
	if err != nil {
		return recovery.Request{}, attest.Claims{}, hint(err, "the gallery is handed to no vault that the policy does not accept; sign a policy that lists the new platform")
	}
	return r, claims, nil
}

// newest is the escrow of the latest epoch in the store that the secret opens.
func newest(ctx context.Context, s *store.Store, secret recovery.Secret, tenant string) (latest recovery.Escrow, err error) {
	last := errors.New("the store holds no escrow")
	err = each(ctx, s, recovery.Prefix, func(_ string, value []byte) error {
		e, err := secret.Unlock(value, tenant)
		if err != nil {
			last = err
			return nil // of another generation, or damaged: another epoch may open
		}
		if e.Epoch > latest.Epoch {
			latest.Wipe()
			latest = e
		}
		return nil
	})
	if err == nil && latest.Epoch == 0 {
		err = hint(last, "the recovery key of these shares must have stood in the vault's configuration when the store was written")
	}
	return latest, err
}

// checker says whether a receipt holds.
type checker struct {
	operator [32]byte
	policy   attest.Policy
	now      time.Time
}

// check tries a receipt with every voucher.
func (k checker) check(signed []byte, vouchers [][]byte) (receipt.Checked, error) {
	err := errors.New("there is no voucher for it")
	for _, v := range vouchers {
		var r receipt.Checked
		if r, err = receipt.Check(signed, v, k.operator, k.policy, k.now, verifiers...); err == nil {
			return r, nil
		}
	}
	return receipt.Checked{}, err
}

// deletions lists everybody for whom there is a receipt. A pseudonym is never
// used twice, so whoever has one is to stay forgotten, whatever its epoch.
// Receipts of other tenants lie in the store too; what does not hold there is
// not believed, and counted.
func (o *recoveryRestore) deletions(ctx context.Context, s *store.Store, epoch uint64, k checker) (handles [][32]byte, newer, doubtful int, err error) {
	var vouchers, receipts [][]byte
	keep := func(list *[][]byte) func(string, []byte) error {
		return func(_ string, value []byte) error { *list = append(*list, value); return nil }
	}
	if err := errors.Join(each(ctx, s, "voucher/", keep(&vouchers)), each(ctx, s, "receipt/", keep(&receipts))); err != nil {
		return nil, 0, 0, err
	}
	own, err := folder(o.receipts, &vouchers)
	if err != nil {
		return nil, 0, 0, err
	}
	seen := map[[32]byte]bool{}
	note := func(r receipt.Checked) {
		if !seen[r.Handle] {
			seen[r.Handle] = true
			handles = append(handles, r.Handle)
			if r.After > epoch {
				newer++
			}
		}
	}
	for path, b := range own {
		r, err := k.check(b, vouchers)
		if err != nil {
			return nil, 0, 0, hint(fmt.Errorf("%s: %w", path, err), "remove receipts of other tenants from the folder, and add the vouchers of those that are there")
		}
		note(r)
	}
	for _, b := range receipts {
		if r, err := k.check(b, vouchers); err == nil {
			note(r)
		} else {
			doubtful++
		}
	}
	return handles, newer, doubtful, nil
}

// folder reads receipts, by path, and vouchers from a folder, or nothing from none.
func folder(dir string, vouchers *[][]byte) (map[string][]byte, error) {
	list := map[string][]byte{}
	if dir == "" {
		return list, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, usage(fmt.Errorf("--receipts: %w", err), "give the folder that palmctl receipt export wrote")
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case strings.HasSuffix(path, ".receipt"):
			b, err := readFile("receipt", path, wire.MaxReceipt)
			if err != nil {
				return nil, err
			}
			list[path] = b
		case strings.HasSuffix(path, ".voucher"):
			b, err := readFile("voucher", path, receipt.MaxVoucher)
			if err != nil {
				return nil, err
			}
			*vouchers = append(*vouchers, b)
		}
	}
	return list, nil
}

func (g granted) text(w io.Writer) {
	fmt.Fprintf(w, "Granted: the gallery of %s, epoch %d, %d people.\n", g.Tenant, g.Epoch, g.People)
	fmt.Fprintf(w, "root         %s\n", g.Root)
	fmt.Fprintf(w, "to vault     %s, on %s\n", g.Vault, g.Kind)
	fmt.Fprintf(w, "left out     whoever of %d receipts is in it; %d of these are newer than the store\n", g.Forgotten, g.Newer)
	if g.Doubtful > 0 {
		fmt.Fprintf(w, "note         %d receipts in the store are not believed: they are of other tenants, or of a vault that the policy does not list.\n", g.Doubtful)
		fmt.Fprintf(w, "             If the policy leaves the dead machine out, sign one that lists both, and run this again before palmhost starts.\n")
	}
	if g.Notice != "" {
		fmt.Fprintf(w, "note         %s\n", g.Notice)
	}
	fmt.Fprintf(w, "Start palmhost on the new machine; then make a new generation of the recovery key.\n")
}

// newFolder makes a folder that only its owner reads.
func newFolder(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return usage(fmt.Errorf("write: %w", err), "give a folder that does not exist yet, in one that does")
	}
	return nil
}
