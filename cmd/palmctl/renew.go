package main

import (
	"encoding/base64"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"volar/enclave/renewal"
)

func newRenewCommand() *cobra.Command {
	var tenant, operator string
	var generation uint64
	c := &cobra.Command{
		Use:   "renew --tenant NAME --operator-key FILE --generation N",
		Short: "Order that a tenant's palms be coded under a new key",
		Long: `renew prints the order, signed by the tenant's operator, as the line that goes into the vault's
configuration, among those of the tenant:

  [[tenants]]
  name = "acme"
  operator = "8f..."
  renewal = "0oRD..." # tenant acme, generation 2

A vault that starts with an order of a higher generation than its codes have deletes everybody who
is enrolled at this tenant, leaves a receipt for each in the store, and draws a new key. People must
be enrolled again: a record has no picture that another code could be made of. Generation 1 takes a
tenant from the plain codes to the renewable ones; there is no way back.

What this protects, and what it costs: enclave/renewal/README.md.`,
		Example: `  palmctl renew --tenant acme --operator-key operator.pem --generation 2`,
		Args:    exactly(0, "flags only"),
		RunE:    func(c *cobra.Command, _ []string) error { return renew(c, tenant, operator, generation) },
	}
	c.Flags().StringVar(&tenant, "tenant", "", "`name` of the tenant")
	c.Flags().StringVar(&operator, "operator-key", "", "private key of the tenant's operator: Ed25519, PKCS #8, PEM `file`")
	c.Flags().Uint64Var(&generation, "generation", 0, "`number` of the codes, 1 and up; more than that of the codes before")
	for _, name := range []string{"tenant", "operator-key", "generation"} {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is declared above
		}
	}
	return c
}

func renew(c *cobra.Command, tenant, operator string, generation uint64) error {
	key, err := operatorKey(operator)
	if err != nil {
		return err
	}
	defer clear(key)
	order, err := renewal.Sign(renewal.Order{Tenant: tenant, Generation: generation}, key)
	if err != nil {
		return usage(err, "for example --tenant acme --generation 1")
	}
	result := struct {
		Tenant     string `json:"tenant"`
		Generation uint64 `json:"generation"`
		Renewal    string `json:"renewal"`
	}{tenant, generation, base64.StdEncoding.EncodeToString(order)}
	return show(c, result, func(w io.Writer) {
		fmt.Fprintf(w, "renewal = %q # tenant %s, generation %d\n", result.Renewal, tenant, generation)
	})
}
