// Command palmctl is for the people who own, run and audit Volar: it checks
// what a vault signs and prepares what a vault starts from. It needs no
// running vault and talks to none.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes. They are the same for every command.
const (
	exitDone    = 0
	exitWrong   = 1 // it ran, and what it checks is not so, or what it does could not be done
	exitUsage   = 2 // the command line or an input file is not valid
	exitStopped = 3 // interrupted
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run runs palmctl and gives its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if strings.HasPrefix(err.Error(), "required flag(s) ") { // cobra has no type for it
		err = usage(err, "see the command's --help")
	}
	asJSON, _ := root.PersistentFlags().GetBool("json")
	complain(stderr, err, asJSON)
	switch {
	case ctx.Err() != nil:
		return exitStopped
	case errors.As(err, new(usageError)):
		return exitUsage
	}
	return exitWrong
}

// newRootCommand is palmctl with its commands, each in a file of its own.
func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "palmctl",
		Short: "Check what a vault signs, prepare what it starts from",
		Long: `palmctl is for the people who own, run and audit Volar. It needs no running vault.

Exit codes: 0 done, 1 what was checked is not so or could not be done, 2 wrong usage or input,
3 interrupted. Results go to standard output, as JSON with --json; errors go to standard error,
with a line that says what to do next.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(fmt.Errorf("unknown command %q", args[0]), "see 'palmctl --help'")
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.PersistentFlags().Bool("json", false, "print results and errors as JSON")
	root.AddCommand(
		newBundleCommand(),
		newRepoCommand(),
		newUpdateCommand(),
		newBoardCommand(),
		newDoctorCommand(),
		newFlashCommand(),
		newImageCommand(),
		newMeasureCommand(),
		newPlatformCommand(),
		newLogsCommand(false),
		newLogsCommand(true),
		newPolicyCommand(),
		newProvisionCommand(),
		newReceiptCommand(),
		newRenewCommand(),
		newRecoveryCommand(),
		newRehearseCommand(),
		newResetCommand(),
		newStatusCommand(),
		newTargetCommand(),
		newTicketCommand(),
	)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage(err, "see '%s --help'", c.CommandPath())
	})
	return root
}

// usageError marks what the caller typed or gave as input wrong.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// hinted is an error with the next thing to do.
type hinted struct {
	error
	hint string
}

func (e hinted) Unwrap() error { return e.error }

// hint adds the next thing to do to an error.
func hint(err error, format string, args ...any) error {
	return hinted{err, fmt.Sprintf(format, args...)}
}

// usage is a hint for whoever typed something wrong.
func usage(err error, format string, args ...any) error {
	return usageError{hint(err, format, args...)}
}

// complain prints an error and its hint.
func complain(w io.Writer, err error, asJSON bool) {
	var h hinted
	errors.As(err, &h)
	if asJSON {
		_ = json.NewEncoder(w).Encode(struct {
			Error string `json:"error"`
			Hint  string `json:"hint,omitempty"`
		}{err.Error(), h.hint})
		return
	}
	fmt.Fprintln(w, "palmctl:", err)
	if h.hint != "" {
		fmt.Fprintln(w, "hint:", h.hint)
	}
}

// show prints a command's result: value as JSON with --json, otherwise what
// text writes.
func show(c *cobra.Command, value any, text func(io.Writer)) error {
	asJSON, err := c.Flags().GetBool("json")
	if err != nil {
		return err
	}
	if !asJSON {
		text(c.OutOrStdout())
		return nil
	}
	e := json.NewEncoder(c.OutOrStdout())
	e.SetIndent("", "  ")
	return e.Encode(value)
}
