package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"volar/enclave/host/store"
	"volar/wire"
)

func newReceiptExportCommand() *cobra.Command {
	var db, out string
	c := &cobra.Command{
		Use:   "export --db FILE --out FOLDER",
		Short: "Copy receipts, vouchers and proofs of absence out of a host's store",
		Long: `export copies what the store keeps for people: every receipt (HANDLE.receipt), the proof that went
with it (HANDLE.absence) and the vouchers of receipt keys (KEY.voucher). palmhost must be stopped.
Files that are there already stay as they are.`,
		Example: `  palmctl receipt export --db blobs.sqlite --out receipts`,
		Args:    exactly(0, "flags only"),
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := exportReceipts(c.Context(), db, out)
			if err != nil {
				return err
			}
			return show(c, map[string]any{"written": n, "folder": out}, func(w io.Writer) {
				fmt.Fprintf(w, "%d files written to %s\n", n, out)
			})
		},
	}
	c.Flags().StringVar(&db, "db", "", "the host's store, a `file`")
	c.Flags().StringVar(&out, "out", "", "`folder` for the files")
	for _, name := range []string{"db", "out"} {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is declared above
		}
	}
	return c
}

// openStore opens a host's store that is there already.
func openStore(ctx context.Context, path string) (*store.Store, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, usage(fmt.Errorf("open the store: %w", err), "give palmhost's -db")
	}
	s, err := store.Open(ctx, path)
	if errors.Is(err, store.ErrInUse) {
		return nil, hint(err, "stop palmhost first")
	}
	return s, err
}

func exportReceipts(ctx context.Context, db, out string) (written int, err error) {
	s, err := openStore(ctx, db)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := os.MkdirAll(out, 0o755); err != nil {
		return 0, fmt.Errorf("write: %w", err)
	}
	for _, kind := range []string{"receipt", "absence", "voucher"} {
		err := each(ctx, s, kind+"/", func(key string, value []byte) error {
			name := filepath.Join(out, strings.TrimPrefix(key, kind+"/")+"."+kind)
			if _, err := os.Lstat(name); err == nil {
				return nil
			}
			if filepath.Dir(name) != filepath.Clean(out) {
				return fmt.Errorf("the store has a key %q, which is none of a vault's", key)
			}
			written++
			return writeFile(name, value, 0o644)
		})
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// each calls f with every blob under a prefix.
func each(ctx context.Context, s *store.Store, prefix string, f func(key string, value []byte) error) error {
	for after, more := "", true; more; {
		keys, further, err := s.List(ctx, prefix, after, wire.MaxKeys)
		if err != nil {
			return err
		}
		for _, key := range keys {
			value, _, err := s.Get(ctx, key)
			if err != nil {
				return err
			}
			if err := f(key, value); err != nil {
				return err
			}
			after = key
		}
		more = further
	}
	return nil
}
