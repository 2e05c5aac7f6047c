package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"volar/cmd/internal/benchui"
	"volar/enclave/attest"
	"volar/firmware"
	"volar/hal"
)

// anyPort is where a page is served that nobody gave an address.
const anyPort = "127.0.0.1:0"

// benchUI is the command that serves the bench.
type benchUI struct {
	listen string
	seed   uint64
	tapes  []string
	runs   []string
}

func newBenchUICommand() *cobra.Command {
	var b benchUI
	c := &cobra.Command{
		Use:   "bench-ui [TAPE…]",
		Short: "Drive a simulated device from a page in the browser",
		Long: `bench-ui starts a host and an empty vault on loopback and a simulated device with the real firmware
before them, and serves a page from which a person drives it: hold out a palm or an attack, move it,
see what both cameras see, what the firmware measures, and what is decided. Tapes given on the
command line can be stepped through frame by frame; --compare sets two runs of firmware side by
side. It ends with Ctrl-C.`,
		Example: "  palmsim bench-ui two.mcap\n  palmsim bench-ui --compare before.jsonl,after.jsonl",
		RunE: func(c *cobra.Command, args []string) error {
			b.tapes = args
			return b.run(c.Context(), c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&b.listen, "listen", anyPort, "loopback `address` of the page")
	c.Flags().Uint64Var(&b.seed, "seed", 1, "what the people are drawn from")
	c.Flags().StringSliceVar(&b.runs, "compare", nil, "two `files` that 'palmsim replay --json' wrote, with a comma between them")
	return c
}

func (b *benchUI) run(ctx context.Context, out io.Writer) error {
	v, err := startVault(ctx)
	if err != nil {
		return fmt.Errorf("bench-ui: %w", err)
	}
	if err := v.close(b.serve(ctx, v, out)); err != nil {
		return fmt.Errorf("bench-ui: %w", err)
	}
	return nil
}

// serve runs a bench before a vault until ctx ends.
func (b *benchUI) serve(ctx context.Context, v *ownVault, out io.Writer) error {
	bench, err := benchui.New(benchui.Options{
		Seed: b.seed, Tapes: b.tapes, Runs: b.runs, Host: v.stack.Address,
		Dial: func(dev *hal.Device, told func(attest.Claims)) (func(context.Context) (firmware.Vault, error), error) {
			return v.dialer(dev, told)
		},
	})
	if err != nil {
		return usageError{err}
	}
	l, err := listenLoopback(b.listen)
	if err != nil {
		return usageError{err}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := &http.Server{
		Handler: bench.Handler(), ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx }, // pages that look on end with the bench
	}
	ended := make(chan error, 2)
	go func() { defer stop(); ended <- bench.Run(ctx) }()
	go func() { defer stop(); ended <- s.Serve(l) }()
	fmt.Fprintf(out, "The bench is at http://%s (Ctrl-C ends it)\n", l.Addr())
	<-ctx.Done()
	err = s.Close()
	for range 2 {
		if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// listenLoopback listens where only this machine can come from.
func listenLoopback(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("--listen %q: %w", address, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("--listen %q: only this machine may see the bench: give 127.0.0.1 or ::1 and a port", address)
	}
	return net.Listen("tcp", address)
}
