package main

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"volar/wire/link"
	"volar/wire/prov"
)

func newTicketCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "ticket",
		Short: "Say which technician may do what to which unit, once",
		Long: `A unit does nothing over its serial port, beyond saying its status, without a ticket: the word of the
authority whose public key is in the unit's firmware. The authority signs on a computer without a network.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newTicketKeyCommand(), newTicketSignCommand(), newTicketShowCommand())
	return c
}

func newTicketKeyCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "key --out FILE",
		Short: "Make a technician's key and print its public half",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			k, err := ecdh.X25519().GenerateKey(rand.Reader)
			if err != nil {
				return err
			}
			der, err := x509.MarshalPKCS8PrivateKey(k)
			if err != nil {
				return err
			}
			if err := writeFile(out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
				return err
			}
			made := struct {
				File string `json:"file"`
				Key  string `json:"key"`
			}{out, hex.EncodeToString(k.PublicKey().Bytes())}
			return show(c, made, func(w io.Writer) {
				fmt.Fprintf(w, "%s: keep it on this computer. Its public half, for the authority:\n%s\n", out, made.Key)
			})
		},
	}
	c.Flags().StringVar(&out, "out", "", "`file` to write; must not exist")
	required(c, "out")
	return c
}

// technicianKey reads a technician's private key: of ecdh, only X25519 has a form of its own in PKCS #8.
func technicianKey(path string) (*link.Key, error) {
	key, err := privateKey[*ecdh.PrivateKey]("technician's key", path, "X25519", "make one with: palmctl ticket key --out technician.pem")
	if err != nil {
		return nil, err
	}
	return link.NewKey([32]byte(key.Bytes()))
}

// ticketFlags are what a ticket says.
type ticketFlags struct {
	authority, out, unit, technician, key, tenant, operator string
	rights                                                  []string
	days                                                    int
}

func newTicketSignCommand() *cobra.Command {
	var o ticketFlags
	c := &cobra.Command{
		Use:   "sign --authority FILE --unit SERIAL --technician NAME --key HEX --tenant NAME --operator HEX --out FILE",
		Short: "Sign a ticket",
		Long: `sign gives one technician the right to do certain things to one unit, once: the ticket is spent when the unit
is sealed, reset, or has taken its firmware. A ticket that is signed later voids an earlier one as soon as it
is spent. The unit will belong to the tenant, and takes settings that this operator signed only.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return signTicket(c, o, time.Now()) },
	}
	c.Flags().StringVar(&o.authority, "authority", "", "`file` with the authority's key: Ed25519, PKCS #8, PEM")
	c.Flags().StringVar(&o.unit, "unit", "", "`serial` number of the unit, as 'palmctl status' says it")
	c.Flags().StringVar(&o.technician, "technician", "", "`name` of the technician")
	c.Flags().StringVar(&o.key, "key", "", "the technician's public key, 64 `hex` digits, as 'palmctl ticket key' printed it")
	c.Flags().StringVar(&o.tenant, "tenant", "", "`tenant` that the unit will belong to")
	c.Flags().StringVar(&o.operator, "operator", "", "the tenant's operator: public key, 64 `hex` digits")
	c.Flags().StringSliceVar(&o.rights, "rights", []string{"provision"}, "what the ticket allows: provision, update, logs, reset")
	c.Flags().IntVar(&o.days, "days", 7, "how many `days` it is valid")
	c.Flags().StringVar(&o.out, "out", "", "`file` to write; must not exist")
	required(c, "authority", "unit", "technician", "key", "tenant", "operator", "out")
	return c
}

func signTicket(c *cobra.Command, o ticketFlags, now time.Time) error {
	rights, err := prov.ParseRights(o.rights)
	if err != nil {
		return usage(err, "see 'palmctl ticket sign --help'")
	}
	if o.days < 1 || o.days > 366 {
		return usage(fmt.Errorf("days: %d, 1 to 366", o.days), "a ticket is for a job, not for a career")
	}
	authority, err := operatorKey(o.authority)
	if err != nil {
		return err
	}
	t := prov.Ticket{Serial: o.unit, Technician: o.technician, Rights: rights, Tenant: o.tenant,
		Number: uint64(now.Unix()), NotAfter: now.AddDate(0, 0, o.days).Unix()}
	if t.Key, err = hexKey("technician's key", o.key); err == nil {
		t.Operator, err = hexKey("operator", o.operator)
	}
	if err != nil {
		return err
	}
	b, err := prov.SignTicket(t, authority)
	if err != nil {
		return usage(err, "see 'palmctl ticket sign --help'")
	}
	if err := writeFile(o.out, b, 0o600); err != nil {
		return err
	}
	return showTicket(c, t)
}

// ticketView is a ticket for people and machines.
type ticketView struct {
	Unit       string    `json:"unit"`
	Technician string    `json:"technician"`
	Key        string    `json:"key"`
	Rights     []string  `json:"rights"`
	Number     uint64    `json:"number"`
	NotAfter   time.Time `json:"not_after"`
	Tenant     string    `json:"tenant"`
	Operator   string    `json:"operator"`
}

func showTicket(c *cobra.Command, t prov.Ticket) error {
	v := ticketView{t.Serial, t.Technician, hex.EncodeToString(t.Key[:]), t.Rights.Names(), t.Number, time.Unix(t.NotAfter, 0).UTC(), t.Tenant, hex.EncodeToString(t.Operator[:])}
	return show(c, v, func(w io.Writer) {
		fmt.Fprintf(w, "ticket %d: %s may %s unit %s of tenant %s until %s\noperator %s\n", v.Number, v.Technician, strings.Join(v.Rights, ", "), v.Unit, v.Tenant,
			v.NotAfter.Format("2 January 2006, 15:04 MST"), v.Operator)
	})
}

func newTicketShowCommand() *cobra.Command {
	var authority string
	c := &cobra.Command{
		Use:   "show TICKET --authority HEX",
		Short: "Check a ticket and say what it allows",
		Args:  exactly(1, "the ticket's file"),
		RunE: func(c *cobra.Command, args []string) error {
			b, err := readFile("ticket", args[0], prov.MaxTicket)
			if err != nil {
				return err
			}
			key, err := hexKey("authority", authority)
			if err != nil {
				return err
			}
			t, err := prov.OpenTicket(b, ed25519.PublicKey(key[:]))
			if err != nil {
				return hint(err, "ask the authority for a new one")
			}
			if time.Now().Unix() > t.NotAfter {
				return errors.Join(showTicket(c, t), hint(prov.ErrTicketExpired, "ask the authority for a new one"))
			}
			return showTicket(c, t)
		},
	}
	c.Flags().StringVar(&authority, "authority", "", "the authority's public key, 64 `hex` digits")
	required(c, "authority")
	return c
}
