package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"volar/wire/bundle"
	"volar/wire/prov"
)

func newUpdateCommand() *cobra.Command {
	var f sessionFlags
	var key string
	var wait time.Duration
	c := &cobra.Command{
		Use:   "update BUNDLE --key KEYS --ticket FILE --technician-key FILE",
		Short: "Bring a bundle to a unit over its serial line",
		Long: `update checks a bundle, offers it to the unit and sends what the unit does not have yet; after an interruption the same
command goes on where it was. The unit verifies the bundle itself, writes it to the slot that does not run, reads it
back, restarts into it, and keeps it if it is healthy; otherwise it comes back by itself. update waits and says how it ended.

Units on a network need none of this: 'palmctl repo add' publishes the bundle, and they come for it.

Exit codes: 0 installed, 1 not kept (the unit says why) or could not be brought, 2 wrong usage or files.`,
		Args: exactly(1, "the bundle"),
		RunE: func(c *cobra.Command, args []string) error { return updateUnit(c, &f, args[0], key, wait) },
	}
	f.add(c, true)
	publicFlag(c, &key)
	c.Flags().DurationVar(&wait, "wait", 15*time.Minute, "how long to wait for the unit to install it, after it has all of it")
	return c
}

func updateUnit(c *cobra.Command, f *sessionFlags, file, key string, wait time.Duration) error {
	b, m, manifest, err := openBundle(file, key)
	if err != nil {
		return err
	}
	defer b.Close()
	payload := io.NewSectionReader(b, bundle.HeadSize(manifest), m.Payload())
	if err := m.Check(payload); err != nil {
		return hint(err, "the file was damaged on its way: copy it again")
	}
	l, err := f.open(c.Context())
	if err != nil {
		return err
	}
	defer l.close()
	if l.status.Board != m.Board {
		return usage(fmt.Errorf("update: the bundle is for board %s, unit %s is a %s", m.Board, l.status.Serial, l.status.Board), "give the bundle of that board")
	}
	progress := newMeter(c.ErrOrStderr(), "sent")
	err = sendBundle(c.Context(), l.Client, manifest, payload, progress.at)
	progress.end()
	if err != nil {
		return hint(err, "%s", updateHint(err, l.status.Update))
	}
	says, err := awaitUpdate(c.Context(), l.Client, m.Name, wait)
	if err != nil {
		return err
	}
	return show(c, struct {
		Unit    string `json:"unit"`
		Version string `json:"version"`
		Says    string `json:"says"`
	}{l.status.Serial, m.Name, says}, func(w io.Writer) { fmt.Fprintf(w, "unit %s: %s\n", l.status.Serial, says) })
}

// updateHint says what to do where a bundle could not be brought.
func updateHint(err error, before string) string {
	if errors.As(err, new(*prov.Failure)) {
		return fmt.Sprintf("the unit refuses it; of its last update it says: %s", prov.Clean(before))
	}
	return "run the command again, with a new ticket if this one is spent: what the unit has it keeps"
}

// sendBundle offers a bundle and sends what the unit does not have.
func sendBundle(ctx context.Context, client *prov.Client, manifest []byte, payload *io.SectionReader, progress func(done, of int64)) error {
	head := prov.Block{Part: prov.PartManifest, Total: uint64(len(manifest)), Digest: sha256.Sum256(manifest)}
	for at := 0; at < len(manifest); at += prov.MaxBlock {
		head.At, head.Data = uint64(at), manifest[at:min(at+prov.MaxBlock, len(manifest))]
		if _, err := client.Do(ctx, prov.Stage, head); err != nil {
			return err
		}
	}
	have, err := prov.Call[prov.Have](ctx, client, prov.UpdateOffer, nil)
	if err != nil {
		return err
	}
	total := uint64(payload.Size())
	block := prov.Block{Part: prov.PartBundle, Total: total, Digest: sha256.Sum256(manifest)}
	buffer := make([]byte, prov.MaxBlock)
	for at := have.Bytes; at < total; {
		n := min(uint64(len(buffer)), total-at)
		if _, err := payload.ReadAt(buffer[:n], int64(at)); err != nil {
			return err
		}
		block.At, block.Data = at, buffer[:n]
		have, err := prov.Call[prov.Have](ctx, client, prov.UpdateBlock, block)
		if err != nil {
			return err
		}
		if have.Bytes <= at || have.Bytes > total {
			return fmt.Errorf("update: the unit has %d bytes after %d of %d", have.Bytes, at+n, total)
		}
		at = have.Bytes
		progress(int64(at), int64(total))
	}
	return nil
}

// updatePoll is how often the unit is asked how far it is.
const updatePoll = 2 * time.Second

// awaitUpdate waits until the unit says how the update ended. The unit
// restarts meanwhile and does not answer then.
func awaitUpdate(ctx context.Context, client *prov.Client, version string, wait time.Duration) (says string, err error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		short, done := context.WithTimeout(ctx, knock)
		st, err := client.Status(short)
		done()
		if err == nil {
			says = prov.Clean(st.Update)
		}
		switch {
		case strings.HasPrefix(says, version+" is installed"):
			return says, nil
		case strings.HasPrefix(says, version+" was not kept"):
			return says, hint(fmt.Errorf("update: the unit says: %s", says), "'palmctl crash' reads what it wrote before it came back")
		}
		select {
		case <-ctx.Done():
			return says, hint(fmt.Errorf("update: after %v the unit says: %q: %w", wait, says, ctx.Err()), "'palmctl status' asks it again")
		case <-time.After(updatePoll):
		}
	}
}
