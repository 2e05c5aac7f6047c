// Command palmsim is a palm device on a laptop: it shows the whole system at
// work on synthetic palms, records and replays captures, and measures error
// rates on sets of palm images.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes. They are the same for every command.
const (
	exitWrong   = 1 // it ran, and what it checks is not so: a wrong decision, a damaged tape
	exitUsage   = 2 // the command line, a manifest or a script is not valid
	exitStopped = 3 // interrupted
)

// usageError marks what the caller typed wrong.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := execute(ctx, newRootCommand()); err != nil {
		fmt.Fprintln(os.Stderr, "palmsim:", err)
		if hint := hintOf(err); hint != "" {
			fmt.Fprintln(os.Stderr, "hint:", hint)
		}
		os.Exit(exitCode(ctx, err))
	}
}

// execute runs a command. Where it was interrupted, that is all that there is
// to tell, whatever failed for it; and how to go on, where the command can.
func execute(ctx context.Context, root *cobra.Command) error {
	c, err := root.ExecuteContextC(ctx)
	if err != nil && ctx.Err() != nil {
		return hinted{fmt.Errorf("%s: interrupted", c.Name()), hintOf(err)}
	}
	return err
}

func exitCode(ctx context.Context, err error) int {
	switch {
	case ctx.Err() != nil:
		return exitStopped
	case errors.As(err, new(usageError)):
		return exitUsage
	}
	return exitWrong
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "palmsim",
		Short: "A palm device on a laptop, and the bench that tries it",
		Long: `palmsim stands in for a palm device. It shows device, host and vault at work on
synthetic palms, records and replays captures, lets things fail, and measures error rates.

Exit codes: 0 success, 1 what was checked is not so, 2 wrong usage or input, 3 interrupted.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see '%s --help'", err, c.CommandPath())}
	})
	root.AddCommand(newDemoCommand(), newRecordCommand(), newPlayCommand(), newImportCommand(), newReplayCommand(), newEvalCommand(), newPadCommand(), newBenchUICommand(), newCorpusCommand(), newFaultsCommand(), newSoakCommand(), newWorkerCommand())
	return root
}
