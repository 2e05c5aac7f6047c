package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"volar/enclave/recovery"
)

func newRecoveryCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "recovery",
		Short: "Shares of a recovery key: make them, try them, restore with them",
		Long: `A gallery opens on one platform alone. recovery is for the day on which that platform is dead.

make draws a tenant's recovery key, which exists only as shares: SHARES of them, of which any
THRESHOLD give it back. combine tries shares without using them. restore hands the gallery in a
copy of the store to the vault of another platform, once that vault has proved what it is.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newRecoveryMakeCommand(), newRecoveryCombineCommand(), newRecoveryRestoreCommand())
	return c
}

type recoveryMake struct {
	tenant     string
	operator   string
	generation uint64
	threshold  int
	shares     int
	out        string
}

func newRecoveryMakeCommand() *cobra.Command {
	o := recoveryMake{}
	c := &cobra.Command{
		Use:   "make --tenant NAME --operator-key FILE --out FOLDER",
		Short: "Draw a tenant's recovery key and split it into shares",
		Long: `make writes one file for each share holder (share-1.pem, ...) and the public key, signed by the
tenant's operator (recovery.key), which goes into the vault's configuration as it stands there:

  [[tenants]]
  recovery = "..."

Run it on a machine that you trust and that has no network; give each holder one file, on paper or
on a stick, and delete the files. The key itself is never written.

A vault that has seen a generation takes no lower one. Raise it when a holder leaves, after a
recovery, and as often as deleted people should be out of reach of old backups: then have the
holders destroy the shares of the generation before.`,
		Example: `  palmctl recovery make --tenant acme --operator-key operator.pem --threshold 3 --shares 5 --out shares`,
		Args:    exactly(0, "flags only"),
		RunE:    func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	c.Flags().StringVar(&o.tenant, "tenant", "", "`name` of the tenant")
	c.Flags().StringVar(&o.operator, "operator-key", "", "private key of the tenant's operator: Ed25519, PKCS #8, PEM `file`")
	c.Flags().Uint64Var(&o.generation, "generation", 1, "`number` of the key; more than that of the key before")
	c.Flags().IntVar(&o.threshold, "threshold", 3, "how many shares it takes, 2 and up")
	c.Flags().IntVar(&o.shares, "shares", 5, "how many shares there are, up to 32")
	c.Flags().StringVar(&o.out, "out", "", "new `folder` for the files")
	for _, name := range []string{"tenant", "operator-key", "out"} {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is declared above
		}
	}
	return c
}

func (o *recoveryMake) run(c *cobra.Command) error {
	operator, err := operatorKey(o.operator)
	if err != nil {
		return err
	}
	defer clear(operator)
	key, shares, err := recovery.Make(o.tenant, o.generation, o.threshold, o.shares)
	if err != nil {
		return usage(err, "for example --threshold 3 --shares 5")
	}
	signed, err := recovery.SignKey(key, operator)
	if err != nil {
		return err
	}
	if err := newFolder(o.out); err != nil {
		return err
	}
	for _, s := range shares {
		text, err := s.Text()
		s.Wipe()
		if err != nil {
			return err
		}
		err = writeFile(filepath.Join(o.out, fmt.Sprintf("share-%d.pem", s.Number())), text, 0o600)
		clear(text)
		if err != nil {
			return err
		}
	}
	line := base64.StdEncoding.EncodeToString(signed)
	if err := writeFile(filepath.Join(o.out, "recovery.key"), []byte(line+"\n"), 0o644); err != nil {
		return err
	}
	result := struct {
		Folder     string `json:"folder"`
		Generation uint64 `json:"generation"`
		Threshold  int    `json:"threshold"`
		Shares     int    `json:"shares"`
		Recovery   string `json:"recovery"`
	}{o.out, o.generation, o.threshold, o.shares, line}
	return show(c, result, func(w io.Writer) {
		fmt.Fprintf(w, "%d shares are in %s; any %d of them restore the gallery of %s.\n", o.shares, o.out, o.threshold, o.tenant)
		fmt.Fprintf(w, "Give one to each holder, delete the files, and put the line of recovery.key into the vault's configuration.\n")
	})
}

// readShares reads and combines the holders' files.
func readShares(paths []string) (recovery.Share, recovery.Secret, error) {
	var shares []recovery.Share
	defer func() {
		for _, s := range shares {
			s.Wipe()
		}
	}()
	for _, path := range paths {
		text, err := readFile("share", path, recovery.MaxShareText)
		if err != nil {
			return recovery.Share{}, recovery.Secret{}, err
		}
		s, err := recovery.ParseShare(text)
		clear(text)
		if err != nil {
			return recovery.Share{}, recovery.Secret{}, usage(fmt.Errorf("%s: %w", path, err), "give the files that palmctl recovery make wrote")
		}
		shares = append(shares, s)
	}
	secret, err := recovery.Combine(shares)
	if err != nil {
		return recovery.Share{}, recovery.Secret{}, hint(err, "it takes the threshold's number of different shares of one and the same key")
	}
	about := shares[0]
	return recovery.Share{Tenant: about.Tenant, Generation: about.Generation, Threshold: about.Threshold, Shares: about.Shares}, secret, nil
}

func newRecoveryCombineCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "combine SHARE...",
		Short: "Try whether shares give the recovery key, without using it",
		Long: `combine puts shares together, compares what comes out with the key that they name, and forgets it.
Use it for drills. It writes nothing and prints no secret.`,
		Example: `  palmctl recovery combine share-1.pem share-3.pem share-4.pem`,
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(fmt.Errorf("no shares are given"), "see '%s --help'", c.CommandPath())
			}
			about, _, err := readShares(args)
			if err != nil {
				return err
			}
			result := struct {
				Tenant     string `json:"tenant"`
				Generation uint64 `json:"generation"`
				Threshold  uint8  `json:"threshold"`
				Shares     uint8  `json:"shares"`
			}{about.Tenant, about.Generation, about.Threshold, about.Shares}
			return show(c, result, func(w io.Writer) {
				fmt.Fprintf(w, "These %d shares give the recovery key of %s, generation %d.\n", len(args), about.Tenant, about.Generation)
			})
		},
	}
}
